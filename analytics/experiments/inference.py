"""Is a variant different from the control, or is it chance? Pure: counts and sums in, differences out.

Shares   Newcombe's hybrid score interval (Statistics in Medicine 17, 1998, 873-890, method 10), which holds where
         shares are near 0 or 1 and Wald's does not. The p-value is that of the pooled two-proportion z-test; where one
         of the four counts is expected to be below five, that of Fisher's exact test.
Means    Welch's t-test (Biometrika 34, 1947, 28-35), with Satterthwaite's degrees of freedom: variants need not spread
         alike, nor be as many.
Ratios   a sum over a sum, such as cost a request, of which only sums by stretches of time are known: the linearised
         variance of a ratio (Cochran, Sampling Techniques, 1977, 2.11) over those stretches, then likewise. What one
         stretch has in common, such as a long conversation, is so accounted for.
Split    Pearson's chi-square of how many units each variant has against the shares that it should have.

scipy is imported when it is first asked for: it takes memory, and most processes never need it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from analytics.dashboard.comparing import newcombe

LEVEL = 0.95
"""How often an interval holds the true difference."""
LEAST_EXPECTED = 5
"""From which expected count on the normal and the chi-square distribution are near enough, by Cochran's rule."""
FEWEST = 30
"""With fewer values on either side a mean is not compared: times are too skewed."""
FEWEST_STRETCHES = 20
"""With fewer stretches of time on either side a ratio is not compared."""
MISMATCH = 0.001
"""Below which p-value units are not split as they should be. So low, for it is looked at again and again."""
TIE = 1 + 1e-7
"""How much more likely a table may be and still count as no more likely than the one that was seen."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How much a variant is above the control, with the interval that holds the true difference 95 times of 100, and
    how often chance alone would make a difference as large. `method` is the test that the p-value is of."""

    difference: float
    low: float
    high: float
    p_value: float
    method: str


@dataclass(frozen=True, slots=True)
class Mean:
    """An estimate of a mean: `error` is its squared standard error, `freedom` on how many degrees of freedom that
    rests."""

    value: float
    error: float
    freedom: float


@dataclass(frozen=True, slots=True)
class Split:
    """`expected` is how many units each variant should have had. `chi_square` is infinite where a variant has some that
    should have none."""

    expected: Mapping[str, float]
    chi_square: float
    p_value: float

    @property
    def mismatch(self) -> bool:
        """Whether something other than chance split the units."""
        return self.p_value < MISMATCH


def special() -> Any:
    return import_module("scipy.special")


def shares(hits: int, count: int, control_hits: int, control_count: int) -> Comparison | None:
    """Compares the share of `hits` among `count`; None where either side has none."""
    if not count or not control_count:
        return None
    found = newcombe(hits, count, control_hits, control_count)
    share = (hits + control_hits) / (count + control_count)
    if min(count, control_count) * min(share, 1 - share) >= LEAST_EXPECTED:
        error = math.sqrt(share * (1 - share) * (1 / count + 1 / control_count))
        p_value, method = math.erfc(abs(found.value) / error / math.sqrt(2)), "two-proportion z-test"
    else:
        p_value, method = fisher(hits, count, control_hits, control_count), "Fisher's exact test"
    return Comparison(found.value, found.low, found.high, p_value, method)


def fisher(hits: int, count: int, control_hits: int, control_count: int) -> float:
    """The two-sided p-value of a table: how likely are those that are no more likely than it, all margins given."""
    total, other = hits + control_hits, count + control_count

    def log_likely(number: int) -> float:
        return _log_choose(count, number) + _log_choose(control_count, total - number) - _log_choose(other, total)

    least = math.exp(log_likely(hits)) * TIE
    likely = (math.exp(log_likely(each)) for each in range(max(0, total - control_count), min(total, count) + 1))
    return min(1.0, math.fsum(each for each in likely if each <= least))


def _log_choose(whole: int, part: int) -> float:
    return math.lgamma(whole + 1) - math.lgamma(part + 1) - math.lgamma(whole - part + 1)


def mean_of(count: int, total: int, squares: int, scale: float = 1.0) -> Mean | None:
    """The mean of `count` values, from their sum and the sum of their squares, times `scale`; None of too few."""
    if count < FEWEST:
        return None
    # Of whole numbers, so that nothing is lost where the two are nearly the same.
    spread = max(count * squares - total * total, 0)
    return Mean(total / count * scale, spread / count / count / (count - 1) * scale * scale, count - 1)


def ratio_of(stretches: Sequence[tuple[int, int]], scale: float = 1.0) -> Mean | None:
    """The sum of the second numbers over that of the first ones, times `scale`, from what each stretch of time came to;
    None of too few."""
    stretches = [each for each in stretches if each[0]]
    number = len(stretches)
    if number < FEWEST_STRETCHES:
        return None
    count, total = (sum(column) for column in zip(*stretches, strict=True))
    value = total / count
    spread = math.fsum((part - value * size) ** 2 for size, part in stretches)
    return Mean(value * scale, number / (number - 1) * spread / count**2 * scale * scale, number - 1)


def means(one: Mean | None, control: Mean | None) -> Comparison | None:
    """Compares two means; None where either is not there."""
    if one is None or control is None:
        return None
    difference = one.value - control.value
    method = "Welch's t-test"
    error = one.error + control.error
    if not error:  # nothing varies
        return Comparison(difference, difference, difference, float(not difference), method)
    freedom = error**2 / (one.error**2 / one.freedom + control.error**2 / control.freedom)
    width = float(special().stdtrit(freedom, (1 + LEVEL) / 2)) * math.sqrt(error)
    p_value = 2 * float(special().stdtr(freedom, -abs(difference) / math.sqrt(error)))
    return Comparison(difference, difference - width, difference + width, p_value, method)


def split(units: Mapping[str, int], weights: Mapping[str, int]) -> Split | None:
    """Compares how many units each variant has with its weight; None where so few are expected that nothing can be
    said."""
    total, whole = sum(units.values()), sum(weights.values())
    expected = {variant: total * weight / whole for variant, weight in weights.items() if weight}
    if not expected or min(expected.values()) < LEAST_EXPECTED:
        return None
    if any(number and variant not in expected for variant, number in units.items()):
        return Split(expected, math.inf, 0.0)
    chi_square = math.fsum((units.get(variant, 0) - number) ** 2 / number for variant, number in expected.items())
    if len(expected) == 1:
        return Split(expected, chi_square, 1.0)
    return Split(expected, chi_square, float(special().chdtrc(len(expected) - 1, chi_square)))
