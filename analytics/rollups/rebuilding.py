"""The roll-ups built anew from the records, day by day: what differs is counted, and put right where that is asked for.

While a day is looked at nobody stores or deletes records, so that all of them are there and all of them are counted.
That takes a moment, and what comes in waits in the journal.

Roll-ups outlive their records. A bucket that begins before all its records are kept is put right only where it lacks
something: what it has more than they say may be of those that were deleted, and is left. Since when they are kept is
told by `analytics.models.RecordsKept`, and by the oldest record that there is.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db import connection, transaction
from django.db.models import Max, Min, QuerySet

from analytics.models import Dimension, RecordsKept, UsageRecord
from analytics.models.usage import WITHOUT_DIMENSION
from analytics.rollups.dimensions import FIELDS, id_of
from analytics.rollups.rebuilding_postgres import hold_off, rebuilt_by_statements
from analytics.rollups.rebuilding_sqlite import rebuilt_in_python

DAY = timedelta(days=1)
HOLDING_OFF: dict[str, Callable[[datetime], None]] = {"sqlite": lambda day: None, "postgresql": hold_off}
REBUILDING = {"sqlite": rebuilt_in_python, "postgresql": rebuilt_by_statements}


@dataclass(frozen=True, slots=True)
class Kept:
    """From when on all records are kept: of every project, and of some that are pruned more."""

    since: datetime
    projects: Mapping[str, datetime]

    @classmethod
    def now(cls) -> "Kept | None":
        """None where there is no record at all."""
        oldest = UsageRecord.objects.aggregate(oldest=Min("at"))["oldest"]
        return None if oldest is None else cls(oldest, dict(RecordsKept.objects.values_list("project_id", "since")))


@dataclass(frozen=True, slots=True)
class Differences:
    """How many roll-ups lack, are wrong, and are there without a record; and how many differ but may be right, because
    their records are not all kept."""

    missing: int = 0
    wrong: int = 0
    surplus: int = 0
    left: int = 0

    def __add__(self, other: "Differences") -> "Differences":
        return Differences(
            self.missing + other.missing,
            self.wrong + other.wrong,
            self.surplus + other.surplus,
            self.left + other.left,
        )

    def __bool__(self) -> bool:
        """Whether something has to be put right."""
        return bool(self.missing or self.wrong or self.surplus)


def recorded() -> tuple[date, date] | None:
    """The days of UTC of the oldest and of the latest record; None where there is none."""
    ends = UsageRecord.objects.aggregate(oldest=Min("at"), latest=Max("at"))
    if ends["oldest"] is None:
        return None
    return ends["oldest"].astimezone(UTC).date(), ends["latest"].astimezone(UTC).date()


def days(first: date | None = None, last: date | None = None) -> list[date]:
    """The days from `first` to `last`, both included, and by default all that have records. None before the oldest
    record: there is nothing to build from."""
    found = recorded()
    return list(_each(max(first or found[0], found[0]), last or found[1])) if found else []


def _each(day: date, last: date) -> Iterator[date]:
    while day <= last:
        yield day
        day += DAY


def rebuild(day: date, *, repair: bool = True) -> Differences:
    """Compares the roll-ups of a day with its records, in one transaction, and puts right what differs unless told
    otherwise. Raises DatabaseError."""
    start = _midnight(day)
    with transaction.atomic():
        HOLDING_OFF[connection.vendor](start)
        kept = Kept.now()  # not before: who deletes records says so at that moment
        if kept is None:
            return Differences()
        counts = REBUILDING[connection.vendor](start, start + DAY, kept.since, kept.projects, repair=repair)
        transaction.set_rollback(not repair)
    return Differences(*counts)


def without_dimension() -> QuerySet[UsageRecord]:
    """Records that a version before the roll-ups wrote, and that these do not have."""
    return UsageRecord.objects.filter(dimension_id=WITHOUT_DIMENSION)


def give_dimensions(day: date) -> None:
    """Gives such records of a day the dimension that they have, so that they are found when it is built anew."""
    without = without_dimension().filter(at__gte=_midnight(day), at__lt=_midnight(day) + DAY)
    for names in without.order_by().values_list(*FIELDS).distinct():
        named = dict(zip(FIELDS, names, strict=True))
        Dimension.objects.get_or_create(id=id_of(names), defaults=named)
        without.filter(**named).update(dimension_id=id_of(names))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
