"""Whose events somebody may ask about: keys of a project about its own, people and admin keys about the projects in
which their role allows it."""

from django.http import HttpRequest
from rest_framework.exceptions import ValidationError

from accounts.caller import Caller
from accounts.exceptions import NotThere, ScopeMissing
from accounts.models import Project, ProjectMembership
from accounts.principal import Principal
from accounts.queries import Query
from accounts.roles import Role, allowed, in_project

ADMIN = "admin.*"
PROJECT = "project"
"""The parameter in the URL that names a project."""


def project_for(caller: Caller | Principal, asked: str | None, action: str, scope: str | None = None) -> Project:
    """Returns the project that is meant: the one with the public id `asked`, or the only one of a project's key.

    A key of a project needs `scope`, and none where that is None. Raises NotThere for a project of others, ScopeMissing
    where the key lacks the scope, or the role in the project does not allow `action`, ValidationError where none is
    named and none goes without saying, and what `Caller.seat` raises.
    """
    if isinstance(caller, Caller):
        project, role = place_of(caller, asked)
        _check(role, action)
        return project
    if caller.project_id is not None:
        if scope is not None and not caller.allows(scope):
            raise ScopeMissing((scope,))
        return _named(caller.organization_id, asked or caller.project_id, caller.project_id)
    if not caller.allows(ADMIN):
        raise ScopeMissing((ADMIN,))
    project = _named(caller.organization_id, asked)
    _check(in_project(caller.role, None), action)
    return project


def place_of(caller: Caller, asked: str | None) -> tuple[Project, Role | None]:
    """Returns the project with the public id `asked`, and the role that somebody has there.

    Raises NotThere for a project of others, ValidationError where none is named, and what `Caller.seat` raises.
    """
    seat = caller.seat()
    project = _named(seat.organization_id, asked)
    given = ProjectMembership.objects.filter(project=project, membership__user__public_id=caller.owner_id)
    return project, in_project(seat.role, given.values_list("role", flat=True).first())


def check_query(request: HttpRequest, caller: Principal) -> None:
    """Raises NotThere where the URL names another project than that of the caller, ValidationError for any other
    parameter."""
    query = Query(request.GET)
    asked = query.text(PROJECT)
    query.done()
    if asked not in (None, caller.project_id):
        raise NotThere("project", asked or "")


def _named(organization_id: str, asked: str | None, only: str | None = None) -> Project:
    if asked is None:
        raise ValidationError({"project": ["Name a project by its id."]}, code="required")
    projects = Project.objects.filter(organization__public_id=organization_id, public_id=asked)
    project = projects.select_related("organization").first() if only in (None, asked) else None
    if project is None:
        raise NotThere("project", asked)
    return project


def _check(role: Role | None, action: str) -> None:
    if not allowed(role, action):
        raise ScopeMissing((action,))
