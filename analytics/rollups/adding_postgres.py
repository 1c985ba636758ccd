"""Adding to the roll-ups on PostgreSQL: all of it by one statement."""

from collections.abc import Sequence
from typing import Any

from django.db import connection
from psycopg.sql import SQL, Composable, Identifier

from analytics.models import Dimension, UsageRollup
from analytics.records import MOST
from analytics.rollups.gathering import HISTOGRAMS, NUMBERS
from analytics.rollups.rows import COLUMNS, DIMENSION_COLUMNS, KEY, DimensionRow, Row

NUMBER = SQL("{name} = least(kept.{name}::numeric + excluded.{name}, {most})")
HISTOGRAM = SQL("""{name} = CASE WHEN excluded.{name} = '{{}}' THEN kept.{name} ELSE (
    SELECT jsonb_object_agg(bin, number)::text FROM (
        SELECT bin, sum(number::bigint) AS number FROM (
            SELECT * FROM jsonb_each_text(kept.{name}::jsonb)
            UNION ALL SELECT * FROM jsonb_each_text(excluded.{name}::jsonb)
        ) AS both_of_them (bin, number) GROUP BY bin
    ) AS summed
) END""")
TYPES = {
    "width": SQL("%s::integer[]"),
    "start": SQL("%s::timestamptz[]"),
    **dict.fromkeys(HISTOGRAMS, SQL("%s::text[]")),
}
NUMBERS_TYPE = SQL("%s::bigint[]")
COMMA = SQL(", ")


def listed(columns: Sequence[str]) -> Composable:
    """The columns, one after the other."""
    return COMMA.join(map(Identifier, columns))


DIMENSION = SQL(
    "INSERT INTO {table} ({columns}) SELECT * FROM unnest(%s::bigint[], {texts}) ORDER BY 1 ON CONFLICT (id) DO NOTHING"
).format(
    table=Identifier(Dimension.table()),
    columns=listed(DIMENSION_COLUMNS),
    texts=COMMA.join([SQL("%s::text[]")] * (len(DIMENSION_COLUMNS) - 1)),
)
ROLLUP = SQL(
    "INSERT INTO {table} AS kept ({columns}) SELECT * FROM unnest({values}) ORDER BY 1, 2, 3 "
    "ON CONFLICT ({key}) DO UPDATE SET {added}"
).format(
    table=Identifier(UsageRollup.table()),
    columns=listed(COLUMNS),
    values=COMMA.join(TYPES.get(name, NUMBERS_TYPE) for name in COLUMNS),
    key=listed(KEY),
    added=COMMA.join(
        [
            *(NUMBER.format(name=Identifier(name), most=SQL(str(MOST))) for name in NUMBERS),
            *(HISTOGRAM.format(name=Identifier(name)) for name in HISTOGRAMS),
        ]
    ),
)


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def added_by_one_statement(dimensions: Sequence[DimensionRow], rows: Sequence[Row]) -> None:
    """Adds the values of rows to those that are there. Raises DatabaseError."""
    with connection.cursor() as cursor:
        cursor.execute(DIMENSION, _columns(dimensions))
        cursor.execute(ROLLUP, _columns(rows))
