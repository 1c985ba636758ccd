"""Users of a project: members of the organisation who were given a role in it, named by the ids of the users.

Owners and admins of the organisation have their role in every project, and stand here only where they were given one.
"""

from django.db import models, transaction

from accounts.models import Membership, Project, ProjectMembership
from accounts.principal import Principal
from accounts.roles import Role
from api.administration.granting import granter
from api.administration.projects import check_open
from api.administration.rows import check_grant, find, made, saved
from api.administration.users import find_member, members_of
from api.exceptions import Conflict, NotFound

BY_USER = "membership__user__public_id"


def project_members_of(project: Project) -> models.QuerySet[ProjectMembership]:
    """Those who were given a role in the project, with their users."""
    return project.memberships.select_related("membership__user", "membership__organization", "project__organization")


def find_project_user(project: Project, user_id: str) -> ProjectMembership:
    """The user of the project. Raises NotFound, for other members of the organisation too."""
    return find(project_members_of(project), user_id, "user of the project", by=BY_USER)


def find_newcomer(organization_id: str, user_id: str | None, email: str | None) -> Membership:
    """The member of the organisation with this id, this e-mail, or both. Raises NotFound."""
    if user_id is not None:
        member = find_member(organization_id, user_id)
        if email is None or member.user.email == email.lower():
            return member
    elif email is not None and email.isprintable():  # anything else no database needs to be asked for
        found = members_of(organization_id, [email]).first()
        if found is not None:
            return found
    raise NotFound("user with this e-mail")


@transaction.atomic
def add_project_user(
    caller: Principal, project: Project, role: Role, *, user_id: str | None, email: str | None
) -> ProjectMembership:
    """A member of the organisation, given a role in an open project.

    Raises NotFound for who is not of the organisation, ScopeMissing for a role above the caller's own, Conflict for who
    has a role in the project, and InvalidRequest for an archived one.
    """
    actor = granter(caller)
    check_open(project)
    member = find_newcomer(caller.organization_id, user_id, email)
    if project.memberships.filter(membership=member).exists():
        raise Conflict("The user has a role in the project already.", code="already_member")
    check_grant(actor, role)
    return saved(ProjectMembership(membership=member, project=project, role=role))


@transaction.atomic
def change_project_user(caller: Principal, project: Project, user_id: str, role: Role | None) -> ProjectMembership:
    """The user of an open project, who has this role in it from now on; with None it stays as it is.

    Raises NotFound, ScopeMissing where the old or the new role is above the caller's own, and InvalidRequest for an
    archived project.
    """
    actor = granter(caller)
    check_open(project)
    row = find_project_user(project, user_id)
    if role is not None and role != row.role:
        check_grant(actor, row.role, role)
        row.role = role
        saved(row, "role")
    return row


@transaction.atomic
def remove_project_user(caller: Principal, project: Project, user_id: str) -> None:
    """Takes away the role in an open project. The user's keys of it fail from now on, in other processes within five
    seconds, unless the user is an owner or admin of the organisation. Raises as `change_project_user`."""
    actor = granter(caller)
    check_open(project)
    row = find_project_user(project, user_id)
    check_grant(actor, row.role)
    made(row.delete)
