"""Is one variant different from the other, or is it chance: differences with 95 % intervals, from sums alone. Pure.

Means of times are compared by their ratio (the logarithm of which is about normal, with the delta method's variance),
shares by their difference (Newcombe's interval, of two of Wilson's, which holds for none and all as well).
"""

import math
from dataclasses import dataclass

from analytics.rollups.gathering import mean_and_deviation

Z = 1.959964
"""Of a normal distribution 95 % lie so many standard deviations around its mean."""
FEWEST = 30
"""With fewer requests on either side nothing is said."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A difference and the interval that holds the true one 95 times of 100."""

    value: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Whether no difference at all is outside of the interval."""
        return not self.low <= 0 <= self.high


@dataclass(frozen=True, slots=True)
class Times:
    """How many times there were, their sum and that of their squares, as in `analytics.rollups.gathering.Sums`."""

    count: int
    total: int
    squares: int

    @property
    def mean(self) -> float | None:
        """In microseconds; None of none."""
        return mean_and_deviation(self.count, self.total, self.squares)[0] if self.count else None


def ratio(one: Times, control: Times) -> Estimate | None:
    """By what share the mean of one is above the control's; None where there are too few, or nothing took any time."""
    if min(one.count, control.count) < FEWEST or not (one.total and control.total):
        return None
    value = math.log((one.total / one.count) / (control.total / control.count))
    spread = Z * math.sqrt(_relative_variance(one) + _relative_variance(control))
    return Estimate(*(math.expm1(at) for at in (value, value - spread, value + spread)))


def _relative_variance(times: Times) -> float:
    """The variance of the mean, as a share of its square."""
    mean, deviation = mean_and_deviation(times.count, times.total, times.squares)
    return (deviation / mean) ** 2 / (times.count - 1)


def difference(hits: int, count: int, control_hits: int, control_count: int) -> Estimate | None:
    """By how much one share is above the control's, between -1 and 1; None where there are too few."""
    if min(count, control_count) < FEWEST:
        return None
    return newcombe(hits, count, control_hits, control_count)


def newcombe(hits: int, count: int, control_hits: int, control_count: int) -> Estimate:
    """The same, of however few; both sides have at least one."""
    share, low, high = wilson(hits, count)
    control, control_low, control_high = wilson(control_hits, control_count)
    value = share - control
    down = math.hypot(share - low, control_high - control)
    up = math.hypot(high - share, control - control_low)
    return Estimate(value, value - down, value + up)


def wilson(hits: int, count: int) -> tuple[float, float, float]:
    """A share, and the ends of Wilson's interval around it."""
    share, square = hits / count, Z * Z
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = Z * math.sqrt(share * (1 - share) / count + square / (4 * count * count)) / (1 + square / count)
    return share, min(middle - half, share), max(middle + half, share)
