"""Which place and which time a page of charts is asked for, as far as they may be shown to whoever is signed in.

Whatever cannot be honoured falls back to what is shown without it, and a sentence says so.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self
from urllib.parse import urlencode

from django.db.models import Q, QuerySet

from accounts.models import Organization, Project
from analytics.dashboard.periods import CUSTOM, DEFAULT, NotAPeriod, Period, period_of, preset, presets
from analytics.models.rollups import Width

PARAMETERS = ("organization", "range", "from", "to", "project")
MOST_CHOICES = 100
"""Of more organisations or projects so many are offered; the others by their ids in the address."""
ID = re.compile(r"[\w-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sight:
    """What somebody sees: organisations, and projects, which may be of others as well."""

    organizations: QuerySet[Organization]
    projects: QuerySet[Project]

    def within(self, organization_id: str) -> QuerySet[Project]:
        """The projects of one organisation."""
        return self.projects.filter(organization__public_id=organization_id)


@dataclass(frozen=True, slots=True)
class Choice:
    """An organisation or a project that may be chosen."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Look:
    """What is shown. `project` is None for all of them. `finest` is the narrowest bucket that there is. `values` is the
    address, without what was not honoured; `complaints` say what that was."""

    organization: Choice
    organizations: tuple[Choice, ...]
    project: Choice | None
    projects: tuple[Choice, ...]
    period: Period
    finest: Width
    values: Mapping[str, str]
    complaints: tuple[str, ...]

    def address(self, **changed: str) -> str:
        """The query of the same page with other values; empty ones go."""
        values = {name: value for name, value in {**self.values, **changed}.items() if value}
        return f"?{urlencode(values)}"

    def refusing(self, told: str, *names: str) -> Self:
        """The same without these values, and with a sentence about that."""
        left = {name: value for name, value in self.values.items() if name not in names}
        return replace(self, values=left, complaints=(*self.complaints, told))

    def filters(self) -> dict[str, Any]:
        """What the filters of place and time are made of: links by what they are called, whether they are what is
        shown, and what forms send along beside their own fields."""
        whole = {"from": "", "to": ""}
        ranges = presets(self.finest)
        return {
            "ranges": [(name, self.address(range=name, **whole), name == self.period.name) for name in ranges],
            "beside_place": self.beside("organization", "project"),
            "beside_time": self.beside("range", "from", "to"),
            "custom": self.period.name == CUSTOM,
            # As fields of a form for local times take them.
            "start": f"{self.period.start:%Y-%m-%dT%H:%M}",
            "end": f"{self.period.end:%Y-%m-%dT%H:%M}",
        }

    def beside(self, *names: str) -> list[tuple[str, str]]:
        """The values other than these."""
        return [(name, value) for name, value in self.values.items() if name not in names]

    def longer(self) -> str:
        """The query of the same page for all projects, and a month."""
        return self.address(range="30d", project="", **{"from": "", "to": ""})


def look(
    sight: Sight, query: Mapping[str, str], now: datetime, more: tuple[str, ...] = (), finest: Width = Width.MINUTE
) -> Look | None:
    """What is asked for, with `more` parameters beside PARAMETERS; None for whoever sees no organisation. Two
    queries."""
    values = {name: query[name].strip() for name in (*PARAMETERS, *more) if query.get(name, "").strip()}
    asked = values.get("organization", "")
    organizations = _choices(sight.organizations, asked)
    if not organizations:
        return None
    organization = _chosen(organizations, asked) or organizations[0]
    projects = _choices(sight.within(organization.id), values.get("project", ""))
    project = _chosen(projects, values.get("project", ""))
    try:
        period, complaint = period_of(values, now, finest), ""
    except NotAPeriod as reason:
        period, complaint = preset(DEFAULT, now), f"{reason} The last {DEFAULT} are shown."
    found = Look(organization, _sorted(organizations), project, _sorted(projects), period, finest, values, ())
    if asked not in ("", organization.id):
        found = found.refusing("There is no such organisation, or you may not see its data.", "organization")
    if "project" in values and project is None:
        found = found.refusing(f"{organization.name} has no such project. All of its projects are shown.", "project")
    return found.refusing(complaint, "range", "from", "to") if complaint else found


def _choices(rows: QuerySet[Any], asked: str) -> list[Choice]:
    """Those that are offered, the one that was asked for first, if it is there."""
    first = Q(public_id=asked if ID.fullmatch(asked) else "")
    found = rows.alias(first=first).order_by("-first", "name", "pk").values_list("public_id", "name")
    return [Choice(*row) for row in found[:MOST_CHOICES]]


def _chosen(choices: list[Choice], asked: str) -> Choice | None:
    return next((choice for choice in choices if choice.id == asked), None)


def _sorted(choices: list[Choice]) -> tuple[Choice, ...]:
    return tuple(sorted(choices, key=lambda choice: choice.name))
