"""Adding records to the roll-ups, in the transaction that stores them, so that each counts as often as it is there.

What many records add to one bucket is summed up first, and written in one order, so that processes that add to the same
buckets wait for each other instead of for ever.
"""

from collections.abc import Iterable

from django.db import connection

from analytics.records import Record
from analytics.rollups.adding_postgres import added_by_one_statement
from analytics.rollups.adding_sqlite import added_one_by_one
from analytics.rollups.dimensions import id_of
from analytics.rollups.gathering import gather
from analytics.rollups.rows import DimensionRow, Row, moment_of

ADDING = {"sqlite": added_one_by_one, "postgresql": added_by_one_statement}


def add(records: Iterable[Record]) -> None:
    """Adds records that were not there before, of any time. Raises DatabaseError."""
    cells = gather(records)
    if not cells:
        return
    ids = {names: id_of(names) for names, _, _ in cells}
    dimensions: list[DimensionRow] = sorted((id, *names) for names, id in ids.items())
    rows: list[Row] = sorted(
        (ids[names], width, moment_of(start), *sums.values()) for (names, width, start), sums in cells.items()
    )
    ADDING[connection.vendor](dimensions, rows)
