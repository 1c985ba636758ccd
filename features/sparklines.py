"""How often flags answered with which variant in the last days, as small drawings and as tables.

A drawing is what its numbers say: each has a text that tells them, for those who do not see it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from features.models import ExposureCount, Flag

DAYS = 7
"""How many days are shown, the present one included, in UTC."""
NO_VALUE = "no value"
"""What the empty variant is called: the caller's own default counts."""
COLOURS = 6
"""How many different colours there are; more variants begin again with the first."""

Numbers = Mapping[str, Mapping[datetime, int]]
"""How often each variant was the answer, by the beginning of an hour or a day."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a column: the answers with one variant. In the units of the drawing, from its upper left corner."""

    x: int
    y: float
    height: float
    colour: int


@dataclass(frozen=True, slots=True)
class Share:
    """A variant, how often it was the answer in all, and its colour."""

    name: str
    number: int
    colour: int

    @property
    def told(self) -> str:
        return f"{self.name} {self.number:,}"


@dataclass(frozen=True, slots=True)
class Drawing:
    """Columns of one hour or one day, `step` wide with the space between them."""

    width: int
    height: int
    step: int
    bars: tuple[Bar, ...]
    shares: tuple[Share, ...]

    @property
    def told(self) -> str:
        """What it shows, as a sentence."""
        if not self.shares:
            return f"Nobody asked in the last {DAYS} days."
        return f"Answers of the last {DAYS} days: {', '.join(share.told for share in self.shares)}."


@dataclass(frozen=True, slots=True)
class Week:
    """A flag in one environment: the drawing by the hour, and a row for each day with a number for each variant."""

    environment: str
    drawing: Drawing
    rows: tuple[tuple[datetime, tuple[int, ...]], ...]


def first_day(now: datetime) -> datetime:
    """Returns when the days that are shown begin."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS - 1)


def draw(numbers: Numbers, variants: Iterable[str], moments: Sequence[datetime], *, step: int, height: int) -> Drawing:
    """Returns columns for these moments. Variants have their colours, and stand on each other, in this order; those
    that the flag does not have any more follow."""
    order = list(dict.fromkeys([*variants, *sorted(filter(None, numbers)), ""]))
    there = [(place % COLOURS, name) for place, name in enumerate(order) if any(numbers.get(name, {}).values())]
    highest = max((sum(numbers[name].get(moment, 0) for _, name in there) for moment in moments), default=0)
    bars = []
    for place, moment in enumerate(moments):
        top = float(height)
        for colour, name in there:
            if number := numbers[name].get(moment, 0):
                tall = max(number * height / highest, 0.5)
                top -= tall
                bars.append(Bar(place * step, round(top, 2), round(tall, 2), colour))
    shares = tuple(Share(name or NO_VALUE, sum(numbers[name].values()), colour) for colour, name in there)
    return Drawing(len(moments) * step, height, step, tuple(bars), shares)


def small(flags: Sequence[Flag], now: datetime) -> dict[int, Drawing]:
    """Returns for each of these flags, by its primary key, a drawing by the day of all its environments; one query for
    all of them. The organisations of the flags are read already."""
    since = first_day(now)
    days = [since + timedelta(days=number) for number in range(DAYS)]
    homes = {flag.organization.public_id for flag in flags}
    found = ExposureCount.objects.by_day(homes, [flag.key for flag in flags], since)
    return {
        flag.pk: draw(found.get((flag.organization.public_id, flag.key), {}), flag.variants, days, step=10, height=24)
        for flag in flags
    }


def weeks(flag: Flag, now: datetime) -> list[Week]:
    """Returns each environment in which the flag answered in these days, by its key; one query."""
    since = first_day(now)
    hours = [since + timedelta(hours=number) for number in range(DAYS * 24)]
    found = ExposureCount.objects.by_hour(flag.organization.public_id, flag.key, since)
    return [_week(environment, numbers, flag, hours) for environment, numbers in sorted(found.items())]


def _week(environment: str, numbers: Numbers, flag: Flag, hours: Sequence[datetime]) -> Week:
    drawing = draw(numbers, flag.variants, hours, step=4, height=64)
    rows = []
    for start in range(0, len(hours), 24):
        day = hours[start : start + 24]
        names = ["" if share.name == NO_VALUE else share.name for share in drawing.shares]
        rows.append((day[0], tuple(sum(numbers[name].get(hour, 0) for hour in day) for name in names)))
    return Week(environment, drawing, tuple(rows))
