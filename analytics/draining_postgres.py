"""Storing many records on PostgreSQL: by COPY into a table that only this transaction sees, and on from there."""

from collections.abc import Sequence

from django.db import connection, transaction
from psycopg.sql import SQL, Identifier

from analytics.models import UsageRecord
from analytics.records import Record
from analytics.rollups.dimensions import dimension_of

INCOMING = "usage_incoming"


def copied(batch: Sequence[Record]) -> list[Record]:
    """Stores the records that are not there, and returns them. Raises DatabaseError.

    They go in in one order, so that processes that store the same wait for each other instead of for ever.
    """
    names = SQL(", ").join(map(Identifier, (*Record._fields, "dimension_id")))
    into = {"target": Identifier(UsageRecord.table()), "incoming": Identifier(INCOMING), "names": names}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SQL("CREATE TEMPORARY TABLE {incoming} (LIKE {target}) ON COMMIT DROP").format(**into))
        with cursor.copy(SQL("COPY {incoming} ({names}) FROM STDIN").format(**into)) as copy:
            for record in batch:
                copy.write_row((record.request_id, record.moment, *record[2:], dimension_of(record)))
        cursor.execute(
            SQL(
                "INSERT INTO {target} ({names}) SELECT DISTINCT ON (request_id) {names} FROM {incoming} "
                "ORDER BY request_id ON CONFLICT (request_id) DO NOTHING RETURNING request_id"
            ).format(**into)
        )
        new = {request_id for (request_id,) in cursor.fetchall()}
    return list({record.request_id: record for record in batch if record.request_id in new}.values())
