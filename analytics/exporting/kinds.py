"""What can be taken out, and which columns of it, in which order.

It is what is stored: of a session or a user only the keyed hash. Columns are not renamed, moved or taken away; new ones
come at the end.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.db.models import QuerySet

from analytics.models import (
    Event,
    EventCount,
    EventOutcome,
    RawExposure,
    Refused,
    RejectedEvent,
    UsageRecord,
    UsageRollup,
    Visit,
    Width,
)

MICRO = 1_000_000
WIDTHS = {"minute": Width.MINUTE, "hour": Width.HOUR, "day": Width.DAY}


def dollars(micro: int) -> str:
    """Micro-dollars as dollars, exactly."""
    return f"{micro // MICRO}.{micro % MICRO:06d}"


def day(start: Any) -> str:
    return f"{start:%Y-%m-%d}"


@dataclass(frozen=True, slots=True)
class Column:
    """`field` is where it is stored, and `written` what is made of that, where it is not taken as it is."""

    name: str
    field: str
    written: Callable[[Any], Any] | None = None


def plain(*names: str) -> tuple[Column, ...]:
    """Columns that are called as their fields."""
    return tuple(Column(name, name) for name in names)


@dataclass(frozen=True, slots=True)
class Kind:
    """`project` and `moment` are the fields that tell whose a row is and when it was. `key` are those in whose order
    rows come, each row by values of its own; there is an index for it. `only` is what holds of all rows that are
    meant."""

    name: str
    model: type[models.Model]
    moment: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    project: str = "project_id"
    only: Mapping[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    def rows(self) -> QuerySet[Any]:
        return QuerySet(self.model).filter(**self.only)


DESCRIBED = plain("event_id", "project_id", "name", "at", "received_at", "session", "person", "browser", "network")
DIMENSION = tuple(
    Column(name, f"dimension__{name}")
    for name in ("organization_id", "project_id", "user_id", "key_id", "endpoint", "model", "flag", "variant")
)
KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "usage", UsageRecord, "at", ("at", "request_id"),
            plain(
                "request_id", "at", "organization_id", "project_id", "key_id", "user_id", "endpoint", "model_asked",
                "model", "upstream", "attempts", "flag", "variant", "stream", "status", "error_code", "input_tokens",
                "cached_tokens", "output_tokens", "reasoning_tokens", "estimated", "cost_micro", "first_token_us",
                "duration_us", "cache_hit", "client_language", "client_version",
            ),
        ),
        Kind(
            "costs", UsageRollup, "start", ("dimension_id", "start"),
            (
                Column("day", "start", day), *DIMENSION, *plain("requests", "cost_micro"),
                Column("cost_usd", "cost_micro", dollars),
            ),
            project="dimension__project_id", only={"width": Width.DAY, "cost_micro__gt": 0},
        ),
        Kind(
            "rollups", UsageRollup, "start", ("dimension_id", "width", "start"),
            (
                *plain("start", "width"), *DIMENSION,
                *plain(
                    "requests", "failed", "cut", "refused", "streamed", "input_tokens", "cached_tokens",
                    "output_tokens", "reasoning_tokens", "cost_micro", "duration", "duration_squares", "first_tokens",
                    "first_token", "first_token_squares", "duration_bins", "first_token_bins",
                ),
            ),
            project="dimension__project_id",
        ),
        Kind("refused", Refused, "hour", ("hour", "id"), plain("hour", "project_id", "endpoint", "reason", "count")),
        Kind("events", Event, "at", ("at", "id"), (*DESCRIBED, *plain("properties")), only={"kept": True}),
        Kind(
            "rejected", RejectedEvent, "received_at", ("received_at", "id"),
            (*DESCRIBED, *plain("properties", "code", "message")),
        ),
        Kind(
            "counts", EventCount, "start", ("project_id", "width", "start", "name"),
            plain("project_id", "name", "width", "start", "count"),
        ),
        Kind(
            "outcomes", EventOutcome, "start", ("project_id", "width", "start", "outcome"),
            plain("project_id", "outcome", "width", "start", "count"),
        ),
        Kind(
            "visits", Visit, "started_at", ("started_at", "id"),
            plain(
                "project_id", "started_at", "ended_at", "events", "entry_page", "entry_at", "exit_page", "exit_at",
                "browser", "network",
            ),
        ),
        Kind(
            "exposures", RawExposure, "first_seen_at", ("first_seen_at", "id"),
            plain("organization", "project", "environment", "flag", "variant", "unit", "first_seen_at"),
            project="project",
        ),
    )
}  # fmt: skip
"""By the names that people type."""
