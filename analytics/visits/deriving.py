"""Keeps visits up with events: takes those that came since, in the order of their keys, each once.

What a late event changes is found by its visitor's trail: it may be the first or the last of a visit, lie within one,
join two, or make one of its own. How far this has come is written down in the same transaction.
"""

import structlog
from django.db import DatabaseError, close_old_connections, transaction

from accounts.limits.keeper import Keeper
from analytics.models import Event, VisitsMark
from analytics.models.erasures import Whose
from analytics.visits.keeping import change, make, remove, visits_of
from analytics.visits.settling import settled
from analytics.visits.sightings import gathered, sightings
from analytics.visits.stays import GAP, Part, Stay, chained

CHUNK = 5_000
"""How many events one transaction takes."""
MOST_CHUNKS = 20
"""Of one round, which has to end when the process does."""
EVERY_SECONDS = 5.0

log = structlog.get_logger(__name__)


def derive() -> int:
    """Adds some of the events that came since, and returns how many: 0 where there are none, or another process is
    about to. Raises DatabaseError, and then nothing was added."""
    if not Event.objects.filter(pk__gt=VisitsMark.reached()).exists():
        return 0
    last = settled()
    with transaction.atomic():
        mark = VisitsMark.held_at_once()
        if mark is None:
            return 0
        rows = Event.objects.filter(pk__gt=mark.upto, pk__lte=last, kept=True).order_by("pk")
        seen = list(sightings(rows[:CHUNK]))
        add(gathered(seen))
        mark.upto = seen[-1].key if len(seen) == CHUNK else max(last, mark.upto)
        mark.save()
    return len(seen)


def add(found: dict[Whose, list[Stay]]) -> None:
    """Adds stays to the visits of their visitors."""
    if not found:
        return
    first = min(stays[0].started_at for stays in found.values()) - GAP
    last = max(stays[-1].ended_at for stays in found.values()) + GAP
    there = visits_of(found, first, last)
    made, changed, gone = [], [], []
    for whose, stays in found.items():
        known = there.get(whose, [])
        before = dict(known)
        parts: list[Part] = [*known, *((None, stay) for stay in stays)]
        parts.sort(key=lambda part: part[1].started_at)
        for keys, stay in chained(parts):
            if not keys:
                made.append((whose, stay))
            elif before[keys[0]] != stay:
                changed.append((keys[0], stay))
                gone += keys[1:]
    remove(gone)
    change(changed)
    make(made)


def keep_up() -> None:
    """Derives what there is to, as far as one round goes. Where the database is away, the next one does."""
    close_old_connections()
    try:
        for _ in range(MOST_CHUNKS):
            if not derive():
                break
    except DatabaseError as error:
        log.warning("visits_not_derived", error=type(error).__name__)
    finally:
        close_old_connections()


keeper = Keeper(keep_up, "visits", EVERY_SECONDS)
