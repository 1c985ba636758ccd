"""The four roles as objects, and their assignment to users. The roles are predefined: none is made, changed or deleted.

A user has one role in an organisation, and at most one in each of its projects: assigning another replaces it.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

from django.db import transaction

from accounts.models import Membership, Project, ProjectMembership
from accounts.principal import Principal
from accounts.roles import ACTIONS, Role, allowed
from api.administration.granting import granter
from api.administration.project_users import find_project_user, project_members_of, remove_project_user
from api.administration.projects import check_open
from api.administration.rows import check_grant, saved
from api.administration.users import change_user, find_member
from api.exceptions import InvalidRequest, NotFound

Where = Literal["organization", "project"]


@dataclass(frozen=True, slots=True)
class Predefined:
    """A role in an organisation or in its projects, and the actions of `accounts.roles` that it allows there."""

    id: str
    role: Role
    where: Where
    permissions: tuple[str, ...]


def predefined(organization_id: str, where: Where) -> list[Predefined]:
    """The roles of an organisation, or those in its projects, from the highest to the lowest."""
    return [
        Predefined(
            role_id(organization_id, where, role),
            role,
            where,
            tuple(name for name, action in ACTIONS.items() if action.where == where and allowed(role, name)),
        )
        for role in Role
    ]


def role_id(organization_id: str, where: Where, role: str) -> str:
    """An opaque id that is always the same in an organisation."""
    return f"role_{hashlib.sha256(f'{organization_id}/{where}/{role}'.encode()).hexdigest()[:24]}"


def find_role(organization_id: str, where: Where, id: str) -> Predefined:
    """The role with this id. Raises NotFound."""
    found = next((each for each in predefined(organization_id, where) if each.id == id), None)
    if found is None:
        raise NotFound("role", id)
    return found


def held(organization_id: str, where: Where, row: Membership | ProjectMembership | None) -> list[Predefined]:
    """The role that a membership gives: one, or none where there is no membership."""
    return [each for each in predefined(organization_id, where) if row is not None and each.role == row.role]


def find_held(organization_id: str, where: Where, row: Membership | ProjectMembership | None, id: str) -> Predefined:
    """The role with this id, if it is the one that the membership gives. Raises NotFound."""
    found = find_role(organization_id, where, id)
    if found not in held(organization_id, where, row):
        raise NotFound("role of the user", id)
    return found


def assignment_in(project: Project, member: Membership) -> ProjectMembership | None:
    """What gives the member a role in the project; None where nothing does."""
    return project_members_of(project).filter(membership=member).first()


@transaction.atomic
def assign_in_project(caller: Principal, project: Project, user_id: str, role: Role) -> Membership:
    """The member, who has this role in an open project from now on.

    Raises NotFound for who is not of the organisation, ScopeMissing where the old or the new role is above the caller's
    own, and InvalidRequest for an archived project.
    """
    actor = granter(caller)
    check_open(project)
    member = find_member(caller.organization_id, user_id)
    row = assignment_in(project, member)
    if row is None:
        check_grant(actor, role)
        saved(ProjectMembership(membership=member, project=project, role=role))
    elif row.role != role:
        check_grant(actor, row.role, role)
        row.role = role
        saved(row, "role")
    return member


@transaction.atomic
def unassign(caller: Principal, user_id: str, id: str) -> None:
    """Takes away the role in the organisation with this id, which leaves the user a viewer.

    Raises NotFound where the user does not have it, InvalidRequest for viewers and for the last owner, and ScopeMissing
    for a role above the caller's own.
    """
    granter(caller)  # what is read after this stays
    role = find_held(caller.organization_id, "organization", find_member(caller.organization_id, user_id), id).role
    if role is Role.VIEWER:
        raise InvalidRequest(
            "A user of the organisation is at least a viewer: delete the user instead.",
            param="role_id",
            code="least_role",
        )
    change_user(caller, user_id, Role.VIEWER)


@transaction.atomic
def unassign_in_project(caller: Principal, project: Project, user_id: str, id: str) -> None:
    """Takes away the role in a project with this id. Raises NotFound where the user does not have it, and as
    `remove_project_user`."""
    granter(caller)
    find_held(caller.organization_id, "project", find_project_user(project, user_id), id)
    remove_project_user(caller, project, user_id)
