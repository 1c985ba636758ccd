"""What of a row is written down: the fields that its model names, as plain JSON that every database gives back as it
was."""

from dataclasses import dataclass
from datetime import UTC, datetime
from math import copysign
from typing import Any

from django.db import models

Json = dict[str, Any]

EXACT = 1e16
"""Floats from here on PostgreSQL writes out as whole numbers; and it knows no negative zero."""


@dataclass(frozen=True, slots=True)
class State:
    """A row at one moment. `secret` holds what may be compared and never be written: it stays in this process."""

    row: models.Model
    shown: Json
    secret: Json


def identity(row: models.Model) -> str:
    """Returns the public id of `row`, or its primary key where it has none."""
    return str(getattr(row, "public_id", row.pk))


def plain(value: Any) -> Any:
    """Returns `value` as JSON that reads the same from any database: floats that some give back otherwise are texts,
    moments are in UTC."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and abs(value) < EXACT and (value or copysign(1, value) > 0):
        return float(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, models.Model):
        return identity(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return str(value)


def state_of(row: Any) -> State:
    """Returns what `row` holds in memory."""
    return State(
        row,
        {name: plain(getattr(row, name)) for name in (*row.audit_fields, *row.audit_also)},
        {name: getattr(row, name) for name in row.audit_secrets},
    )


def read(model: Any, keys: list[Any], using: str) -> dict[Any, State]:
    """Returns what the database holds now of the rows with these primary keys, and locks them to the end of the
    transaction where the database can."""
    related = [name for name in model.audit_fields if model.audit_options().get_field(name).is_relation]
    rows: models.QuerySet[Any] = (
        models.QuerySet(model, using=using).filter(pk__in=keys).select_related(*related).order_by("pk")
    )
    return {row.pk: state_of(row) for row in rows.select_for_update(of=("self",))}
