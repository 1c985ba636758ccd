"""A ramp as data: which share of the callers gets a variant from when on. Pure.

As text it is `5@now,25@+1h,50@+1d,100@2026-12-01T09:00Z`: per cent, and a moment, counted from now or of ISO 8601, in
UTC unless it says otherwise. As data it is `[{"percent": 5, "at": 1764028800}, …]`, in seconds since 1970; the first
step may have no `at`, and is due at once.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from features.definitions import DEFAULT_TOTAL
from features.problems import Invalid, Problem, Reader

MOST_STEPS = 50
SEVERAL = f"must be 1 to {MOST_STEPS} steps"
SLACK = timedelta(minutes=5)
"""So long ago the first step may lie: clocks differ, and texts take a while to be typed."""
FURTHEST = timedelta(days=366)
MOST_SECONDS = 2 * FURTHEST.total_seconds()
PER_CENT = DEFAULT_TOTAL // 100
SPAN = re.compile(r"\+(\d{1,6})([smhdw])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True)
class Step:
    """From `at` on, `weight` of 100,000 callers get the variant."""

    at: datetime
    weight: int

    @property
    def percent(self) -> Decimal:
        return percent_of(self.weight)

    def to_data(self) -> dict[str, Any]:
        """The step as it is kept."""
        return {"at": self.at.astimezone(UTC).isoformat(), "weight": self.weight}

    @classmethod
    def kept(cls, data: Any) -> "Step":
        return cls(datetime.fromisoformat(data["at"]), data["weight"])

    def __str__(self) -> str:
        return f"{self.percent:f}@{self.at.astimezone(UTC).isoformat(timespec='seconds').replace('+00:00', 'Z')}"


def percent_of(weight: int) -> Decimal:
    """Per cent, without zeros at its end: `5`, `12.5`."""
    percent = Decimal(weight) / PER_CENT
    whole = percent.to_integral_value()
    return whole if percent == whole else percent.normalize()


def weight_of(percent: Any) -> int | None:
    """How many of 100,000 a percentage with up to three decimals is, more than none; None for anything else."""
    try:
        weight = Decimal(str(percent)) * PER_CENT
    except ArithmeticError:
        return None
    fits = weight.is_finite() and 0 < weight <= DEFAULT_TOTAL and weight == weight.to_integral_value()
    return int(weight) if fits else None


def steps_of_text(text: str, now: datetime) -> list[Step]:
    """The steps of a text, one behind the other by commas or lines. Raises Invalid."""
    reader, found = Reader(("steps",)), []
    for place, part in enumerate(filter(None, re.split(r"[\s,]+", text))):
        percent, _, moment = part.partition("@")
        weight, at = weight_of(percent.removesuffix("%")), _moment(moment, now)
        if weight is None or at is None:
            reader.wrong("is not of the form 25@+1h, 25@now or 25@2026-12-01T09:00Z", place)
        else:
            found.append(Step(at, weight))
    reader.finish()
    return found


def _moment(text: str, now: datetime) -> datetime | None:
    if text == "now":
        return now
    try:
        if span := SPAN.fullmatch(text):
            return now + timedelta(seconds=int(span[1]) * SECONDS[span[2]])
        at = datetime.fromisoformat(text)
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def steps_of_data(data: Any, now: datetime) -> list[Step]:
    """The steps of data. Raises Invalid."""
    reader, found = Reader(("steps",)), []
    if not isinstance(data, list) or not 1 <= len(data) <= MOST_STEPS:
        raise Invalid([Problem(("steps",), SEVERAL)])
    for place, each in enumerate(data):
        with reader.at(place):
            known = reader.table(each, ("percent", "at"), ("percent",) if place == 0 else ("percent", "at"))
            number, at = known.get("percent"), known.get("at", now.timestamp())
            weight = None if isinstance(number, bool | str) else weight_of(number)
            if "percent" in known and weight is None:
                reader.wrong("must be a number above 0 and up to 100 with up to three decimals", "percent")
            if not isinstance(at, int | float) or isinstance(at, bool) or not abs(at - now.timestamp()) < MOST_SECONDS:
                reader.wrong("must be a moment of these years, in seconds since 1970", "at")
            elif weight is not None:
                found.append(Step(datetime.fromtimestamp(at, UTC), weight))
    reader.finish()
    return found


def problems_of(steps: Sequence[Step], share: int, now: datetime) -> Iterable[Problem]:
    """What is wrong with steps that begin while `share` of 100,000 callers have the variant: nobody falls out."""
    if not 1 <= len(steps) <= MOST_STEPS:
        yield Problem(("steps",), SEVERAL)
        return
    if steps[0].at < now - SLACK:
        yield Problem(("steps", 0), "lies in the past")
    if steps[-1].at > now + FURTHEST:
        yield Problem(("steps", len(steps) - 1), "is more than a year ahead")
    before = Step(datetime.min.replace(tzinfo=UTC), share)
    for place, step in enumerate(steps):
        if step.weight <= before.weight:
            yield Problem(("steps", place), f"must be more than the {before.percent:f} % before: a ramp only grows")
        if step.at <= before.at:
            yield Problem(("steps", place), "must be later than the step before")
        before = step


def check(steps: Sequence[Step], share: int, now: datetime) -> None:
    """Raises Invalid with all of it."""
    if problems := list(problems_of(steps, share, now)):
        raise Invalid(problems)
