"""Keeping many events on SQLite, within a transaction in which nobody else writes."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from django.db import connection

from analytics.entries import Entry, Key, moment
from analytics.models import Event

KEPT = Entry._fields[:11]
"""The columns of an event."""
REJECTED = (*Entry._fields[:10], "code", "message")


def keep_sqlite(entries: Sequence[Entry]) -> set[Key]:
    """Inserts the events that are not there, and returns which those are. Raises DatabaseError."""
    if not entries:
        return set()
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(id) FROM analytics_event")
        last: int = cursor.fetchone()[0] or 0
    rows = ((*_told(entry), entry.kept) for entry in entries)
    if _insert("analytics_event", KEPT, rows) == len(entries):
        return {entry.key for entry in entries}
    # Keys grow, and nobody else writes: what is behind the last one is what this has inserted.
    return set(Event.objects.filter(pk__gt=last).order_by().values_list("project_id", "event_id"))


def reject_sqlite(entries: Sequence[Entry]) -> None:
    """Inserts rejected events, of those with one id the first. Raises DatabaseError."""
    _insert("analytics_rejectedevent", REJECTED, ((*_told(entry), entry.code, entry.message) for entry in entries))


def synchronous() -> None:
    """Has what is committed from now on be on the disk, as with PostgreSQL: whoever sent it will not send it again."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous=FULL")


def _told(entry: Entry) -> tuple[Any, ...]:
    """Its first ten values as SQLite takes them."""
    return (*entry[:4], _time(entry[4]), _time(entry[5]), *entry[6:10])


@lru_cache(maxsize=1024)
def _time(microseconds: int) -> str:
    """A time as Django writes it here: in UTC, without saying so. Events of a batch came in at the same one."""
    return str(moment(microseconds))[: -len("+00:00")]


def _insert(table: str, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Inserts those that are not there, and returns how many that were."""
    into = " ".join(("INSERT INTO", table, f"({', '.join(names)})", "VALUES", f"({', '.join(['%s'] * len(names))})"))
    # INSERT OR IGNORE would pass over what a check refuses as well, in silence.
    with connection.cursor() as cursor:
        cursor.executemany(f"{into} ON CONFLICT (project_id, event_id) DO NOTHING", list(rows))
        count: int = cursor.rowcount
        return count
