"""Where the axes of a chart have their marks. Pure."""

import math
from collections.abc import Sequence
from datetime import datetime

DAY = 86_400
INTERVALS = (60, 300, 600, 900, 1800, 3600, 7200, 10_800, 14_400, 21_600, 43_200)
DAYS = (1, 2, 4, 7, 14, 28, 56, 91)
MARKS = 8
"""The most marks of an axis of time."""
ROUND = (1, 2, 5, 10)
STEPS = 4
"""About how many parts the other axis has."""


def heights(highest: float, *, whole: bool = False) -> list[float]:
    """Marks from zero on, of which the last is not below `highest`; with `whole`, of whole numbers only."""
    least = highest / STEPS or 1
    power = 10.0 ** math.floor(math.log10(least))
    step = next(power * factor for factor in ROUND if power * factor * (1 + 1e-9) >= least)
    if whole:
        step = max(step, 1)
    return [step * number for number in range(math.ceil(highest / step - 1e-9) + 1)] if highest else [0, step]


def marks(buckets: Sequence[datetime], width: int) -> list[tuple[int, str]]:
    """The buckets that are marked, by their places, and what is written there: times of a day, or days."""
    span = len(buckets) * width
    interval = next((each for each in INTERVALS if span / each <= MARKS), 0)
    if interval:
        found = [place for place, at in enumerate(buckets) if int(at.timestamp()) % interval == 0]
        return [(place, _time(buckets[place])) for place in found]
    days = next((each for each in DAYS if span / DAY / each <= MARKS), DAYS[-1])
    # From the last day on, so that it is marked.
    found = [place for place, at in enumerate(buckets) if at.hour == at.minute == 0][::-days][::-1]
    return [(place, f"{buckets[place]:%-d %b}") for place in found]


def _time(at: datetime) -> str:
    return f"{at:%-d %b}" if at.hour == at.minute == 0 else f"{at:%H:%M}"
