"""Histograms of microseconds whose bins are the same everywhere and for good, so that any two can be added. Pure.

Bins grow by a tenth each: whatever is in one, the value that stands for the bin is at most 5 % from it. Their bounds
are whole numbers in a fixed table, so that Python and every database put a value into the same bin: no logarithm is
taken, which may differ in its last digit.

A histogram is a mapping of bins to how many are in them, at least one, and is kept as JSON whose keys are the numbers
of the bins.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import accumulate

import orjson

GROWTH = Fraction(11, 10)
TOP = 2**63 - 1
"""The largest value that is told apart from smaller ones: what a database keeps at most."""

Bins = Mapping[int, int]


def _bounds() -> tuple[int, ...]:
    """Where each bin but the first begins: 1, 2, … 11, and from there on what is a tenth more, rounded down."""
    bounds = [1]
    while (following := max(bounds[-1] + 1, int(bounds[-1] * GROWTH))) <= TOP:
        bounds.append(following)
    return tuple(bounds)


BOUNDS = _bounds()


def bin_of(value: int) -> int:
    """The bin that a value is in. What is below zero is in the first one, which else holds zero alone."""
    return bisect_right(BOUNDS, value)


def value_of(bin: int) -> float:
    """The value that stands for a bin: the one from which both of its ends are equally far, as a share of them."""
    if bin == 0:
        return 0.0
    least = BOUNDS[bin - 1]
    most = BOUNDS[bin] - 1 if bin < len(BOUNDS) else TOP
    return 2 * least * most / (least + most)


def quantile(bins: Bins, share: float) -> float | None:
    """The value that a share of all (between 0 and 1) is not above, within 5 %. None for an empty histogram."""
    ordered = sorted(bins)
    reached = list(accumulate(bins[bin] for bin in ordered))
    if not reached:
        return None
    return value_of(ordered[bisect_left(reached, share * reached[-1])])


def packed(bins: Bins) -> str:
    """A histogram as it is kept."""
    return orjson.dumps({str(bin): bins[bin] for bin in sorted(bins)}).decode()


def unpacked(text: str) -> dict[int, int]:
    """A histogram that was kept."""
    return {int(bin): count for bin, count in orjson.loads(text).items()}


def added(texts: Iterable[str]) -> Counter[int]:
    """All of these kept histograms together. A text may be of several, with commas between them."""
    total: dict[str, int] = {}
    get = total.get
    for bins in orjson.loads(f"[{','.join(texts)}]"):
        for bin, count in bins.items():
            total[bin] = get(bin, 0) + count
    return Counter({int(bin): count for bin, count in total.items()})
