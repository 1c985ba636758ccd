"""Which time is looked at, and by which buckets: as the address of the page says. Pure; all times are UTC."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from analytics.models.rollups import Width

PRESETS = {
    "1h": (Width.MINUTE, 60),
    "24h": (Width.HOUR, 24),
    "7d": (Width.HOUR, 168),
    "30d": (Width.DAY, 30),
}
"""Ranges that end now: how wide their buckets are, and how many there are."""
DEFAULT = "24h"
CUSTOM = "custom"
LONGEST = timedelta(days=400)
FINEST = ((timedelta(hours=3), Width.MINUTE), (timedelta(days=8), Width.HOUR))
"""Up to how long a time is drawn by which buckets; what is longer, by days."""
YEARS = range(2000, 2101)
UNITS = {Width.MINUTE: "minute", Width.HOUR: "hour", Width.DAY: "day"}


class NotAPeriod(ValueError):
    """What was asked for is no time that can be shown; the text says why, for people."""


@dataclass(frozen=True, slots=True)
class Period:
    """`name` is one of PRESETS, or CUSTOM. It begins at `start`, ends before `end`, and is of whole buckets."""

    name: str
    width: Width
    start: datetime
    end: datetime

    @property
    def unit(self) -> str:
        """What a bucket is called."""
        return UNITS[self.width]

    def buckets(self) -> list[datetime]:
        """When each bucket begins."""
        step = timedelta(seconds=self.width)
        return [self.start + number * step for number in range((self.end - self.start) // step)]

    def before(self) -> "Period":
        """As much time, right before it."""
        return Period(self.name, self.width, self.start - (self.end - self.start), self.start)


def presets(finest: Width) -> list[str]:
    """The ranges that can be drawn by buckets of which none is narrower than `finest`."""
    return [name for name, (width, _) in PRESETS.items() if width >= finest]


def period_of(asked: Mapping[str, str], now: datetime, finest: Width = Width.MINUTE) -> Period:
    """The period that the values `range`, `from` and `to` of an address mean, by buckets of which none is narrower than
    `finest`. Raises NotAPeriod."""
    name = asked.get("range", "") or (CUSTOM if asked.get("from") or asked.get("to") else DEFAULT)
    if name == CUSTOM:
        return _custom(asked.get("from", ""), asked.get("to", ""), now, finest)
    if name not in presets(finest):
        raise NotAPeriod(f"There is no range “{name}”.")
    return preset(name, now)


def preset(name: str, now: datetime) -> Period:
    """One of PRESETS, with the bucket of `now` as its last."""
    width, count = PRESETS[name]
    step = timedelta(seconds=width)
    end = floor(now, width) + step
    return Period(name, width, end - count * step, end)


def floor(moment: datetime, width: Width) -> datetime:
    """When the bucket that a moment is in begins."""
    seconds = int(moment.timestamp())
    return datetime.fromtimestamp(seconds - seconds % width, UTC)


def _custom(first: str, last: str, now: datetime, finest: Width) -> Period:
    start = _moment(first, "from")
    end = _moment(last, "to", whole_day=True) if last else now
    if start >= end:
        raise NotAPeriod("The time has to begin before it ends.")
    if end - start > LONGEST:
        raise NotAPeriod(f"At most {LONGEST.days} days are shown at once.")
    width = max(finest, next((width for most, width in FINEST if end - start <= most), Width.DAY))
    # What a bucket was asked for in part is shown whole.
    over = floor(end, width)
    return Period(CUSTOM, width, floor(start, width), over if over == end else over + timedelta(seconds=width))


def _moment(text: str, name: str, *, whole_day: bool = False) -> datetime:
    """A date, or a date and time, of ISO 8601, without a zone in UTC. A date alone is its beginning; with `whole_day`,
    its end."""
    try:
        if len(text) == len("2026-01-31"):
            found = datetime.combine(date.fromisoformat(text), time(), UTC)
            found += timedelta(days=whole_day)
        else:
            found = datetime.fromisoformat(text)
            found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise NotAPeriod(f"“{name}” is no date and time such as 2026-01-31T09:00.") from error
    if found.year not in YEARS:
        raise NotAPeriod(f"“{name}” is too far away.")
    return found
