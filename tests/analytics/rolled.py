"""Records to be summed up, and what their roll-ups have to be, for tests."""

import random
from collections.abc import Iterable
from typing import Any

from analytics.histograms import unpacked
from analytics.models import UsageRollup
from analytics.records import Record
from analytics.rollups.dimensions import id_of
from analytics.rollups.gathering import gather
from analytics.rollups.rows import COLUMNS, moment_of
from tests.analytics.recorded import GOOD, record

HOUR_US = 3_600_000_000
Rows = dict[tuple[Any, ...], tuple[Any, ...]]


def random_records(number: int) -> list[Record]:
    """Records of three days, of a few keys, of every outcome. The same every time."""
    chance = random.Random(1)

    def one(index: int) -> Record:
        stream = chance.random() < 0.5
        key = chance.randrange(3)
        return record(
            index,
            at=GOOD.at + chance.randrange(48 * HOUR_US),
            organization_id=f"org-{key % 2}",
            project_id=f"proj_{key % 2}",
            key_id=f"key_{key}",
            model=chance.choice(["big-1", "small-1"]),
            variant=chance.choice(["", "next"]),
            stream=stream,
            status=chance.choice([200, 200, 400, 429, 499, 500, 504]),
            input_tokens=chance.randrange(1000),
            output_tokens=chance.randrange(1000),
            cost_micro=chance.randrange(10_000),
            first_token_us=chance.choice([None, chance.randrange(10**6)]) if stream else None,
            duration_us=int(chance.lognormvariate(12, 2)),
        )

    return [one(index) for index in range(number)]


def kept() -> Rows:
    """All roll-ups that there are, by their key."""
    rows = UsageRollup.objects.values_list(*COLUMNS)
    return {row[:3]: (*row[3:-2], *map(unpacked, row[-2:])) for row in rows}


def expected(records: Iterable[Record]) -> Rows:
    """What they have to be where these records are stored."""
    return {
        (id_of(names), width, moment_of(start)): (*values[:-2], *map(unpacked, values[-2:]))
        for (names, width, start), values in ((cell, sums.values()) for cell, sums in gather(records).items())
    }
