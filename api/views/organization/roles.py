"""/v1/organization/roles, /v1/projects/{project_id}/roles, and the roles of users in both."""

from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from api.administration.project_users import find_project_user
from api.administration.roles import (
    assign_in_project,
    assignment_in,
    find_held,
    find_role,
    held,
    predefined,
    unassign,
    unassign_in_project,
)
from api.administration.users import change_user, find_member
from api.schema import organization_roles as documented
from api.serializers.organization.roles import (
    assigned_role_object,
    assignment_object,
    parse_assignment,
    parse_roles_cursor,
    role_object,
    roles_page,
)
from api.views.organization.base import OrganizationView, deleted

READ, UPDATE = "organization.users.read", "organization.users.update"
READ_IN_PROJECT, UPDATE_IN_PROJECT = "project.users.read", "project.users.update"
ASSIGNMENT = "user.role"


class RoleListView(OrganizationView):
    """The four roles of the organisation. There are no others, so POST is not supported."""

    actions: ClassVar = {"get": READ}
    unsupported: ClassVar = frozenset({"post"})

    @documented.list_roles
    def get(self, request: Request) -> HttpResponse:
        cursor = parse_roles_cursor(self.query)
        roles = predefined(self.organization_id, "organization")
        return self.answer(roles_page([role_object(role) for role in roles], cursor))


class RoleView(OrganizationView):
    """One of the four."""

    actions: ClassVar = {"get": READ}
    unsupported: ClassVar = frozenset({"post", "delete"})

    @documented.retrieve_role
    def get(self, request: Request, role_id: str) -> HttpResponse:
        return self.answer(role_object(find_role(self.organization_id, "organization", role_id)))


class ProjectRoleListView(OrganizationView):
    """The four roles in a project; likewise."""

    actions: ClassVar = {"get": READ_IN_PROJECT}
    unsupported: ClassVar = frozenset({"post"})

    @documented.list_project_roles
    def get(self, request: Request, project_id: str) -> HttpResponse:
        cursor = parse_roles_cursor(self.query)
        self.project(project_id)
        return self.answer(
            roles_page([role_object(role) for role in predefined(self.organization_id, "project")], cursor)
        )


class ProjectRoleView(OrganizationView):
    """One of the four."""

    actions: ClassVar = {"get": READ_IN_PROJECT}
    unsupported: ClassVar = frozenset({"post", "delete"})

    @documented.retrieve_project_role
    def get(self, request: Request, project_id: str, role_id: str) -> HttpResponse:
        self.project(project_id)
        return self.answer(role_object(find_role(self.organization_id, "project", role_id)))


class UserRoleListView(OrganizationView):
    """The role of a user in the organisation: always one. Assigning another replaces it."""

    actions: ClassVar = {"get": READ, "post": UPDATE}

    @documented.list_user_roles
    def get(self, request: Request, user_id: str) -> HttpResponse:
        cursor = parse_roles_cursor(self.query)
        roles = held(self.organization_id, "organization", find_member(self.organization_id, user_id))
        return self.answer(roles_page([assigned_role_object(role, user_id) for role in roles], cursor))

    @documented.assign_user_role
    def post(self, request: Request, user_id: str) -> HttpResponse:
        role = find_role(self.organization_id, "organization", parse_assignment(self.body))
        return self.answer(assignment_object(change_user(self.caller, user_id, role.role), role))


class UserRoleView(OrganizationView):
    """The role of a user in the organisation by its id. Taking it away leaves a viewer."""

    actions: ClassVar = {"get": READ, "delete": UPDATE}

    @documented.retrieve_user_role
    def get(self, request: Request, user_id: str, role_id: str) -> HttpResponse:
        member = find_member(self.organization_id, user_id)
        role = find_held(self.organization_id, "organization", member, role_id)
        return self.answer(assigned_role_object(role, user_id))

    @documented.unassign_user_role
    def delete(self, request: Request, user_id: str, role_id: str) -> HttpResponse:
        unassign(self.caller, user_id, role_id)
        return self.answer(deleted(ASSIGNMENT))


class ProjectUserRoleListView(OrganizationView):
    """The role that a user was given in a project: one or none. Assigning another replaces it."""

    actions: ClassVar = {"get": READ_IN_PROJECT, "post": UPDATE_IN_PROJECT}

    @documented.list_project_user_roles
    def get(self, request: Request, project_id: str, user_id: str) -> HttpResponse:
        cursor = parse_roles_cursor(self.query)
        project = self.project(project_id)
        given = assignment_in(project, find_member(self.organization_id, user_id))
        roles = held(self.organization_id, "project", given)
        return self.answer(roles_page([assigned_role_object(role, user_id) for role in roles], cursor))

    @documented.assign_project_user_role
    def post(self, request: Request, project_id: str, user_id: str) -> HttpResponse:
        project = self.project(project_id)
        role = find_role(self.organization_id, "project", parse_assignment(self.body))
        member = assign_in_project(self.caller, project, user_id, role.role)
        return self.answer(assignment_object(member, role))


class ProjectUserRoleView(OrganizationView):
    """The role that a user was given in a project, by its id."""

    actions: ClassVar = {"get": READ_IN_PROJECT, "delete": UPDATE_IN_PROJECT}

    @documented.retrieve_project_user_role
    def get(self, request: Request, project_id: str, user_id: str, role_id: str) -> HttpResponse:
        row = find_project_user(self.project(project_id), user_id)
        role = find_held(self.organization_id, "project", row, role_id)
        return self.answer(assigned_role_object(role, user_id))

    @documented.unassign_project_user_role
    def delete(self, request: Request, project_id: str, user_id: str, role_id: str) -> HttpResponse:
        unassign_in_project(self.caller, self.project(project_id), user_id, role_id)
        return self.answer(deleted(ASSIGNMENT))
