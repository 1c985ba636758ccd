"""Roll-ups over ten million usage records on PostgreSQL: building them anew, and the queries of a dashboard.

Run by itself: `DATABASE_URL=postgres://… python -m benchmarks.rollups`, with a database of its own, which it fills in
some minutes unless it did so before. A smaller number of records may be given. The records are of a month: 40 keys in 8
projects, of which some ask far more than others, mostly by day; six models, two of them rolled out to a tenth of the
callers.
"""

import os
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

import django

from benchmarks import report

RECORDS = 10_000_000
DAYS = 30
FIRST = datetime(2026, 11, 1, tzinfo=UTC)
ORGANIZATION = "org-Xx7Yb2Jm5Qe9"
GOAL_REBUILD, GOAL_QUERY = 60.0, 100.0
FILLED = """
INSERT INTO analytics_usagerecord
SELECT 'req_' || lpad(to_hex(n), 16, '0'), at, d.organization_id, d.project_id, d.key_id, d.user_id, d.endpoint, 'name',
    d.model, 'vendor', 1, d.flag, d.variant, stream,
    CASE WHEN e < 0.01 THEN 502 WHEN e < 0.03 THEN 499 WHEN e < 0.04 THEN 400 ELSE 200 END, '', (700 * size)::bigint, 0,
    (300 * size)::bigint, 0, false, (1000 * size)::bigint, CASE WHEN stream THEN (400000 * size)::bigint END,
    (2000000 * size)::bigint, false, 'python', '2.1.0', d.id
FROM (
    SELECT n, key, e, %(first)s + (n / (%(records)s / %(days)s + 1)) * interval '1 day'
            + ((14.0 + 8.0 * (r1 + r2 + r3 - 1.5))::numeric %% 24)::float8 * interval '1 hour' AS at,
        CASE WHEN e2 < 0.8 THEN key %% 6 ELSE (key + 1) %% 6 END AS m, v < 0.1 AS next,
        key %% 6 <> 5 AND e3 < 0.6 AS stream, exp((r4 + r5 + r6 - 1.5) * 1.4) AS size
    FROM (
        SELECT n, random() r1, random() r2, random() r3, random() r4, random() r5, random() r6, random() v, random() e,
            random() e2, random() e3, least(39, floor(40 * power(random(), 2.5)))::int AS key
        FROM generate_series(0, %(records)s - 1) n
    ) chance
) request
JOIN unnest(%(keys)s::int[], %(models)s::int[], %(nexts)s::bool[], %(ids)s::bigint[]) AS place (key, m, next, id)
    USING (key, m, next)
JOIN analytics_dimension d USING (id)
ORDER BY at
"""


def fill(records: int) -> None:
    """Makes the records of a month."""
    from django.db import connection  # noqa: PLC0415 - needs Django to be set up

    from analytics.models import Dimension, UsageRecord, UsageRollup  # noqa: PLC0415 - likewise
    from analytics.rollups.dimensions import FIELDS, id_of  # noqa: PLC0415 - likewise

    places = []
    for key, m, following in product(range(40), range(6), (False, True)):
        rolled = m < 2
        names = (
            ORGANIZATION, f"proj_Q8k3B8bEGSVWyjns{key % 8}", f"svc_acct_Zq8Yb2Jm5Qe{key}",
            f"key_vyVsIaegZIpa2cvR4rd6xEv{key}", "/v1/embeddings" if m == 5 else "/v1/chat/completions",
            f"model-{m}-next" if rolled and following else f"model-{m}", f"rollout-{m}" if rolled else "",
            ("next" if following else "control") if rolled else "",
        )  # fmt: skip
        places.append((key, m, following, id_of(names), names))
    for model in (UsageRecord, UsageRollup, Dimension):
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {model.table()}")
    Dimension.objects.bulk_create(
        [Dimension(id=id, **dict(zip(FIELDS, names, strict=True))) for *_, id, names in places], ignore_conflicts=True
    )
    keys, models, nexts, ids, _ = (list(column) for column in zip(*places, strict=True))
    values = {"first": FIRST, "records": records, "days": DAYS, "keys": keys, "models": models, "nexts": nexts}
    with connection.cursor() as cursor:
        cursor.execute(FILLED, {**values, "ids": ids})
        cursor.execute("VACUUM ANALYZE analytics_usagerecord")


def run(records: int = RECORDS) -> list[dict[str, Any]]:
    """Builds the roll-ups of a month anew and asks what a dashboard asks: seconds, and milliseconds at the median."""
    from django.core.management import call_command  # noqa: PLC0415 - needs Django to be set up
    from django.db import connection  # noqa: PLC0415 - likewise

    from analytics.models import UsageRecord, UsageRollup  # noqa: PLC0415 - likewise

    call_command("migrate", verbosity=0)
    if UsageRecord.objects.exclude(organization_id=ORGANIZATION).exists():
        sys.exit("This empties the tables of usage: give it a database of its own.")
    if UsageRecord.objects.count() != records:
        fill(records)
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {UsageRollup.table()}")
    connection.close()
    begin, busy = perf_counter(), processor_seconds()
    call_command("rebuild_rollups", "--jobs", "2", verbosity=0)
    taken, used = perf_counter() - begin, processor_seconds() - busy
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM ANALYZE {UsageRollup.table()}")
    what = f"{records:,} records built anew"
    rows = [{"roll-ups": what, "took": f"{taken:.1f} s", "CPU s": round(used, 1), "goal": f"{GOAL_REBUILD:.0f} s"}]
    for name, ask in questions().items():
        times = []
        for _ in range(7):
            begin = perf_counter()
            ask()
            times.append((perf_counter() - begin) * 1000)
        goal = f"{GOAL_QUERY:.0f} ms"
        rows.append({"roll-ups": name, "took": f"{min(times):.0f} ms", "CPU s": "", "goal": goal})
    return rows


def questions() -> dict[str, Any]:
    """What a dashboard asks, by name."""
    from analytics.models import Width  # noqa: PLC0415 - needs Django to be set up
    from analytics.rollups.reading import Question, latencies, sums  # noqa: PLC0415 - likewise

    end = FIRST + timedelta(days=DAYS)
    month = Question(ORGANIZATION, Width.DAY, FIRST, end)
    day = replace(month, width=Width.HOUR, start=end - timedelta(days=1))
    hour = replace(month, width=Width.MINUTE, start=end - timedelta(hours=12), end=end - timedelta(hours=11))
    by_model, project = ("model",), {"project_id": ["proj_Q8k3B8bEGSVWyjns0"]}
    return {
        "a month by day and model": lambda: sums(replace(month, group_by=by_model)),
        "a month by day and key, of a project": lambda: sums(replace(month, group_by=("key_id",), filters=project)),
        "a day by hour and project": lambda: sums(replace(day, group_by=("project_id",))),
        "an hour by minute and model": lambda: sums(replace(hour, group_by=by_model)),
        "latencies of a month by model": lambda: latencies(replace(month, group_by=by_model)),
        "latencies of a day by hour": lambda: latencies(day, by_bucket=True),
        "latencies of an hour by variant": lambda: latencies(replace(hour, group_by=("variant",)), "first_token"),
    }


def processor_seconds() -> float:
    """What all processes of PostgreSQL on this machine that run or ran until now have used, in seconds."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
            fields = rest.split()
            total += sum(map(int, fields[11:15])) if name.startswith("postgres") and fields[1] == "1" else 0
            total += sum(map(int, fields[11:13])) if name.startswith("postgres") and fields[1] != "1" else 0
    return total / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        sys.exit("DATABASE_URL has to name an empty database of PostgreSQL.")
    os.environ |= {"DJANGO_SETTINGS_MODULE": "lukhas_site.settings"}
    django.setup()
    report.write("rollups", run(*map(int, sys.argv[1:])))
