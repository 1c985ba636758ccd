"""What the OpenAPI document says of people: more decorators of the Admin API's views."""

from collections.abc import Mapping

from drf_spectacular.utils import OpenApiParameter

from api import exceptions as wire
from api.schema import organization_people_shapes as shapes
from api.schema.errors import Examples
from api.schema.organization import IN_PROJECT, PAGE, QUERY, deletion, operation
from api.schema.organization_shapes import deletion as deletion_shape
from api.schema.organization_shapes import listed, page
from api.serializers.organization import project_users, users

LAST_OWNER: Mapping[int, Examples] = {
    400: {
        "Last owner": wire.InvalidRequest(
            "Acme would be left without an owner: make somebody else an owner first.", code="last_owner"
        )
    }
}
ALREADY: Mapping[int, Examples] = {
    409: {"Added already": wire.Conflict("The user has a role in the project already.", code="already_member")}
}
ARCHIVED: Mapping[int, Examples] = {
    400: {"Archived": wire.InvalidRequest("The project is archived.", code="project_archived")}
}
IN_USER = ("user_id",)
IN_PROJECT_USER = (*IN_PROJECT, "user_id")

list_users = operation(
    "list-users",
    "List users",
    listed("UserListResponse", shapes.User),
    page(shapes.USER),
    query=[
        *PAGE,
        OpenApiParameter("emails", str, QUERY, many=True, description="Only users with one of these e-mails."),
    ],
)
retrieve_user = operation("retrieve-user", "Retrieve a user", shapes.User, shapes.USER, inside=IN_USER)
modify_user = operation(
    "modify-user",
    "Change the role of a user",
    shapes.User,
    {**shapes.USER, "role": "admin"},
    inside=IN_USER,
    body=(users.UserUpdateSerializer, {"Another role": {"role": "admin"}}),
    also=LAST_OWNER,
)
delete_user = operation(
    "delete-user",
    "Remove a user from the organisation",
    deletion_shape("UserDeleteResponse", "organization.user"),
    deletion("organization.user", shapes.USER["id"]),
    inside=IN_USER,
    also=LAST_OWNER,
)
list_project_users = operation(
    "list-project-users",
    "List the users of a project",
    listed("ProjectUserListResponse", shapes.ProjectUser),
    page(shapes.PROJECT_USER),
    inside=IN_PROJECT,
    query=PAGE,
)
create_project_user = operation(
    "create-project-user",
    "Give a user a role in a project",
    shapes.ProjectUser,
    shapes.PROJECT_USER,
    inside=IN_PROJECT,
    body=(
        project_users.ProjectUserCreateSerializer,
        {
            "By id": {"user_id": shapes.USER["id"], "role": "member"},
            "By e-mail": {"email": "ada@example.com", "role": "member"},
        },
    ),
    also={**ARCHIVED, **ALREADY},
)
retrieve_project_user = operation(
    "retrieve-project-user",
    "Retrieve a user of a project",
    shapes.ProjectUser,
    shapes.PROJECT_USER,
    inside=IN_PROJECT_USER,
)
modify_project_user = operation(
    "modify-project-user",
    "Change the role of a user in a project",
    shapes.ProjectUser,
    {**shapes.PROJECT_USER, "role": "admin"},
    inside=IN_PROJECT_USER,
    body=(project_users.ProjectUserUpdateSerializer, {"Another role": {"role": "admin"}}),
    also=ARCHIVED,
)
delete_project_user = operation(
    "delete-project-user",
    "Take away the role of a user in a project",
    deletion_shape("ProjectUserDeleteResponse", "organization.project.user"),
    deletion("organization.project.user", shapes.PROJECT_USER["id"]),
    inside=IN_PROJECT_USER,
    also=ARCHIVED,
)
