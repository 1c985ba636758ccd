"""Storing many records on SQLite."""

from collections.abc import Iterable, Sequence

from django.db import connection, transaction

from analytics.models import UsageRecord
from analytics.records import Record
from analytics.rollups.dimensions import dimension_of


def sync_every_commit() -> None:
    """What is committed from now on is on the disk then, as with PostgreSQL: what the journal deletes must be safe
    elsewhere. Not possible within a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous=FULL")


def inserted(batch: Sequence[Record]) -> list[Record]:
    """Stores the records that are not there, and returns them. Raises DatabaseError.

    To be called in a transaction; those are begun so that nobody else writes within them. That all are new is the rule;
    only where it does not hold it is asked which are.
    """
    new = {record.request_id: record for record in batch}
    with transaction.atomic():
        if _insert(new.values()) == len(new):
            return list(new.values())
        transaction.set_rollback(True)
    with transaction.atomic():
        names = list(new)
        at_once = connection.features.max_query_params or len(names)
        for start in range(0, len(names), at_once):
            known = UsageRecord.objects.filter(pk__in=names[start : start + at_once])
            for request_id in known.values_list("pk", flat=True):
                del new[request_id]
        _insert(new.values())
    return list(new.values())


def _insert(batch: Iterable[Record]) -> int:
    """Inserts those that are not there, and returns how many that were."""
    names = (*Record._fields, "dimension_id")
    columns = ", ".join(connection.ops.quote_name(name) for name in names)
    places = ", ".join(["%s"] * len(names))
    table = connection.ops.quote_name(UsageRecord.table())
    # INSERT OR IGNORE would pass over what a check refuses as well, in silence.
    ignoring = "ON CONFLICT (request_id) DO NOTHING"
    statement = " ".join(("INSERT INTO", table, f"({columns})", "VALUES", f"({places})", ignoring))
    # Times as Django writes them here: in UTC, without saying so.
    rows = [
        (record.request_id, str(record.moment)[: -len("+00:00")], *record[2:], dimension_of(record)) for record in batch
    ]
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)
        count: int = cursor.rowcount
        return count
