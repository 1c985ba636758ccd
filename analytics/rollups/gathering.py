"""Records summed up before they are written, and what the sums are. Asks no database."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from analytics.histograms import bin_of, packed
from analytics.models.rollups import Width
from analytics.records import Record, bounded
from analytics.rollups.dimensions import Names, names_of

MINUTE_US = 60_000_000
TICK_US = 100
"""Times are summed up in tenths of a millisecond, for their squares have to fit as well: with them, a thousand requests
that are under way all day and take a thousand seconds each."""
LONGEST_US = 303_700_049_900
"""Three and a half days. What took longer counts as long, so that the square of one fits."""


@dataclass(slots=True)
class Sums:
    """What some requests come to.

    `requests` is how many, `failed` how many of them ended with a status from 500 on, `cut` with 499 because the caller
    hung up, and `refused` with any other from 400 on; `streamed` is how many were streams. Tokens and `cost_micro` are
    as in the record. `duration` and `duration_squares` are sums of their durations in TICK_US and of the squares of
    these; the same with `first_token` for the `first_tokens` streams that began, and both have a histogram of
    microseconds.
    """

    requests: int = 0
    failed: int = 0
    cut: int = 0
    refused: int = 0
    streamed: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost_micro: int = 0
    duration: int = 0
    duration_squares: int = 0
    first_tokens: int = 0
    first_token: int = 0
    first_token_squares: int = 0
    duration_bins: Counter[int] = field(default_factory=Counter)
    first_token_bins: Counter[int] = field(default_factory=Counter)

    def count(self, record: Record) -> None:
        """Adds one request."""
        self.requests += 1
        status = record.status
        if status >= 400:
            if status >= 500:
                self.failed += 1
            elif status == 499:
                self.cut += 1
            else:
                self.refused += 1
        self.streamed += record.stream
        self.input_tokens += record.input_tokens
        self.cached_tokens += record.cached_tokens
        self.output_tokens += record.output_tokens
        self.reasoning_tokens += record.reasoning_tokens
        self.cost_micro += record.cost_micro
        ticks = ticks_of(record.duration_us)
        self.duration += ticks
        self.duration_squares += ticks * ticks
        self.duration_bins[bin_of(record.duration_us)] += 1
        if record.first_token_us is not None:
            ticks = ticks_of(record.first_token_us)
            self.first_tokens += 1
            self.first_token += ticks
            self.first_token_squares += ticks * ticks
            self.first_token_bins[bin_of(record.first_token_us)] += 1

    def add(self, other: "Sums") -> None:
        """Adds all of another's."""
        for name in NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in HISTOGRAMS:
            getattr(self, name).update(getattr(other, name))

    def values(self) -> tuple[Any, ...]:
        """The values of a row, in the order of NUMBERS and HISTOGRAMS."""
        return (
            *(bounded(getattr(self, name)) for name in NUMBERS),
            packed(self.duration_bins),
            packed(self.first_token_bins),
        )


HISTOGRAMS = ("duration_bins", "first_token_bins")
NUMBERS = tuple(name for name in Sums.__dataclass_fields__ if name not in HISTOGRAMS)

Cell = tuple[Names, int, int]
"""The names of a dimension, a width, and the start of a bucket in seconds since 1970."""


def ticks_of(us: int) -> int:
    """Microseconds in TICK_US, rounded."""
    return (min(us, LONGEST_US) + TICK_US // 2) // TICK_US


def gather(records: Iterable[Record]) -> dict[Cell, Sums]:
    """What these records add to each bucket of each width."""
    minutes: dict[tuple[Names, int], Sums] = {}
    for record in records:
        place = (names_of(record), record.at // MINUTE_US)
        sums = minutes.get(place)
        if sums is None:
            sums = minutes[place] = Sums()
        sums.count(record)
    return dict(_widened(minutes))


def _widened(minutes: dict[tuple[Names, int], Sums]) -> Iterator[tuple[Cell, Sums]]:
    """Minutes, and the hours and days that they are part of."""
    wider: dict[Cell, Sums] = {}
    for (names, minute), sums in minutes.items():
        start = minute * Width.MINUTE
        yield (names, Width.MINUTE.value, start), sums
        for width in (Width.HOUR.value, Width.DAY.value):
            cell = (names, width, start // width * width)
            if cell not in wider:
                wider[cell] = Sums()
            wider[cell].add(sums)
    yield from wider.items()


def mean_and_deviation(count: int, total: int, squares: int) -> tuple[float, float]:
    """The mean of `count` times, at least one, and their standard deviation, both in microseconds; from their sum and
    that of their squares as in Sums."""
    mean = total / count
    # Of whole numbers, so that nothing is lost where the two are nearly the same.
    spread = max(count * squares - total * total, 0)
    return mean * TICK_US, math.sqrt(spread) / count * TICK_US
