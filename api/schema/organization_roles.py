"""What the OpenAPI document says of roles and their assignments: more decorators of the Admin API's views."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from api import exceptions as wire
from api.schema import organization_people_shapes as people
from api.schema.errors import Examples
from api.schema.organization import AFTER, IN_PROJECT, ORDER, QUERY, operation
from api.schema.organization_people import ARCHIVED, IN_PROJECT_USER, IN_USER, LAST_OWNER
from api.schema.shapes import NULLABLE, Field, Shape, constant, integer, shape, text
from api.serializers.organization import roles

MOST = OpenApiParameter("limit", int, QUERY, description="How many at most: 0 to 1000.", default=roles.MOST)
PAGE = (AFTER, MOST, ORDER)
NOT_LEAST: Mapping[int, Examples] = {
    400: {
        "Viewer": wire.InvalidRequest(
            "A user of the organisation is at least a viewer: delete the user instead.",
            param="role_id",
            code="least_role",
        ),
        **LAST_OWNER[400],
    }
}


def _described() -> dict[str, Field]:
    return {
        "id": text(),
        "name": text("`owner`, `admin`, `member` or `viewer`."),
        "description": text(),
        "permissions": serializers.ListField(child=serializers.CharField(), help_text="Actions of the table of roles."),
        "resource_type": serializers.ChoiceField(choices=list(roles.RESOURCES.values())),
        "predefined_role": serializers.BooleanField(help_text="Always true."),
    }


def _page(name: str, item: Shape) -> Shape:
    return shape(
        name,
        "A page of roles.",
        {
            "object": constant("list"),
            "data": item(many=True),
            "has_more": serializers.BooleanField(help_text="Whether there are more."),
            "next": text("The `after` of the next page; null on the last.", **NULLABLE),
        },
    )


def _nothing() -> Field:
    return serializers.JSONField(**NULLABLE, help_text="Always null: the role is predefined.")


Role = shape("Role", "A predefined role.", {"object": constant("role"), **_described()})
Source = shape(
    "RoleAssignmentSource",
    "Whom the role was given to.",
    {"principal_id": text("The user."), "principal_type": constant("user")},
)
AssignedRole = shape(
    "AssignedRoleDetails",
    "The role of a user.",
    {
        **_described(),
        "created_at": integer("Always null.", **NULLABLE),
        "updated_at": integer("Always null.", **NULLABLE),
        "created_by": text("Always null.", **NULLABLE),
        "created_by_user_obj": _nothing(),
        "metadata": _nothing(),
        "assignment_sources": Source(many=True),
    },
)
Assignment = shape(
    "UserRoleAssignment",
    "A role that was given to a user.",
    {"object": constant("user.role"), "user": people.User(), "role": Role()},
)
Unassigned = shape(
    "DeletedRoleAssignmentResource",
    "The role was taken away.",
    {"object": constant("user.role.deleted"), "deleted": serializers.BooleanField(help_text="Always true.")},
)
_MEMBER: dict[str, Any] = {
    "id": "role_5f1e4c0a9d7b4f6e8c2a1b3d",
    "name": "member",
    "description": "Uses what there is, and makes keys in projects.",
    "permissions": ["project.read", "project.keys.create"],
    "resource_type": "api.project",
    "predefined_role": True,
}
ROLE: dict[str, Any] = {"object": "role", **_MEMBER}
IN_ORGANIZATION: dict[str, Any] = {
    "resource_type": "api.organization",
    "permissions": ["organization.read", "organization.usage.read"],
}
ASSIGNED: dict[str, Any] = {
    **_MEMBER,
    "created_at": None,
    "updated_at": None,
    "created_by": None,
    "created_by_user_obj": None,
    "metadata": None,
    "assignment_sources": [{"principal_id": people.USER["id"], "principal_type": "user"}],
}
GIVEN: dict[str, Any] = {"object": "user.role", "user": people.USER, "role": ROLE}
TAKEN_AWAY: dict[str, Any] = {"object": "user.role.deleted", "deleted": True}
BODY: tuple[Any, Mapping[str, Mapping[str, Any]]] = (roles.AssignSerializer, {"By id": {"role_id": _MEMBER["id"]}})
IN_ROLE = ("role_id",)


def page(item: dict[str, Any]) -> dict[str, Any]:
    return {"object": "list", "data": [item], "has_more": False, "next": None}


RoleList = _page("PublicRoleListResource", Role)
AssignedList = _page("RoleListResource", AssignedRole)

list_roles = operation(
    "list-roles", "List the roles of the organisation", RoleList, page({**ROLE, **IN_ORGANIZATION}), query=PAGE
)
retrieve_role = operation(
    "retrieve-role", "Retrieve a role of the organisation", Role, {**ROLE, **IN_ORGANIZATION}, inside=IN_ROLE
)
list_project_roles = operation(
    "list-project-roles", "List the roles in a project", RoleList, page(ROLE), inside=IN_PROJECT, query=PAGE
)
retrieve_project_role = operation(
    "retrieve-project-role", "Retrieve a role in a project", Role, ROLE, inside=(*IN_PROJECT, *IN_ROLE)
)
list_user_roles = operation(
    "list-user-role-assignments",
    "List the role of a user",
    AssignedList,
    page({**ASSIGNED, **IN_ORGANIZATION}),
    inside=IN_USER,
    query=PAGE,
)
assign_user_role = operation(
    "assign-user-role",
    "Give a user a role instead of the one they have",
    Assignment,
    {**GIVEN, "role": {**ROLE, **IN_ORGANIZATION}},
    inside=IN_USER,
    body=BODY,
    also=LAST_OWNER,
)
retrieve_user_role = operation(
    "retrieve-user-role",
    "Retrieve the role of a user",
    AssignedRole,
    {**ASSIGNED, **IN_ORGANIZATION},
    inside=(*IN_USER, *IN_ROLE),
)
unassign_user_role = operation(
    "unassign-user-role",
    "Take the role of a user away, which leaves a viewer",
    Unassigned,
    TAKEN_AWAY,
    inside=(*IN_USER, *IN_ROLE),
    also=NOT_LEAST,
)
list_project_user_roles = operation(
    "list-project-user-role-assignments",
    "List the role that a user was given in a project",
    AssignedList,
    page(ASSIGNED),
    inside=IN_PROJECT_USER,
    query=PAGE,
)
assign_project_user_role = operation(
    "assign-project-user-role",
    "Give a user a role in a project, instead of the one they may have",
    Assignment,
    GIVEN,
    inside=IN_PROJECT_USER,
    body=BODY,
    also=ARCHIVED,
)
retrieve_project_user_role = operation(
    "retrieve-project-user-role",
    "Retrieve the role of a user in a project",
    AssignedRole,
    ASSIGNED,
    inside=(*IN_PROJECT_USER, *IN_ROLE),
)
unassign_project_user_role = operation(
    "unassign-project-user-role",
    "Take away the role of a user in a project by its id",
    Unassigned,
    TAKEN_AWAY,
    inside=(*IN_PROJECT_USER, *IN_ROLE),
    also=ARCHIVED,
)
