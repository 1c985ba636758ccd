"""Adding to the roll-ups on SQLite."""

from collections.abc import Sequence

from django.db import connection

from analytics.models import Dimension, UsageRollup
from analytics.records import MOST
from analytics.rollups.gathering import HISTOGRAMS, NUMBERS
from analytics.rollups.rows import COLUMNS, DIMENSION_COLUMNS, KEY, DimensionRow, Row

HISTOGRAM = """json_patch(kept.{0}, (
    SELECT json_group_object(new.key, new.value + coalesce(json_extract(kept.{0}, '$."' || new.key || '"'), 0))
    FROM json_each(excluded.{0}) AS new
))"""
ADDED = {
    # What is more than a whole number holds becomes a floating one, which is larger.
    **{name: f"min(kept.{name} + excluded.{name}, {MOST})" for name in NUMBERS},
    **{name: HISTOGRAM.format(name) for name in HISTOGRAMS},
}


def _insert(table: str, columns: Sequence[str]) -> str:
    places = ", ".join(["%s"] * len(columns))
    return " ".join(
        ("INSERT INTO", table, "AS kept", f"({', '.join(columns)})", "VALUES", f"({places})", "ON CONFLICT")
    )


DIMENSION = f"{_insert(Dimension.table(), DIMENSION_COLUMNS)} (id) DO NOTHING"
SETTING = ", ".join(f"{name} = {value}" for name, value in ADDED.items())
ROLLUP = f"{_insert(UsageRollup.table(), COLUMNS)} ({', '.join(KEY)}) DO UPDATE SET {SETTING}"


def added_one_by_one(dimensions: Sequence[DimensionRow], rows: Sequence[Row]) -> None:
    """Adds the values of rows to those that are there. Raises DatabaseError."""
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.executemany(DIMENSION, dimensions)
        cursor.executemany(ROLLUP, [(*row[:2], adapt(row[2]), *row[3:]) for row in rows])
