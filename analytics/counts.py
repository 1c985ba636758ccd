"""What the counts of events say: by name, by bucket, and by what became of them. Each function asks one query, which
the keys of the counts answer; no event is read.

All of them take the public ids of projects, and a stretch of time that begins at `start` and ends before `end`, both
whole hours.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Case, Count, F, Model, Q, QuerySet, Value, When

from analytics.dashboard.periods import floor
from analytics.keeping import Outcome
from analytics.models import EventCount, EventOutcome
from analytics.models.rollups import Width
from analytics.rollups.reading import Total

OTHERS = ""
"""No event is called so."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Which counts are meant."""

    projects: Collection[str]
    start: datetime
    end: datetime

    def of(self, model: type[Model], since: datetime | None = None) -> QuerySet[Any]:
        """Rows that come to all of it, as few as there are, in no order; with those from `since` on before it."""
        times = [*spans(since or self.start, self.start), *spans(self.start, self.end)]
        among = (Q(width=width, start__gte=first, start__lt=last) for width, first, last in times)
        return QuerySet(model).filter(reduce(or_, among), project_id__in=self.projects).order_by()

    def by(self, model: type[Model], width: Width) -> QuerySet[Any]:
        """Rows of one width, in no order."""
        among = {"project_id__in": self.projects, "start__gte": self.start, "start__lt": self.end}
        return QuerySet(model).filter(width=width, **among).order_by()


@dataclass(frozen=True, slots=True)
class Named:
    """How many events of a name there were, and how many in the time before."""

    name: str
    count: int
    before: int


def names(counts: Counts, most: int, since: datetime | None = None) -> list[Named]:
    """Those with the most events, no more than `most`, each with how many there were from `since` on, before the
    time."""
    now = Q(start__gte=counts.start)
    found = counts.of(EventCount, since).values("name")
    found = found.annotate(now=Total("count", filter=now), before=Total("count", filter=~now)).filter(now__gt=0)
    told = found.order_by("-now", "name").values_list("name", "now", "before")[:most]
    return [Named(name, int(now), int(before or 0)) for name, now, before in told]


@dataclass(frozen=True, slots=True)
class Whole:
    """How many events there were, of how many names, and how many in the time before."""

    events: int
    names: int
    before: int


def whole(counts: Counts, since: datetime | None = None) -> Whole:
    """What the whole time comes to, and the time from `since` on before it."""
    now = Q(start__gte=counts.start)
    found = counts.of(EventCount, since).aggregate(
        events=Total("count", filter=now),
        names=Count("name", distinct=True, filter=now),
        before=Total("count", filter=~now),
    )
    return Whole(**{name: int(number or 0) for name, number in found.items()})


def by_bucket(counts: Counts, width: Width, among: Sequence[str]) -> dict[str, Counter[datetime]]:
    """How many events of each of these names happened in which bucket, and, under OTHERS, of all other names."""
    label = Case(When(name__in=among, then=F("name")), default=Value(OTHERS))
    return _by_bucket(counts.by(EventCount, width).annotate(label=label), "label")


def outcomes_by_bucket(counts: Counts, width: Width) -> dict[str, Counter[datetime]]:
    """What became of those that came in within each bucket: how many were accepted, duplicates, or were rejected for
    each reason."""
    return _by_bucket(counts.by(EventOutcome, width), "outcome")


def outcomes(counts: Counts) -> Counter[str]:
    """What became of those that came in within the time."""
    rows = counts.of(EventOutcome).values_list("outcome").annotate(sum=Total("count"))
    return Counter({outcome: int(number) for outcome, number in rows})


def reasons(found: Counter[str]) -> list[tuple[str, int]]:
    """Why events were rejected, most first."""
    taken = (Outcome.ACCEPTED.value, Outcome.DUPLICATE.value)
    why = [(outcome, number) for outcome, number in found.items() if outcome not in taken]
    return sorted(why, key=lambda one: (-one[1], one[0]))


def _by_bucket(rows: QuerySet[Any], word: str) -> dict[str, Counter[datetime]]:
    found: dict[str, Counter[datetime]] = {}
    for name, at, number in rows.values_list(word, "start").annotate(sum=Total("count")):
        found.setdefault(name, Counter())[at] += int(number)
    return found


def spans(start: datetime, end: datetime) -> Iterator[tuple[Width, datetime, datetime]]:
    """Yields parts of a time of whole hours, each with the widest buckets that it is made of: a year of hours is some
    hundred days, and the hours before and after them."""
    first, last = floor(start - timedelta(hours=1), Width.DAY) + timedelta(days=1), floor(end, Width.DAY)
    if first >= last:
        first = last = end
    for width, begins, ends in ((Width.HOUR, start, first), (Width.DAY, first, last), (Width.HOUR, last, end)):
        if begins < ends:
            yield width, begins, ends
