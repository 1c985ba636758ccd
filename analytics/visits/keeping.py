"""Visits in the database: which there are, and how they are changed. Whoever changes any holds `VisitsMark`."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import TypeVar

from django.db import connection
from django.db.models import QuerySet

from analytics.models import Erasure, Visit, VisitTrail
from analytics.models.erasures import AT_ONCE, Whose
from analytics.visits.stays import Kept, Stay

T = TypeVar("T")

CHANGING = (
    "UPDATE analytics_visit SET started_at = %s, ended_at = %s, events = %s, entry_page = %s, entry_at = %s, "
    "exit_page = %s, exit_at = %s, browser = %s, network = %s WHERE id = %s"
)


def visits_of(
    whose: Collection[Whose], first: datetime | None = None, last: datetime | None = None
) -> dict[Whose, list[Kept]]:
    """Returns the visits of these visitors, all or those within a time, in the order in which they start. Nobody else
    changes or deletes them until the end of the transaction. Raises django.db.Error."""
    found: dict[Whose, list[Kept]] = {}
    for some in portions(sorted(whose)):
        rows: QuerySet[Visit] = Visit.objects.filter(
            trail__project_id__in={project_id for project_id, _, _ in some},
            trail__kind__in=Erasure.Kind.values,
            trail__identity__in={identity for _, _, identity in some},
        )
        if first is not None and last is not None:
            rows = rows.filter(ended_at__gte=first, started_at__lte=last)
        asked = set(some)
        # What is pruned just now is waited for, and then is not there.
        for row in rows.select_related("trail").order_by("started_at", "pk").select_for_update(of=("self",)):
            owner = (row.trail.project_id, row.trail.kind, row.trail.identity)
            if owner in asked:
                found.setdefault(owner, []).append((row.pk, row.stay))
    return found


def make(stays: Sequence[tuple[Whose, Stay]]) -> None:
    """Keeps new visits."""
    made = Visit.objects.bulk_create([Visit(project_id=whose[0], **stay._asdict()) for whose, stay in stays])
    trails = [
        VisitTrail(visit=visit, project_id=project_id, kind=kind, identity=identity)
        for visit, ((project_id, kind, identity), _) in zip(made, stays, strict=True)
    ]
    VisitTrail.objects.bulk_create(trails)


def change(stays: Iterable[tuple[int, Stay]]) -> None:
    """Makes the visits with these keys come to what is said."""
    adapt = connection.ops.adapt_datetimefield_value
    rows = [
        tuple(adapt(value) if isinstance(value, datetime) else value for value in (*stay, key)) for key, stay in stays
    ]
    with connection.cursor() as cursor:
        cursor.executemany(CHANGING, rows)


def remove(keys: Iterable[int]) -> None:
    """Deletes the visits with these keys, and their trails."""
    for some in portions(keys):
        Visit.objects.filter(pk__in=some).delete()


def portions(items: Iterable[T]) -> Iterator[list[T]]:
    """Yields as many at a time as one statement takes."""
    rest = iter(items)
    while some := list(islice(rest, AT_ONCE)):
        yield some
