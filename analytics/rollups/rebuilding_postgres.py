"""Building roll-ups anew on PostgreSQL: all of it in SQL, so that ten million records take less than a minute.

What the records say is summed up into temporary tables, which only this transaction sees. Most of the work is done once
a minute and dimension; hours and days are summed up from minutes, and their histograms from the bins of minutes.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection
from psycopg.sql import SQL, Composable, Identifier

from analytics.histograms import BOUNDS
from analytics.models import Dimension, UsageRecord, UsageRollup, Width
from analytics.models.usage import WITHOUT_DIMENSION
from analytics.records import MOST
from analytics.rollups.adding_postgres import COMMA, listed
from analytics.rollups.dimensions import FIELDS
from analytics.rollups.gathering import HISTOGRAMS, LONGEST_US, NUMBERS, TICK_US
from analytics.rollups.rows import COLUMNS, DIMENSION_COLUMNS, KEY

ONE_AT_A_TIME = 0x4C554B48
"""Of PostgreSQL's advisory locks: whoever builds the same day anew waits. Other days may be built at the same time."""
FIRST = SQL("timestamptz '0001-01-01 00:00Z'")
"""Buckets are counted from here: the beginning of a day, before every record."""
UNITS = {
    Width.MINUTE: SQL("interval '1 minute'"),
    Width.HOUR: SQL("interval '1 hour'"),
    Width.DAY: SQL("interval '1 day'"),
}
TABLES: dict[str, Composable] = {
    "records": Identifier(UsageRecord.table()),
    "rollups": Identifier(UsageRollup.table()),
    "dimensions": Identifier(Dimension.table()),
}
LISTS: dict[str, Composable] = {"columns": listed(COLUMNS), "key": listed(KEY), "numbers": listed(NUMBERS)}


def _ticks(column: str) -> Composable:
    # Not `least`, which takes NULL for no value at all.
    form = SQL("(((CASE WHEN {column} > {longest} THEN {longest} ELSE {column} END) + {half}) / {tick})")
    whole = {"longest": LONGEST_US, "half": TICK_US // 2, "tick": TICK_US}
    return form.format(column=Identifier(column), **{name: SQL(str(number)) for name, number in whole.items()})


def _sum(what: Composable) -> Composable:
    return SQL("least(coalesce(sum({what}), 0), {most})::bigint").format(what=what, most=SQL(str(MOST)))


def _squares(ticks: Composable) -> Composable:
    return _sum(SQL("{ticks} * {ticks}").format(ticks=ticks))


def _bin(column: str) -> Composable:
    """The bin of `analytics.histograms`; NULL for NULL."""
    bounds = SQL(", ").join(SQL(str(bound)) for bound in BOUNDS)
    return SQL("width_bucket({column}, ARRAY[{bounds}]::bigint[])").format(column=Identifier(column), bounds=bounds)


def _named(values: Mapping[str, Composable]) -> Composable:
    form = SQL("{value} AS {name}")
    return COMMA.join(form.format(value=value, name=Identifier(name)) for name, value in values.items())


SUMS: dict[str, Composable] = {
    "requests": SQL("count(*)"),
    "failed": SQL("count(*) FILTER (WHERE status >= 500)"),
    "cut": SQL("count(*) FILTER (WHERE status = 499)"),
    "refused": SQL("count(*) FILTER (WHERE status >= 400 AND status < 499)"),
    "streamed": SQL("count(*) FILTER (WHERE stream)"),
    "input_tokens": _sum(Identifier("input_tokens")),
    "cached_tokens": _sum(Identifier("cached_tokens")),
    "output_tokens": _sum(Identifier("output_tokens")),
    "reasoning_tokens": _sum(Identifier("reasoning_tokens")),
    "cost_micro": _sum(Identifier("cost_micro")),
    "duration": _sum(_ticks("duration_us")),
    "duration_squares": _squares(_ticks("duration_us")),
    "first_tokens": SQL("count(first_token_us)"),
    "first_token": _sum(_ticks("first_token_us")),
    "first_token_squares": _squares(_ticks("first_token_us")),
}
"""What of the records is summed up, by the column of the roll-up."""
READ = SQL("""
CREATE TEMPORARY TABLE rebuilt_records ON COMMIT DROP AS
SELECT dimension_id, date_bin({minute}, at, {first}) AS start, status, stream, input_tokens, cached_tokens,
    output_tokens, reasoning_tokens, cost_micro, duration_us, first_token_us, {bins}
FROM {records} WHERE at >= %(start)s AND at < %(end)s
""").format(
    minute=UNITS[Width.MINUTE],
    first=FIRST,
    bins=_named({"duration": _bin("duration_us"), "first_token": _bin("first_token_us")}),
    **TABLES,
)
SUMMED = SQL("""
CREATE TEMPORARY TABLE rebuilt_minutes ON COMMIT DROP AS
SELECT dimension_id, start, {sums} FROM rebuilt_records GROUP BY 1, 2
""").format(sums=_named(SUMS))
BINNED = SQL("""
CREATE TEMPORARY TABLE {binned} ON COMMIT DROP AS
SELECT dimension_id, start, {metric} AS bin, count(*) AS number
FROM rebuilt_records WHERE {metric} IS NOT NULL GROUP BY 1, 2, 3
""")
WIDER_BINS = SQL("""(
    SELECT dimension_id, date_bin({unit}, start, {first}) AS start, bin, sum(number) AS number
    FROM {binned} GROUP BY 1, 2, 3
) AS wider""")
HISTOGRAM = SQL("""(
    SELECT dimension_id, start, '{{' || string_agg('"' || bin || '":' || number, ',') || '}}' AS bins
    FROM {binned} GROUP BY 1, 2
)""")
REBUILT = SQL("CREATE TEMPORARY TABLE rebuilt (LIKE {rollups}) ON COMMIT DROP").format(**TABLES)
WIDER_SUMS = SQL("""(
    SELECT dimension_id, date_bin({unit}, start, {first}) AS start, {sums} FROM rebuilt_minutes GROUP BY 1, 2
)""")
WIDENED = SQL("""
INSERT INTO rebuilt ({columns})
SELECT dimension_id, {width}, start, {numbers}, durations.bins, coalesce(first_tokens.bins, '{{}}')
FROM {summed} AS summed
JOIN {durations} AS durations USING (dimension_id, start)
LEFT JOIN {first_tokens} AS first_tokens USING (dimension_id, start)
""")
BINS = {metric: Identifier(f"rebuilt_{metric}_bins") for metric in ("duration", "first_token")}


def _widened(width: Width) -> Composable:
    """Makes the roll-ups of a width from minutes."""
    summed: Composable = Identifier("rebuilt_minutes")
    binned: dict[str, Composable] = dict(BINS)
    if width is not Width.MINUTE:
        unit = {"unit": UNITS[width], "first": FIRST}
        summed = WIDER_SUMS.format(sums=_named({name: _sum(Identifier(name)) for name in NUMBERS}), **unit)
        binned = {metric: WIDER_BINS.format(binned=table, **unit) for metric, table in BINS.items()}
    return WIDENED.format(
        width=SQL(str(width.value)),
        summed=summed,
        durations=HISTOGRAM.format(binned=binned["duration"]),
        first_tokens=HISTOGRAM.format(binned=binned["first_token"]),
        **LISTS,
    )


STEPS = (
    READ,
    SUMMED,
    *(BINNED.format(binned=table, metric=Identifier(metric)) for metric, table in BINS.items()),
    REBUILT,
    *map(_widened, Width),
)


def _of(row: str) -> Composable:
    return COMMA.join(Identifier(row, name) for name in NUMBERS)


SAME_HISTOGRAM = SQL("(new.{name} = old.{name} OR new.{name}::jsonb = old.{name}::jsonb)")
COMPARED = SQL("""
CREATE TEMPORARY TABLE differing ON COMMIT DROP AS
SELECT dimension_id, width, start, CASE
    WHEN old.requests IS NULL THEN 'missing'
    WHEN new.requests IS NULL THEN CASE WHEN whole THEN 'surplus' ELSE 'left' END
    WHEN whole OR new.requests >= old.requests THEN 'wrong' ELSE 'left' END AS verdict
FROM rebuilt AS new FULL JOIN (
    SELECT kept.* FROM {dimensions} AS dimension CROSS JOIN (VALUES {widths}) AS widths (width)
    JOIN {rollups} AS kept ON kept.dimension_id = dimension.id AND kept.width = widths.width
        AND kept.start >= %(start)s AND kept.start < %(end)s
) AS old USING (dimension_id, width, start)
JOIN {dimensions} AS dimension ON dimension.id = dimension_id
LEFT JOIN unnest(%(projects)s::text[], %(moments)s::timestamptz[]) AS known (project_id, since) USING (project_id)
CROSS JOIN LATERAL (SELECT start >= greatest(%(since)s, known.since) AS whole) AS judged
WHERE old.requests IS NULL OR new.requests IS NULL OR NOT (({new}) = ({old}) AND {same_histograms})
""").format(
    widths=COMMA.join(SQL(f"({width})") for width in Width.values),
    new=_of("new"),
    old=_of("old"),
    same_histograms=SQL(" AND ").join(SAME_HISTOGRAM.format(name=Identifier(name)) for name in HISTOGRAMS),
    **TABLES,
)
UNNAMED = SQL("""
SELECT DISTINCT dimension_id FROM rebuilt_minutes WHERE dimension_id <> {without}
AND NOT EXISTS (SELECT FROM {dimensions} AS dimension WHERE dimension.id = dimension_id)
""").format(without=SQL(str(WITHOUT_DIMENSION)), **TABLES)
NAMED = SQL("""
INSERT INTO {dimensions} ({dimension_columns}) SELECT DISTINCT ON (dimension_id) dimension_id, {names}
FROM {records} WHERE at >= %(start)s AND at < %(end)s AND dimension_id = ANY(%(unnamed)s)
ORDER BY dimension_id ON CONFLICT (id) DO NOTHING
""").format(dimension_columns=listed(DIMENSION_COLUMNS), names=listed(FIELDS), **TABLES)
REMOVED = SQL("""
DELETE FROM {rollups} AS kept USING differing WHERE verdict IN ('wrong', 'surplus')
AND kept.dimension_id = differing.dimension_id AND kept.width = differing.width AND kept.start = differing.start
""").format(**TABLES)
INSERTED = SQL("""
INSERT INTO {rollups} ({columns}) SELECT {columns} FROM rebuilt JOIN differing USING ({key})
WHERE verdict IN ('missing', 'wrong') ORDER BY {key}
""").format(**TABLES, **LISTS)


def hold_off(day: datetime) -> None:
    """Waits for those who store or delete records, or build this day anew, and holds others off until the transaction
    ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [ONE_AT_A_TIME, day.toordinal()])
        cursor.execute(SQL("LOCK TABLE {records} IN SHARE MODE").format(**TABLES))


def rebuilt_by_statements(
    start: datetime, end: datetime, since: datetime, projects: Mapping[str, datetime], *, repair: bool
) -> tuple[int, int, int, int]:
    """How many roll-ups of this time are missing, wrong, surplus and left; see `analytics.rollups.rebuilding`. To be
    called in a transaction, after `hold_off`."""
    days: dict[str, Any] = {"start": start, "end": end}
    known: dict[str, Any] = {"since": since, "projects": list(projects), "moments": list(projects.values())}
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '128MB'; SET LOCAL jit = off")
        for statement in STEPS:
            cursor.execute(statement, days)
        cursor.execute(UNNAMED)
        if unnamed := [id for (id,) in cursor.fetchall()]:
            cursor.execute(NAMED, {**days, "unnamed": unnamed})
        cursor.execute(COMPARED, {**days, **known})
        cursor.execute("SELECT verdict, count(*) FROM differing GROUP BY 1")
        counts = dict(cursor.fetchall())
        for statement in (REMOVED, INSERTED) if repair else ():
            cursor.execute(statement)
    return counts.get("missing", 0), counts.get("wrong", 0), counts.get("surplus", 0), counts.get("left", 0)
