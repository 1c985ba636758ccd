"""Visits derived anew from all events that there are, by whole visitors: what differs is counted, and put right where
that is asked for.

A visit may outlast its first events, which are pruned one by one while it goes as a whole. So one that begins before
the oldest event of its project is left as it is, and what is left of its events is no visit of its own.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Min, Q, QuerySet

from analytics.models import Erasure, Event, VisitsMark, VisitTrail
from analytics.models.erasures import Whose
from analytics.rollups.rebuilding import Differences
from analytics.visits.keeping import make, portions, remove, visits_of
from analytics.visits.sightings import chained_by_visitor, sightings
from analytics.visits.stays import Stay

CHUNK = 200
"""How many visitors one transaction compares."""
SESSION, PERSON = Erasure.Kind.SESSION.value, Erasure.Kind.PERSON.value
COLUMNS = {SESSION: "session", PERSON: "person"}


def rebuild(project: str = "", *, repair: bool = True) -> Iterator[Differences]:
    """Compares the visits of a project, or of all, with their events, and puts right what differs unless told
    otherwise. Yields what differed of each portion of visitors. Raises DatabaseError; the portions before are done."""
    for kind in COLUMNS:
        last: Whose | None = None
        while some := visitors(kind, project, last):
            with transaction.atomic():
                mark = VisitsMark.held()
                differences = put_right(some, mark.upto)
                transaction.set_rollback(not repair)
            yield differences
            last = some[-1]


def visitors(kind: str, project: str, after: Whose | None) -> list[Whose]:
    """Returns the next visitors of a kind who have events or visits, in order, of a project or of all."""
    column = COLUMNS[kind]
    found: set[Any] = set()
    for rows, name in ((known(kind), column), (VisitTrail.objects.filter(kind=kind), "identity")):
        some: QuerySet[Any] = rows.filter(project_id=project) if project else rows
        if after is not None:
            behind = Q(project_id=after[0], **{f"{name}__gt": after[2]})
            some = some.filter(Q(project_id__gt=after[0]) | behind)
        found.update(some.order_by("project_id", name).values_list("project_id", name).distinct()[:CHUNK])
    return [(project_id, kind, identity) for project_id, identity in sorted(found)[:CHUNK]]


def how_many(project: str = "") -> int:
    """Returns how many visitors have events. Raises django.db.Error."""
    count = 0
    for kind, column in COLUMNS.items():
        rows = known(kind).filter(project_id=project) if project else known(kind)
        count += rows.order_by().values_list("project_id", column).distinct().count()
    return count


def known(kind: str) -> QuerySet[Event]:
    """Returns the events whose visits are of visitors of a kind."""
    if kind == SESSION:
        return Event.objects.exclude(session="")
    return Event.objects.filter(session="").exclude(person="")


def put_right(whose: Collection[Whose], upto: int, *, wholly: bool = False) -> Differences:
    """Makes the visits of these visitors what their events up to that one say, and returns what differed; with `wholly`
    also those that may have had other events once. Whoever calls holds the mark. Raises django.db.Error."""
    derived = derived_of(whose, upto)
    there = visits_of(whose)
    since: dict[str, datetime | None] = {}  # after the events, which may be pruned meanwhile
    if not wholly:
        oldest = Event.objects.filter(kept=True, project_id__in={project_id for project_id, _, _ in whose})
        since = dict(oldest.order_by().values_list("project_id").annotate(Min("at")))
    total, made, gone = Differences(), [], []
    for each in whose:
        due = Counter(derived.get(each, ()))
        unlike = []
        for key, stay in there.get(each, ()):
            if due[stay]:
                due[stay] -= 1
            else:
                unlike.append((key, stay))
        left = [] if wholly else [part for part in unlike if began_before(part[1], since.get(each[0]))]
        surplus = [part for part in unlike if part not in left]
        missing = [stay for stay in due.elements() if not any(within(stay, other) for _, other in left)]
        starts = {stay.started_at for stay in missing}
        wrong = sum(stay.started_at in starts for _, stay in surplus)
        total += Differences(len(missing) - wrong, wrong, len(surplus) - wrong, len(left))
        made += [(each, stay) for stay in missing]
        gone += [key for key, _ in surplus]
    remove(gone)
    make(made)
    return total


def derived_of(whose: Collection[Whose], upto: int) -> dict[Whose, list[Stay]]:
    """Returns the visits that the events of these visitors make, up to that event. Raises django.db.Error."""
    asked, found = set(whose), {}
    for kind, column in COLUMNS.items():
        for some in portions(sorted(each for each in whose if each[1] == kind)):
            rows = known(kind).filter(
                pk__lte=upto,
                project_id__in={project_id for project_id, _, _ in some},
                **{f"{column}__in": {identity for _, _, identity in some}},
            )
            found.update(chained_by_visitor(sightings(rows.order_by("project_id", column, "at"))))
    return {each: stays for each, stays in found.items() if each in asked}


def began_before(stay: Stay, since: datetime | None) -> bool:
    """Whether a visit began before the oldest event of its project, or that has none any more."""
    return since is None or stay.started_at < since


def within(stay: Stay, other: Stay) -> bool:
    return other.started_at <= stay.started_at and stay.ended_at <= other.ended_at
