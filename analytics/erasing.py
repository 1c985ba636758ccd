"""Erasing everything about a session or a user of a project.

Of events the ids stay for as long as an id is known at all: else the same event, sent again, would be a new one. What
waits in journals, of this machine or of others, is met by the erasure when it is stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from accounts.audit.recording import record
from accounts.models import Project
from analytics.entries import Entry, moment
from analytics.identities import identity
from analytics.models import Erasure, Event, RawExposure, RejectedEvent, VisitsMark
from analytics.models.erasures import Whose
from analytics.visits.rebuilding import SESSION, put_right


@dataclass(frozen=True, slots=True)
class Erased:
    """How many there were: events, events that had been rejected, variants of flags that somebody got, and visits."""

    events: int
    rejected: int
    exposures: int
    visits: int = 0


def erase(project: Project, whose: Mapping[Erasure.Kind, str]) -> Erased:
    """Erases what there is of these, by their ids as events told them, and writes that down, without the ids. Doing it
    twice does no harm. Raises django.db.Error, and then nothing was erased."""
    hashed = {kind: identity(project.public_id, text) for kind, text in whose.items()}
    events = rejected = exposures = 0
    with transaction.atomic():
        mark = VisitsMark.held()
        visitors: set[Whose] = set()
        for kind, who in sorted(hashed.items()):
            Erasure.objects.update_or_create(
                project_id=project.public_id, kind=kind, identity=who, defaults={"at": timezone.now()}
            )
            about = {"project_id": project.public_id, str(kind.value): who}
            visitors |= _visitors(project, kind, who)
            events += Event.objects.filter(**about).bare()
            rejected += RejectedEvent.objects.filter(**about).delete()[0]
            if kind == Erasure.Kind.PERSON:
                exposures += RawExposure.objects.filter(project=project.public_id, unit=who).delete()[0]
        differed = put_right(sorted(visitors), mark.upto, wholly=True)
        visits = differed.wrong + differed.surplus
        record(
            "project.analytics_erased",
            target_type="accounts.project",
            target_id=project.public_id,
            target_name=project.name,
            after={
                "of": sorted(hashed),
                "events": events,
                "rejected_events": rejected,
                "raw_exposures": exposures,
                "visits": visits,
            },
            organizations=(project.organization.public_id,),
            project=(project.public_id, project.name),
        )
    return Erased(events, rejected, exposures, visits)


def spared(entries: Sequence[Entry]) -> list[Entry]:
    """Returns what may be stored of events that come out of a journal: those that came in before they were erased are
    bare, and rejected ones of them are gone. One query for some hundred identities. Raises django.db.Error."""
    asked = {whose for entry in entries for whose in _whose(entry)}
    known = Erasure.moments(asked)
    kept = []
    for entry in entries:
        came = moment(entry.received_at)
        if not any(came <= known[whose] for whose in _whose(entry) if whose in known):
            kept.append(entry)
        elif not entry.code:
            kept.append(entry.bare())
    return kept


def _visitors(project: Project, kind: Erasure.Kind, who: str) -> set[Whose]:
    """Whose visits events of a session or a user may be part of: their own, and those of the sessions of a user."""
    found: set[Whose] = {(project.public_id, kind.value, who)}
    if kind == Erasure.Kind.PERSON:
        sessions = Event.objects.filter(project_id=project.public_id, person=who).exclude(person="").exclude(session="")
        names = sessions.order_by().values_list("session", flat=True).distinct()
        found.update((project.public_id, SESSION, session) for session in names)
    return found


def _whose(entry: Entry) -> list[Whose]:
    both = ((Erasure.Kind.SESSION, entry.session), (Erasure.Kind.PERSON, entry.person))
    return [(entry.project_id, kind.value, who) for kind, who in both if who]
