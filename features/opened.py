"""What a form was opened on, so that nobody saves over what somebody else changed meanwhile without having seen it."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any

import orjson
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format

from accounts.audit.differences import lines
from accounts.audit.searching import all_events_of
from accounts.audit.snapshots import state_of
from accounts.models import AuditEvent
from features.history import environments_of, events_of
from features.models import Flag
from features.wire import HIDDEN

FIELD = "opened"
"""The name under which a form sends it back."""
MOST = 20
"""How many changes that were made meanwhile are told, the latest."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A row as it was. `digest` is of all that the log would have of it, and of its states, if it is a flag; `last` is
    the last event of its organisation's log then, by which later ones are found."""

    digest: str
    last: int

    def __str__(self) -> str:
        return f"{self.digest}.{self.last}"

    @classmethod
    def read(cls, text: str) -> "Opened":
        """Returns what a form sent; what is none is as if nothing was ever there."""
        digest, _, last = text.partition(".")
        return cls(digest, int(last) if last.isascii() and last.isdigit() and len(last) < 19 else 0)

    @classmethod
    def of(cls, row: Any) -> "Opened":
        """Returns the row as the database has it now."""
        parts = [state_of(each).shown for each in (row.stored(), *parts_of(row)) if each is not None]
        last = all_events_of(row.audited_in()[0]).order_by("-pk").values_list("pk", flat=True).first()
        return cls(blake2b(orjson.dumps(parts), digest_size=16).hexdigest(), last or 0)


@dataclass(frozen=True)
class Overtaken:
    """A row that is not any more what it was when a form was opened on it."""

    row: Any
    opened: Opened

    @cached_property
    def events(self) -> list[AuditEvent]:
        """What was done to it since, the latest first, each with its `place`, if it is of a state, and its
        `difference`."""
        keys = environments_of(self.row) if isinstance(self.row, Flag) else {}
        found = list(events_about(self.row).filter(pk__gt=self.opened.last).order_by("-pk")[:MOST])
        for event in found:
            describe(event, keys)
        return found

    def __str__(self) -> str:
        """Says who it was, and when."""
        if not self.opened.last or not self.events:
            return "This is not what the page was opened on."
        latest = self.events[0]
        when = date_format(timezone.localtime(latest.created_at), "DATETIME_FORMAT")
        return f"{latest.actor_name or latest.actor_kind} changed this at {when}, after you had opened the page."


def overtaken(row: Any, text: str) -> Overtaken | None:
    """Returns what says that the row was changed since a form was opened that sends this; None where it was not. Call
    it while `FlagsVersion` is held."""
    opened = Opened.read(text)
    return None if Opened.of(row).digest == opened.digest else Overtaken(row, opened)


def parts_of(row: Any) -> Iterable[Any]:
    """Returns the rows that are shown on the same page."""
    if not isinstance(row, Flag):
        return ()
    return row.states.select_related("flag", "environment").order_by("pk").all()


def events_about(row: Any) -> QuerySet[AuditEvent]:
    if isinstance(row, Flag):
        return events_of(row, environments_of(row))
    options = row.audit_options()
    return all_events_of(row.audited_in()[0]).filter(target_type=options.label_lower, target_id=str(row.pk))


def describe(event: Any, environments: dict[str, str]) -> None:
    """Puts at an event what is shown of it: `place`, the key of the environment that it is of; `why`; and `difference`,
    what changed, both sides beside each other, without what is told beside it."""
    side = event.after or event.before or {}
    told = [line for line in lines(event) if line.changed and line.name not in (*HIDDEN, "organisation")]
    marked = event.before is not None and event.after is not None
    event.place = environments.get(side.get("environment", ""), "")
    event.why = (event.after or {}).get("reason", "")
    event.difference = render_to_string(
        "accounts/audit_difference.html", {"changed": told, "same": [], "marked": marked}
    )
