"""Keeping many events on PostgreSQL: one statement, given all of them as one JSON document. COPY into a table that is
made for it would be as fast for thousands, and slower for the hundred that come at once."""

from collections.abc import Sequence

import orjson
from django.db import connection
from psycopg.sql import SQL

from analytics.entries import Entry, Key

PARTS = {
    "columns": SQL("project_id, event_id, name, properties, at, received_at, session, person, browser, network"),
    "given": SQL(
        "project_id, event_id, name, properties::jsonb, timestamptz 'epoch' + at * interval '1 microsecond', "
        "timestamptz 'epoch' + received_at * interval '1 microsecond', session, person, browser, network"
    ),
    "form": SQL(
        "json_to_recordset(%s::json) AS given(project_id text, event_id text, name text, properties text, at bigint, "
        "received_at bigint, session text, person text, browser text, network text, kept boolean, code text, "
        "message text)"
    ),
    # In one order, so that processes that keep the same wait for each other instead of for ever.
    "once": SQL("ORDER BY project_id, event_id ON CONFLICT (project_id, event_id) DO NOTHING"),
}
KEEP = SQL(
    "INSERT INTO analytics_event ({columns}, kept) SELECT {given}, kept FROM {form} {once} "
    "RETURNING project_id, event_id"
).format(**PARTS)
REJECT = SQL(
    "INSERT INTO analytics_rejectedevent ({columns}, code, message) SELECT {given}, code, message FROM {form} {once}"
).format(**PARTS)


def keep_postgres(entries: Sequence[Entry]) -> set[Key]:
    """Inserts the events that are not there, and returns which those are. Raises DatabaseError."""
    if not entries:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(KEEP, (_document(entries),))
        return set(cursor.fetchall())


def as_it_is() -> None:
    """Nothing has to be done for what is committed to be on the disk."""


def reject_postgres(entries: Sequence[Entry]) -> None:
    """Inserts rejected events, of those with one id the first. Raises DatabaseError."""
    with connection.cursor() as cursor:
        cursor.execute(REJECT, (_document(entries),))


def _document(entries: Sequence[Entry]) -> str:
    return orjson.dumps([entry._asdict() for entry in entries]).decode()
