"""Charts as SVG: columns that stand on each other, or lines, with their axes. Pure.

A drawing is what its numbers say: it has a text for those who do not see it, and a table of the same numbers. Series
are told apart by their order, which is that of the legend; lines by how they are dashed, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import ClassVar, Literal

from analytics.dashboard import scales
from analytics.dashboard.periods import Period
from analytics.dashboard.writing import Write, or_nothing

NARROW, WIDE = 640, 1340
HEIGHT = 240
LEFT, RIGHT, TOP, BOTTOM = 60, 24, 12, 28
DOWN = HEIGHT - TOP - BOTTOM
GAP = 0.2
"""The part of a column's place that is left free."""
THINNEST = 0.75
"""The least height of a part that is not nothing."""
SEAM = 1
"""What is left free between the parts of a column, where they are high enough."""
LINES = ("solid", "dashed", "dotted")


@dataclass(frozen=True, slots=True)
class Series:
    """A value for each bucket; None where there is none. `tone` is its colour, by name: see dashboard.css."""

    name: str
    tone: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Parts:
    """All parts of columns that are of one series."""

    path: str
    tone: str


@dataclass(frozen=True, slots=True)
class Line:
    """`path` joins what is there in neighbouring buckets; `dots` are those without neighbours."""

    path: str
    dots: tuple[tuple[float, float], ...]
    tone: str
    dashes: str


@dataclass(frozen=True, slots=True)
class Mark:
    """What stands at an axis, and where."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Spot:
    """A bucket, to be pointed at, and what it says."""

    x: float
    width: float
    told: str


@dataclass(frozen=True)
class Chart:
    """`key` is its id in the page. `write` writes a value; `short`, one at the axis. `summary` says what it comes to.
    `whole` are numbers that are counted. `now` is when it was drawn: a bucket that is not over yet says so. `across` is
    how wide it is."""

    key: str
    title: str
    kind: Literal["bars", "lines"]
    series: Sequence[Series]
    period: Period
    now: datetime
    write: Write
    short: Write
    summary: str
    empty: str
    whole: bool = False
    across: int = NARROW

    down: ClassVar = HEIGHT
    left: ClassVar = LEFT
    top: ClassVar = TOP
    tall: ClassVar = DOWN

    @cached_property
    def buckets(self) -> list[datetime]:
        return self.period.buckets()

    @property
    def right(self) -> int:
        """Where the axis of time ends."""
        return self.across - RIGHT

    @property
    def step(self) -> float:
        """How wide a bucket is drawn."""
        return (self.right - LEFT) / len(self.buckets)

    @cached_property
    def drawn(self) -> bool:
        """Whether there is anything to be seen."""
        if self.kind == "lines":
            return any(value is not None for one in self.series for value in one.values)
        return any(value for one in self.series for value in one.values)

    @property
    def told(self) -> str:
        """What it shows, as sentences."""
        first, last = self.period.start, self.period.end
        return f"By {self.period.unit}, from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC. {self.summary}"

    @cached_property
    def levels(self) -> list[float]:
        """The marks of the axis of values."""
        columns = zip(*(one.values for one in self.series), strict=True)
        join = sum if self.kind == "bars" else max
        return scales.heights(max(join(value or 0 for value in column) for column in columns), whole=self.whole)

    def y(self, value: float) -> float:
        return round(TOP + DOWN - value * DOWN / self.levels[-1], 2)

    def x(self, place: float) -> float:
        return round(LEFT + place * self.step, 2)

    def rows_of_marks(self) -> list[Mark]:
        return [Mark(self.y(level), self.short(level)) for level in self.levels]

    def marks_of_time(self) -> list[Mark]:
        """Of lines and columns alike in the middle of their bucket."""
        return [Mark(self.x(place + 0.5), text) for place, text in scales.marks(self.buckets, self.period.width)]

    def bars(self) -> list[Parts]:
        """The parts of the columns, the first series at their feet."""
        paths: list[list[str]] = [[] for _ in self.series]
        width = round(self.step * (1 - GAP), 2)
        for place in range(len(self.buckets)):
            foot = float(TOP + DOWN)
            for path, one in zip(paths, self.series, strict=True):
                if value := one.values[place]:
                    height = max(value * DOWN / self.levels[-1], THINNEST)
                    foot -= height
                    seen = height - SEAM if height > 4 * SEAM else height
                    path.append(f"M{self.x(place + GAP / 2)} {foot + height - seen:.2f}h{width}v{seen:.2f}h-{width}z")
        return [Parts("".join(path), one.tone) for path, one in zip(paths, self.series, strict=True)]

    def lines(self) -> list[Line]:
        found = []
        for number, one in enumerate(self.series):
            path, dots, before = [], [], False
            for place, value in enumerate(one.values):
                if value is not None:
                    x, y = self.x(place + 0.5), self.y(value)
                    path.append(f"{'L' if before else 'M'}{x} {y}")
                    if not before and (place + 1 == len(one.values) or one.values[place + 1] is None):
                        dots.append((x, y))
                before = value is not None
            found.append(Line(" ".join(path), tuple(dots), one.tone, LINES[number % len(LINES)]))
        return found

    def spots(self) -> list[Spot]:
        return [
            Spot(self.x(place), round(self.step, 2), "\n".join([self.named(place), *self._at(place)]))
            for place in range(len(self.buckets))
        ]

    def _at(self, place: int) -> list[str]:
        return [f"{one.name}: {or_nothing(self.write, one.values[place])}" for one in self.series]

    def named(self, place: int) -> str:
        """A bucket by its beginning."""
        at = self.buckets[place]
        text = f"{at:%Y-%m-%d}" if self.period.unit == "day" else f"{at:%Y-%m-%d %H:%M}"
        over = at + timedelta(seconds=self.period.width) <= self.now
        return text if over else f"{text} (not over yet)"

    def table(self) -> list[tuple[str, list[str]]]:
        """Each bucket, the latest first, and a value of each series."""
        return [
            (self.named(place), [or_nothing(self.write, one.values[place]) for one in self.series])
            for place in reversed(range(len(self.buckets)))
        ]
