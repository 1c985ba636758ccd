"""What events say of visits: whose each is, and what it comes to."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

from django.db.models import QuerySet

from analytics.models import Erasure, Event
from analytics.models.erasures import Whose
from analytics.visits.stays import Stay, chained, page_of, stay_of

FIELDS = ("pk", "project_id", "session", "person", "at", "name", "properties__path", "browser", "network")


class Sighting(NamedTuple):
    """One event. `whose` is None where it does not say who it was: then it is of no visit."""

    key: int
    whose: Whose | None
    stay: Stay


def sightings(rows: QuerySet[Event]) -> Iterator[Sighting]:
    """Yields what each of these events says, in their order, without holding them all. Raises django.db.Error."""
    for values in rows.values_list(*FIELDS).iterator(chunk_size=2_000):
        yield sighting(*values)


def sighting(
    key: int, project_id: str, session: str, person: str, at: Any, name: str, path: object, browser: str, network: str
) -> Sighting:
    """Returns what an event with these values says. A session comes before a user: two browsers of one user make two
    visits."""
    kind = Erasure.Kind.SESSION if session else Erasure.Kind.PERSON
    identity = session or person
    whose = (project_id, kind.value, identity) if identity else None
    return Sighting(key, whose, stay_of(at, page_of(name, path), browser, network))


def gathered(seen: Iterable[Sighting]) -> dict[Whose, list[Stay]]:
    """Returns the stays of each visitor, of those that are somebody."""
    found: dict[Whose, list[Stay]] = {}
    for each in seen:
        if each.whose is not None:
            found.setdefault(each.whose, []).append(each.stay)
    return {whose: [stay for _, stay in chained((None, each) for each in sorted(stays, key=start))]
            for whose, stays in found.items()}  # fmt: skip


def chained_by_visitor(seen: Iterable[Sighting]) -> dict[Whose, list[Stay]]:
    """The same of events of somebody that come in the order of their visitors, and of time: however many they are."""
    return {
        whose: [stay for _, stay in chained((None, each.stay) for each in group)]
        for whose, group in groupby(seen, key=lambda each: each.whose)
        if whose is not None
    }


def start(stay: Stay) -> Any:
    return stay.started_at
