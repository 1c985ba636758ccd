"""The chart of a result: how each variant differs from the control, as intervals beside no difference at all. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from analytics.dashboard import scales, writing
from analytics.dashboard.charts import WIDE, Mark
from analytics.experiments.inference import Comparison
from analytics.experiments.results import Arm, Results

TALL, ROW = 44, 44
LEFT, RIGHT, BOTTOM = 170, 70, 30
MICRO = 1_000_000
TONES = ("blue", "orange", "purple", "teal", "green", "grey")
LONGEST = 20
"""Characters of a variant that are drawn."""
BEYOND, WITHIN = "beyond chance", "within chance"

WRITES: dict[str, writing.Write] = {
    "share": writing.percent,
    "seconds": lambda value: writing.took(value * MICRO),
    "dollars": lambda value: writing.dollars(value * MICRO),
}
"""How values are written, by the unit that they are in."""


def value(unit: str, number: float | None) -> str:
    return writing.or_nothing(WRITES[unit], number)


def difference(unit: str, number: float) -> str:
    """With its sign; of shares in percentage points."""
    if unit == "share":
        return writing.signed(number, unit=" points", digits=2)
    return f"{'−' if number < 0 else '+'}{WRITES[unit](abs(number))}"


def interval(unit: str, found: Comparison) -> str:
    """From one end to the other."""
    return f"{difference(unit, found.low).removesuffix(' points')} to {difference(unit, found.high)}"


def p_value(number: float) -> str:
    return "< 0.0001" if number < 0.0001 else f"{number:.4f}"


@dataclass(frozen=True, slots=True)
class Row:
    """A variant in the table: what is written of it."""

    arm: Arm
    cells: tuple[str, ...]
    verdict: str = ""

    @property
    def sure(self) -> bool:
        return self.verdict == BEYOND


@dataclass(frozen=True, slots=True)
class Bar:
    """An interval, from `low` to `high` with the difference `at`, and what pointing at it says."""

    name: str
    low: float
    at: float
    high: float
    y: float
    tone: str
    told: str


@dataclass(frozen=True)
class Drawing:
    """A result, drawn and written."""

    results: Results

    across: ClassVar = WIDE
    left: ClassVar = LEFT
    right: ClassVar = WIDE - RIGHT

    @cached_property
    def compared(self) -> Sequence[tuple[Arm, Comparison]]:
        return [(arm, arm.comparison) for arm in self.results.others if arm.comparison is not None]

    @property
    def down(self) -> int:
        """How high it is."""
        return TALL + ROW * len(self.compared)

    @property
    def ground(self) -> int:
        """Where its axis is."""
        return self.down - BOTTOM

    @cached_property
    def levels(self) -> list[float]:
        """The marks of the axis, as many on both sides of zero."""
        ends = (abs(end) for _, found in self.compared for end in (found.low, found.high))
        above = scales.heights(max(ends))
        return [*(-level for level in reversed(above[1:])), *above]

    def x(self, number: float) -> float:
        half = (self.right - LEFT) / 2
        return round(LEFT + half + number / self.levels[-1] * half, 2)

    def marks(self) -> list[Mark]:
        return [Mark(self.x(level), self._mark(level) if level else "0") for level in self.levels]

    def _mark(self, level: float) -> str:
        if self.results.unit == "share":
            return f"{'−' if level < 0 else '+'}{writing.trimmed(abs(level) * 100, 6)} points"
        return difference(self.results.unit, level)

    def bars(self) -> list[Bar]:
        found = []
        for place, (arm, compared) in enumerate(self.compared):
            low, at, high = (self.x(number) for number in (compared.low, compared.difference, compared.high))
            y = ROW * (place + 0.5)
            name = arm.variant if len(arm.variant) <= LONGEST else f"{arm.variant[: LONGEST - 1]}…"
            found.append(Bar(name, low, at, high, y, TONES[place % len(TONES)], self.told_of(arm, compared)))
        return found

    def told_of(self, arm: Arm, found: Comparison) -> str:
        unit = self.results.unit
        return f"{arm.variant}: {difference(unit, found.difference)}, 95 % interval {interval(unit, found)}"

    @property
    def told(self) -> str:
        """What it shows, as a sentence."""
        against = f"Differences from {self.results.control.variant}."
        return " ".join([against, *(f"{self.told_of(arm, found)}." for arm, found in self.compared)])

    @property
    def headers(self) -> tuple[str, ...]:
        share = "Rate" if self.results.control.hits is not None else "Mean"
        count = "Requests" if self.results.experiment.of_usage else "Converted"
        return ("Units", count, share, "Difference", "95 % interval", "p-value")

    def rows(self) -> list[Row]:
        return [self._row(arm) for arm in (self.results.control, *self.results.others)]

    def _row(self, arm: Arm) -> Row:
        unit, found = self.results.unit, arm.comparison
        number = arm.count if self.results.experiment.of_usage else arm.hits or 0
        cells = (writing.count(arm.units), writing.count(number), value(unit, arm.value))
        if found is None:
            return Row(arm, (*cells, "", "", ""))
        sure = found.p_value < 0.05
        told = (difference(unit, found.difference), interval(unit, found), p_value(found.p_value))
        return Row(arm, (*cells, *told), BEYOND if sure else WITHIN)
