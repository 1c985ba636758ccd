"""What the page "Event charts" is made of: events by name over time, what became of those that came in, and why some
were rejected."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from analytics import judging
from analytics.counts import OTHERS, Counts, Named, Whole, by_bucket, names, outcomes_by_bucket, reasons, whole
from analytics.dashboard import breakdown, writing
from analytics.dashboard.breakdown import DRAWN, SHOWN, TONES
from analytics.dashboard.charts import NARROW, WIDE, Chart, Series
from analytics.dashboard.figures import Tile
from analytics.dashboard.periods import Period
from analytics.keeping import HOURLY_LIMIT, Outcome

Buckets = Mapping[str, Counter[datetime]]
ACCEPTED, DUPLICATE, REJECTED = Outcome.ACCEPTED.value, Outcome.DUPLICATE.value, Outcome.REJECTED.value
NO_EVENT = "No event happened in this time."
NOTHING_CAME = "Nothing came in within this time."
NOTHING_REJECTED = "Nothing was rejected in this time."
AS_DECLARED = "Have the sender send it as declared: see the API document."
FIXES = {
    judging.UNKNOWN: "Make an event name of it, or let the project admit unknown names; then replay.",
    judging.INVALID_PROPERTIES: "Mend the schema of the name, and replay; or what the sender sends.",
    judging.TOO_LARGE: "Have the sender send less with each event.",
    HOURLY_LIMIT: "Raise the hourly limit of the name, and replay; or send fewer.",
    judging.INVALID_EVENT: AS_DECLARED,
    judging.INVALID_ID: AS_DECLARED,
    judging.INVALID_TIMESTAMP: AS_DECLARED,
    judging.TOO_OLD: "Have the sender send events sooner: they waited longer than the window is.",
    judging.IN_FUTURE: "Have the sender say with each batch when it was sent, so that its clock is corrected.",
}
"""What helps against each reason for which events are rejected."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a list. `note` is what else is said of it."""

    name: str
    count: int
    share: float
    note: str
    link: str = ""

    @property
    def told(self) -> str:
        return writing.count(self.count)

    @property
    def percent(self) -> str:
        return writing.percent(self.share)


@dataclass(frozen=True, slots=True)
class Activity:
    """`wide` is as wide as the page; `charts` stand beside each other."""

    tiles: tuple[Tile, ...]
    wide: Chart
    charts: tuple[Chart, ...]
    names: tuple[Place, ...]
    reasons: tuple[Place, ...]


def activity(projects: Collection[str], period: Period, now: datetime) -> Activity | None:
    """What is shown of the projects with these public ids; None where nothing happened and nothing came in. Four
    queries."""
    counts, before = Counts(projects, period.start, period.end), period.before().start
    all_of_it, top = whole(counts, before), names(counts, SHOWN, before)
    drawn = [one.name for one in top[:DRAWN]]
    happened, came = by_bucket(counts, period.width, drawn), outcomes_by_bucket(counts, period.width)
    if not happened and not came:
        return None
    draw = Drawing(period, now)
    became = Counter({outcome: found.total() for outcome, found in came.items()})
    why = reasons(became)
    return Activity(
        tiles(all_of_it, became),
        draw.by_name(drawn, happened),
        (draw.came_in(came), draw.rejected([reason for reason, _ in why], came)),
        _names(all_of_it, top),
        _reasons(why),
    )


def tiles(all_of_it: Whole, became: Counter[str]) -> tuple[Tile, ...]:
    """The figures of the whole time."""
    came = became.total() or 1
    numbers = {
        "Accepted": became[ACCEPTED],
        "Duplicates": became[DUPLICATE],
        "Rejected": sum(number for _, number in reasons(became)),
    }
    happened = Tile(
        "Events",
        writing.short_count(all_of_it.events),
        f"of {writing.count(all_of_it.names)} names",
        writing.change(all_of_it.events, all_of_it.before),
    )
    shares = [
        Tile(title, writing.short_count(number), f"{writing.percent(number / came)} of what came in")
        for title, number in numbers.items()
    ]
    return (happened, *shares)


def together(found: Buckets, among: Iterable[str]) -> Counter[datetime]:
    """The sum of these, by bucket."""
    sums: Counter[datetime] = Counter()
    for name in among:
        sums.update(found[name])
    return sums


def plain(reason: str) -> str:
    """The code of a reason as people read it."""
    return reason.replace("_", " ")


class Drawing:
    """The charts of one period."""

    def __init__(self, period: Period, now: datetime) -> None:
        self.period, self.now = period, now
        self.buckets = period.buckets()

    def by_name(self, drawn: Sequence[str], found: Buckets) -> Chart:
        """Those with the most events each by itself, and all others together."""
        title = f"Events per {self.period.unit}, by name"
        return self._stacked("events", title, self._first(drawn, found), NO_EVENT, WIDE)

    def came_in(self, found: Buckets) -> Chart:
        """What became of what came in."""
        rejected = together(found, found.keys() - {ACCEPTED, DUPLICATE})
        parts = ((ACCEPTED, "blue"), (DUPLICATE, "grey"), (REJECTED, "red"))
        sums: dict[str, Mapping[datetime, int]] = {
            ACCEPTED: found.get(ACCEPTED, {}),
            DUPLICATE: found.get(DUPLICATE, {}),
            REJECTED: rejected,
        }
        series = [Series(name, tone, self._values(sums[name])) for name, tone in parts]
        return self._stacked("came-in", f"What came in per {self.period.unit}", series, NOTHING_CAME)

    def rejected(self, why: Sequence[str], found: Buckets) -> Chart:
        """Why events were rejected: the commonest reasons each by itself, and all others together."""
        sums = {reason: found[reason] for reason in why[:DRAWN]}
        if others := together(found, why[DRAWN:]):
            sums[OTHERS] = others
        title = f"Rejected events per {self.period.unit}, by reason"
        return self._stacked("rejected", title, self._first(why[:DRAWN], sums, plain), NOTHING_REJECTED)

    def _first(self, drawn: Sequence[str], found: Buckets, called: Callable[[str], str] = str) -> list[Series]:
        """A series of each, and of all others, if there are any."""
        parts = [(name, called(name), tone) for name, tone in zip(drawn, TONES, strict=False)]
        parts.append((OTHERS, breakdown.OTHERS, "grey"))
        return [Series(told, tone, self._values(found[name])) for name, told, tone in parts if name in found]

    def _values(self, found: Mapping[datetime, int]) -> list[int]:
        return [found.get(at, 0) for at in self.buckets]

    def _stacked(self, key: str, title: str, series: Sequence[Series], empty: str, across: int = NARROW) -> Chart:
        sums = [f"{one.name} {writing.count(sum(value or 0 for value in one.values))}" for one in series]
        return Chart(
            key, title, "bars", series, self.period, self.now, writing.count, writing.short_count,
            f"In all: {', '.join(sums)}.", empty, whole=True, across=across,
        )  # fmt: skip


def _names(all_of_it: Whole, top: Sequence[Named]) -> tuple[Place, ...]:
    """The list of names, and what is left."""
    places = [
        Place(
            one.name, one.count, one.count / all_of_it.events, writing.change(one.count, one.before) or writing.NOTHING
        )
        for one in top
    ]
    if rest := all_of_it.events - sum(one.count for one in top):
        places.append(Place(breakdown.OTHERS, rest, rest / all_of_it.events, writing.NOTHING))
    return tuple(places)


def _reasons(why: Sequence[tuple[str, int]]) -> tuple[Place, ...]:
    """Each reason with what helps against it, and where the events are."""
    listed, rejected = reverse("admin:analytics_rejectedevent_changelist"), sum(number for _, number in why)
    return tuple(
        Place(plain(reason), number, number / rejected, FIXES.get(reason, ""), f"{listed}?code={reason}")
        for reason, number in why
    )
