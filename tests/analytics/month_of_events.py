"""A month of made-up but realistic events, the same every time: what people did, and what became of it. A release on
one day sends events of a name that is only made three days later; another sends properties that do not fit; and pages
send again what they are not sure of."""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from analytics import judging
from analytics.keeping import Outcome
from tests.analytics.counted import counted
from tests.analytics.month import DAYS, busy

DAILY = {
    "page_view": 900,
    "cta_clicked": 210,
    "demo_interaction": 160,
    "quickstart_started": 95,
    "quickstart_completed": 52,
    "reasoning_trace_viewed": 44,
    "assistive_variant_viewed": 20,
    "assistive_audio_played": 9,
}
"""How many of each name there are on an ordinary day of the first project."""
NEW = "checkout_finished"
RELEASED, MENDED = 11, 14
"""The days on which an application begins to send NEW, and on which the taxonomy has it."""
BROKEN = 23
"""The day on which properties do not fit their schema."""


def month_of_events(until: datetime, projects: Sequence[str]) -> None:
    """Stores thirty days of them, of which the last is that of `until`; each project has half as many as the one before
    it."""
    first = until.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS - 1)
    hours = [first + timedelta(hours=number) for number in range((until - first) // timedelta(hours=1))]
    chance = random.Random(21)
    with transaction.atomic():
        for place, project_id in enumerate(projects):
            for number, hour in enumerate(hours):
                scale = busy(hour) * (0.75 + number / len(hours) / 2) / 2**place
                names = dict(_names(chance, number // 24, scale))
                counted(project_id, hour, names, dict(_outcomes(chance, number // 24, scale, sum(names.values()))))


def _names(chance: random.Random, day: int, scale: float) -> Iterator[tuple[str, int]]:
    daily = {**DAILY, **({NEW: 38} if day >= MENDED else {})}
    for name, usual in daily.items():
        if count := round(usual * scale * chance.uniform(0.8, 1.25)):
            yield name, count


def _outcomes(chance: random.Random, day: int, scale: float, accepted: int) -> Iterator[tuple[str, int]]:
    numbers = {
        Outcome.ACCEPTED.value: float(accepted),
        Outcome.DUPLICATE.value: accepted * chance.uniform(0.01, 0.05),
        judging.UNKNOWN: 42 * scale if RELEASED <= day < MENDED else 0.0,
        judging.INVALID_PROPERTIES: 130 * scale if day == BROKEN else 4 * scale,
        judging.TOO_OLD: 9 * scale * chance.random(),
        judging.IN_FUTURE: 3 * scale * chance.random(),
    }
    for word, number in numbers.items():
        if count := int(number) + (chance.random() < number % 1):
            yield word, count
