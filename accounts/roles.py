"""Roles, and what each may do. Pure: no database. These tables are the only ones; docs/roles.md prints them.

A role includes every lower one. No role is written None (or "" in a column), and may do nothing: it is never an error.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from django.db.models import TextChoices


class Role(TextChoices):
    """From the highest to the lowest."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


RANKS: dict[str | None, int] = {role.value: rank for rank, role in enumerate(reversed(Role), 1)}


@dataclass(frozen=True, slots=True)
class Action:
    """`least` is the lowest role that may do it, held in what `where` says."""

    where: Literal["organization", "project"]
    least: Role


ACTIONS: dict[str, Action] = {
    # In the organisation: a role of its members.
    "organization.read": Action("organization", Role.VIEWER),
    "organization.update": Action("organization", Role.OWNER),
    "organization.users.read": Action("organization", Role.VIEWER),
    "organization.users.update": Action("organization", Role.ADMIN),
    "organization.owners.update": Action("organization", Role.OWNER),
    "organization.invites.read": Action("organization", Role.ADMIN),
    "organization.invites.update": Action("organization", Role.ADMIN),
    "organization.projects.read": Action("organization", Role.VIEWER),
    "organization.projects.create": Action("organization", Role.ADMIN),
    "organization.projects.archive": Action("organization", Role.ADMIN),
    "organization.admin_keys.read": Action("organization", Role.ADMIN),
    "organization.admin_keys.update": Action("organization", Role.OWNER),
    "organization.limits.read": Action("organization", Role.MEMBER),
    "organization.limits.update": Action("organization", Role.OWNER),
    "organization.usage.read": Action("organization", Role.MEMBER),
    "organization.flags.read": Action("organization", Role.VIEWER),
    "organization.flags.update": Action("organization", Role.ADMIN),
    "organization.events.read": Action("organization", Role.VIEWER),
    "organization.events.update": Action("organization", Role.ADMIN),
    "organization.policies.read": Action("organization", Role.MEMBER),
    "organization.policies.update": Action("organization", Role.ADMIN),
    "organization.audit.read": Action("organization", Role.ADMIN),
    "organization.audit.restore": Action("organization", Role.OWNER),
    "organization.data_retention.read": Action("organization", Role.ADMIN),
    "organization.data_retention.update": Action("organization", Role.OWNER),
    # In a project: the role that `in_project` gives.
    "project.read": Action("project", Role.VIEWER),
    "project.update": Action("project", Role.ADMIN),
    "project.users.read": Action("project", Role.VIEWER),
    "project.users.update": Action("project", Role.ADMIN),
    "project.owners.update": Action("project", Role.OWNER),
    "project.service_accounts.read": Action("project", Role.MEMBER),
    "project.service_accounts.update": Action("project", Role.ADMIN),
    "project.keys.read": Action("project", Role.MEMBER),
    "project.keys.create": Action("project", Role.MEMBER),
    "project.keys.delete": Action("project", Role.ADMIN),
    "project.limits.read": Action("project", Role.VIEWER),
    "project.limits.update": Action("project", Role.ADMIN),
    "project.models.read": Action("project", Role.VIEWER),
    "project.models.update": Action("project", Role.ADMIN),
    "project.policies.read": Action("project", Role.VIEWER),
    "project.policies.update": Action("project", Role.ADMIN),
    "project.analytics.read": Action("project", Role.VIEWER),
    "project.analytics.update": Action("project", Role.ADMIN),
    "project.analytics.erase": Action("project", Role.ADMIN),
}

SCOPE_ROLES: dict[str, Role] = {
    "model.read": Role.VIEWER,
    "model.request": Role.MEMBER,
    "responses.write": Role.MEMBER,
    "files.write": Role.MEMBER,
    "flags.read": Role.VIEWER,
    "flags.write": Role.ADMIN,
    "events.write": Role.MEMBER,
    "events.erase": Role.ADMIN,
    "usage.read": Role.VIEWER,
    "admin.*": Role.ADMIN,
    "metrics.read": Role.ADMIN,
}
"""The least role of a key's owner with which a scope works: of the project for its keys, of the organisation for
admin keys. A viewer reads, and neither spends nor writes."""


def known(role: str | None) -> Role | None:
    """Returns the role that `role` names; None for no role, and for what names none."""
    return Role(role) if role and role in RANKS else None


def includes(role: str | None, least: Role) -> bool:
    """Returns whether `role` is `least` or higher."""
    return RANKS.get(role, 0) >= RANKS[least.value]


def highest(*roles: str | None) -> Role | None:
    """Returns the highest of `roles`, or None where none of them is one."""
    return known(max(roles, key=lambda role: RANKS.get(role, 0), default=None))


def in_project(organization_role: str | None, project_role: str | None) -> Role | None:
    """Returns the role that a user has in a project.

    Owners and admins of the organisation have theirs in every project of it; members and viewers have the role that
    the project gives them. Who is not of the organisation has none, whatever the project says.
    """
    if known(organization_role) is None:
        return None
    if includes(organization_role, Role.ADMIN):
        return highest(organization_role, project_role)
    return known(project_role)


def allowed(role: str | None, action: str) -> bool:
    """Returns whether `role`, held where the action belongs, may do it. Raises KeyError for an unknown action."""
    return includes(role, ACTIONS[action].least)


def may_grant(granter: str | None, role: str | None) -> bool:
    """Returns whether somebody with the role `granter` may give or take away `role`: admins up to their own."""
    held = known(role)
    return includes(granter, Role.ADMIN) and (held is None or includes(granter, held))


def within(scopes: Collection[str], role: str | None) -> frozenset[str]:
    """Returns those of `scopes` that work in the hands of an owner with this role."""
    return frozenset(scope for scope in scopes if scope in SCOPE_ROLES and includes(role, SCOPE_ROLES[scope]))
