"""/v1/organization/projects."""

from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from api.administration.projects import archive_project, create_project, projects_of, rename_project
from api.pagination import page
from api.schema import organization as documented
from api.serializers.organization.bodies import nothing
from api.serializers.organization.projects import parse_new_project, parse_project_change, project_object
from api.views.organization.base import OrganizationView


class ProjectListView(OrganizationView):
    """The projects of the organisation, the oldest first."""

    actions: ClassVar = {"get": "organization.projects.read", "post": "organization.projects.create"}

    @documented.list_projects
    def get(self, request: Request) -> HttpResponse:
        query = self.query
        cursor, archived = query.cursor(), query.flag("include_archived")
        query.done()
        known = projects_of(self.organization_id)
        return self.answer(page(known if archived else known.open(), cursor, project_object, anchors=known))

    @documented.create_project
    def post(self, request: Request) -> HttpResponse:
        name = parse_new_project(self.body)
        return self.answer(project_object(create_project(self.organization_id, name)))


class ProjectView(OrganizationView):
    """One project."""

    actions: ClassVar = {"get": "project.read", "post": "project.update"}

    @documented.retrieve_project
    def get(self, request: Request, project_id: str) -> HttpResponse:
        return self.answer(project_object(self.project(project_id)))

    @documented.modify_project
    def post(self, request: Request, project_id: str) -> HttpResponse:
        project = self.project(project_id)
        name = parse_project_change(self.body)
        if name is not None:
            rename_project(project, name)
        return self.answer(project_object(project))


class ProjectArchiveView(OrganizationView):
    """The end of a project."""

    actions: ClassVar = {"post": "organization.projects.archive"}

    @documented.archive_project
    def post(self, request: Request, project_id: str) -> HttpResponse:
        nothing.parse(self.body)
        return self.answer(project_object(archive_project(self.organization_id, project_id)))
