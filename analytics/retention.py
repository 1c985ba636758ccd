"""For how long which rows are kept, and whose are not kept at all.

Rows of a table go when they are older than its setting says. Those that tell of single people's doings (`raw`) go at
once where the data retention of a project lets it keep nothing. What is summed up (counts of events, roll-ups of usage)
is no table here.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import QuerySet
from django.utils import timezone

from analytics.checks import KEPT_AT_LEAST
from analytics.models import Event, RawExposure, RecordsKept, Refused, RejectedEvent, UsageRecord, Visit
from analytics.models.usage import WITHOUT_DIMENSION
from analytics.policies import keeping_nothing


@dataclass(frozen=True, slots=True)
class Table:
    """`project` and `moment` are the fields that tell whose a row is and when it was; there is an index by `moment`."""

    name: str
    model: type[models.Model]
    project: str
    moment: str
    raw: bool

    @property
    def setting(self) -> str:
        """The name of the setting that says for how many days rows are kept."""
        return f"LUKHAS_KEEP_{self.name.upper()}_DAYS"

    @property
    def least(self) -> timedelta:
        """The shortest time for which rows have to be kept."""
        return timedelta(days=KEPT_AT_LEAST[self.setting])

    def cutoff(self, now: datetime, age: timedelta | None = None) -> datetime:
        """Returns the moment before which rows go: by their age, or else by the setting."""
        return now - (timedelta(days=getattr(settings, self.setting)) if age is None else age)

    def rows(self) -> QuerySet[Any]:
        """Returns the rows of which there is something to delete."""
        return QuerySet(self.model)

    def due(self, cutoff: datetime, project: str = "") -> Iterator[QuerySet[Any]]:
        """Yields the rows that are to go, each in one of them: the old ones, and then those of each project that keeps
        nothing. Only of one project, if that is named. Each of them can be read in the order of an index."""
        rows = self.rows().filter(**{self.project: project}) if project else self.rows()
        yield rows.filter(**{f"{self.moment}__lt": cutoff})
        if self.raw:
            for each in keeping_nothing():
                if project in ("", each):
                    yield self.rows().filter(**{self.project: each, f"{self.moment}__gte": cutoff})

    def remove(self, ids: Collection[Any], projects: Collection[str], cutoff: datetime) -> None:
        """Deletes these rows, which are of these projects, and which are to go by that moment. To be called in a
        transaction."""
        QuerySet(self.model).filter(pk__in=ids).delete()


class Events(Table):
    """Of events whose id has to be known still, so that none is taken twice, the id stays: `analytics.keeping.tidy`
    deletes that when its time has come."""

    def rows(self) -> QuerySet[Any]:
        return Event.objects.filter(kept=True)

    def remove(self, ids: Collection[Any], projects: Collection[str], cutoff: datetime) -> None:
        rows = Event.objects.filter(pk__in=ids)
        forgettable = timezone.now() - timedelta(days=settings.LUKHAS_EVENT_WINDOW_DAYS)
        rows.filter(at__lt=forgettable, received_at__lt=forgettable).delete()
        rows.bare()


class Visits(Table):
    """Those go that ended before the time for which events are kept: a visit is there for as long as any of its
    events."""

    @property
    def setting(self) -> str:
        return EVENTS.setting


class UsageRecords(Table):
    """Roll-ups outlive the records that they are of. Those that are in none yet stay: see `rebuild_rollups`."""

    def rows(self) -> QuerySet[Any]:
        return UsageRecord.objects.exclude(dimension_id=WITHOUT_DIMENSION)

    def remove(self, ids: Collection[Any], projects: Collection[str], cutoff: datetime) -> None:
        # Else what is left of them would be taken for all that there was.
        told = RecordsKept.objects.filter(project_id__in=projects, since__gte=cutoff)
        RecordsKept.only_since(cutoff, set(projects).difference(told.values_list("project_id", flat=True)))
        super().remove(ids, projects, cutoff)


EVENTS = Events("events", Event, "project_id", "at", raw=True)
BY_NAME: dict[str, Table] = {}
"""Those that there are, in the order in which they are pruned."""


def add(table: Table) -> None:
    """From now on this one is pruned, too; apps further up tell of theirs when they start."""
    BY_NAME[table.name] = table


for each in (
    EVENTS,
    Visits("visits", Visit, "project_id", "ended_at", raw=True),
    Table("rejected_events", RejectedEvent, "project_id", "received_at", raw=True),
    Table("raw_exposures", RawExposure, "project", "first_seen_at", raw=True),
    UsageRecords("usage_records", UsageRecord, "project_id", "at", raw=False),
    Table("refused_requests", Refused, "project_id", "hour", raw=False),
):
    add(each)
