"""How far a member of staff reaches: their roles, as conditions on rows. What a role may do is in `accounts.roles`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, cast

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.http import HttpRequest

from accounts import roles
from accounts.models import Membership, Organization, Project, ProjectMembership, User
from accounts.roles import ACTIONS, Role

Verb = Literal["view", "add", "change", "delete"]
Place = Organization | Project

NOTHING = models.Q(pk__in=[])


@dataclass(frozen=True)
class Reach:
    """The roles of one person. `everything` is a superuser's, who needs none."""

    everything: bool = False
    user_id: int | None = None
    organizations: Mapping[int, str] = field(default_factory=dict)
    projects: Mapping[int, tuple[int, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, user: User | AnonymousUser) -> "Reach":
        """Reads the roles of `user`: two queries, none for superusers. Only staff who are active have any."""
        if not (user.is_active and user.is_staff):
            return cls()
        if user.is_superuser:
            return cls(everything=True, user_id=user.pk)
        member = Membership.objects.filter(user=user.pk).values_list("organization_id", "role")
        assigned = ProjectMembership.objects.filter(membership__user=user.pk)
        given = assigned.values_list("project_id", "project__organization_id", "role")
        return cls(False, user.pk, dict(member), {project: (home, role) for project, home, role in given})

    def role(self, organization_id: int | None, project_id: int | None = None) -> Role | None:
        """Returns the role in the project, or, without one, in the organisation."""
        held = self.organizations.get(organization_id or 0)
        if project_id is None:
            return roles.known(held)
        return roles.in_project(held, self.projects.get(project_id, (0, ""))[1])

    def may(self, action: str | None, organization_id: int | None, project_id: int | None = None) -> bool:
        """Returns whether this person may do `action` there. What is no action, None, is for superusers."""
        if self.everything or action is None:
            return self.everything
        where = project_id if ACTIONS[action].where == "project" else None
        return roles.allowed(self.role(organization_id, where), action)

    def may_in(self, action: str | None, place: Place) -> bool:
        """Returns whether this person may do `action` in an organisation or project."""
        return self.may(action, *ids_of(place))

    def may_anywhere(self, action: str | None) -> bool:
        """Returns whether there is a place where this person may do `action`."""
        if self.everything or action is None:
            return self.everything
        return bool(self.organizations_for(action) or self.projects_for(action))

    def may_grant(self, role: str | None, place: Place) -> bool:
        """Returns whether this person may give or take away `role` in `place`."""
        return self.everything or roles.may_grant(self.role(*ids_of(place)), role)

    def organizations_for(self, action: str) -> list[int]:
        """Returns the organisations in which, or in every project of which, this person may do `action`."""
        floor = Role.ADMIN if ACTIONS[action].where == "project" else Role.VIEWER
        held = self.organizations.items()
        return sorted(pk for pk, role in held if roles.includes(role, floor) and roles.allowed(role, action))

    def projects_for(self, action: str) -> list[int]:
        """Returns the projects in which a role of their own lets this person do `action`; those of which the
        organisation does are not all among them."""
        if ACTIONS[action].where == "organization":
            return []
        return sorted(pk for pk, (home, _) in self.projects.items() if self.may(action, home, pk))

    @cached_property
    def public_ids(self) -> dict[int, str]:
        """The public ids of the organisations in which this person has a role; one query."""
        return dict(Organization.objects.filter(pk__in=self.organizations).values_list("pk", "public_id"))


@dataclass(frozen=True, slots=True)
class Rights:
    """Which action of `accounts.roles.ACTIONS` each thing that is done to rows takes; None is for superusers alone.

    `path` leads from a row to the organisation or project that it belongs to, which `kind` says; an empty one is the
    row itself.
    """

    kind: Literal["organization", "project"]
    path: str
    view: str | None = None
    add: str | None = None
    change: str | None = None
    delete: str | None = None

    def action(self, verb: Verb) -> str | None:
        return cast("str | None", getattr(self, verb))

    def condition(self, reach: Reach, verb: Verb) -> models.Q:
        """Returns what is true of the rows to which this person may do `verb`."""
        action = self.action(verb)
        if action is None:
            return NOTHING
        home = self.lookup("organization") if self.kind == "project" else self.path or "pk"
        found = models.Q(**{f"{home}__in": reach.organizations_for(action)})
        if self.kind == "project" and (own := reach.projects_for(action)):
            found |= models.Q(**{f"{self.path or 'pk'}__in": own})
        return found

    def lookup(self, name: str) -> str:
        return f"{self.path}__{name}" if self.path else name

    def place_of(self, row: Any) -> Place | None:
        """Returns the organisation or project that `row`, saved or not, belongs to along the path; None for none."""
        for name in self.path.split("__") if self.path else ():
            row = None if getattr(row, f"{name}_id") is None else getattr(row, name)
            if row is None:
                return None
        return cast(Place, row)


def ids_of(place: Place) -> tuple[int | None, int | None]:
    """Returns the ids of the organisation and the project; the second is None for an organisation."""
    return (place.organization_id, place.pk) if isinstance(place, Project) else (place.pk, None)


def condition(rights: tuple[Rights, ...], reach: Reach, verb: Verb) -> models.Q:
    """Returns what is true of the rows to which this person may do `verb`. A row belongs to the first of the places
    that it has."""
    if reach.everything:
        return models.Q()
    found, further = NOTHING, models.Q()
    for each in rights:
        found |= further & each.condition(reach, verb)
        if each.path:
            further &= models.Q(**{f"{each.path}__isnull": True})
    return found


def home_of(rights: tuple[Rights, ...], row: Any) -> tuple[Rights, Place] | None:
    """Returns where `row` belongs and what is done there by whom; None for what belongs to nobody."""
    for each in rights:
        if (place := each.place_of(row)) is not None:
            return each, place
    return None


def reach_of(request: HttpRequest) -> Reach:
    """Returns the reach of whoever is signed in, read once a request."""
    known: Reach | None = vars(request).get("staff_reach")
    if known is None or known.user_id != request.user.pk:
        known = vars(request)["staff_reach"] = Reach.of(request.user)
    return known


IN_PROJECT: dict[str, Any] = {
    "view": "project.limits.read",
    **dict.fromkeys(("add", "change", "delete"), "project.limits.update"),
}
"""What limits, and alerts, of a project take."""
IN_ORGANIZATION: dict[str, Any] = {
    "view": "organization.limits.read",
    **dict.fromkeys(("add", "change", "delete"), "organization.limits.update"),
}
"""What those of a whole organisation take."""
