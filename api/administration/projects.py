"""Projects of an organisation."""

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import Organization, Project
from accounts.models.organizations import ProjectQuerySet
from api.administration.rows import find, saved
from api.exceptions import InvalidRequest


def projects_of(organization_id: str) -> ProjectQuerySet:
    """The projects of the organisation with this public id, archived ones too."""
    return Project.objects.filter(organization__public_id=organization_id).select_related("organization")


def find_project(organization_id: str, project_id: str) -> Project:
    """The project, archived or not. Raises NotFound."""
    return find(projects_of(organization_id), project_id, "project")


def create_project(organization_id: str, name: str) -> Project:
    """A new project of the organisation."""
    return saved(Project(organization=Organization.objects.get(public_id=organization_id), name=name))


def rename_project(project: Project, name: str) -> None:
    """Gives an open project another name. Raises InvalidRequest for an archived one."""
    check_open(project)
    project.name = name
    saved(project, "name")


@transaction.atomic
def archive_project(organization_id: str, project_id: str) -> Project:
    """The project, archived now or before. Its keys fail from now on, in other processes within five seconds.

    Raises NotFound, and InvalidRequest for the default project.
    """
    project = find(projects_of(organization_id).select_for_update(of=("self",)), project_id, "project")
    try:
        project.archive()
    except ValidationError as error:
        raise InvalidRequest(error.messages[0], code=error.code) from error
    return project


def check_open(project: Project) -> None:
    """Raises InvalidRequest for an archived project: nothing is added to it or changed in it any more."""
    if project.archived_at is not None:
        raise InvalidRequest("The project is archived.", code="project_archived")
