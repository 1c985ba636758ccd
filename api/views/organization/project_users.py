"""/v1/organization/projects/{project_id}/users."""

from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from api.administration.project_users import (
    BY_USER,
    add_project_user,
    change_project_user,
    find_project_user,
    project_members_of,
    remove_project_user,
)
from api.pagination import page
from api.schema import organization_people as documented
from api.serializers.organization.project_users import (
    parse_new_project_user,
    parse_project_user_change,
    project_user_object,
)
from api.views.organization.base import OrganizationView, deleted

READ, UPDATE = "project.users.read", "project.users.update"


class ProjectUserListView(OrganizationView):
    """The users who were given a role in a project, in the order in which that was."""

    actions: ClassVar = {"get": READ, "post": UPDATE}

    @documented.list_project_users
    def get(self, request: Request, project_id: str) -> HttpResponse:
        query = self.query
        cursor = query.cursor()
        query.done()
        return self.answer(page(project_members_of(self.project(project_id)), cursor, project_user_object, by=BY_USER))

    @documented.create_project_user
    def post(self, request: Request, project_id: str) -> HttpResponse:
        project = self.project(project_id)
        asked = parse_new_project_user(self.body)
        row = add_project_user(self.caller, project, asked.role, user_id=asked.user_id, email=asked.email)
        return self.answer(project_user_object(row))


class ProjectUserView(OrganizationView):
    """One user of a project. Deleting takes away the role in it."""

    actions: ClassVar = {"get": READ, "post": UPDATE, "delete": UPDATE}

    @documented.retrieve_project_user
    def get(self, request: Request, project_id: str, user_id: str) -> HttpResponse:
        return self.answer(project_user_object(find_project_user(self.project(project_id), user_id)))

    @documented.modify_project_user
    def post(self, request: Request, project_id: str, user_id: str) -> HttpResponse:
        project = self.project(project_id)
        role = parse_project_user_change(self.body)
        return self.answer(project_user_object(change_project_user(self.caller, project, user_id, role)))

    @documented.delete_project_user
    def delete(self, request: Request, project_id: str, user_id: str) -> HttpResponse:
        remove_project_user(self.caller, self.project(project_id), user_id)
        return self.answer(deleted("organization.project.user", user_id))
