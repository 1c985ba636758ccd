"""Users of a project, on the wire."""

from dataclasses import dataclass
from typing import Any

from drf_spectacular.utils import extend_schema_serializer

from accounts.models import ProjectMembership
from accounts.roles import Role, known
from accounts.vocabulary import PROJECT_USERS
from api.exceptions import MissingParameter
from api.serializers.fields import Text
from api.serializers.organization.bodies import NAME_LENGTH, NULLABLE, Body
from api.serializers.organization.times import seconds
from api.serializers.organization.users import RoleName


@dataclass(frozen=True, slots=True)
class NewProjectUser:
    """Named by id, by e-mail, or by both."""

    role: Role
    user_id: str | None
    email: str | None


@extend_schema_serializer(component_name="ProjectUserCreateRequest")
class ProjectUserCreateSerializer(Body):
    """A member of the organisation, to be given a role in the project."""

    user_id = Text(**NULLABLE, max_length=NAME_LENGTH, help_text="Either this or `email`.")
    email = Text(**NULLABLE, max_length=254, help_text="Either this or `user_id`.")
    role = RoleName(PROJECT_USERS)


@extend_schema_serializer(component_name="ProjectUserUpdateRequest")
class ProjectUserUpdateSerializer(Body):
    """What changes of a user of a project."""

    role = RoleName(PROJECT_USERS, **NULLABLE)


_create, _update = ProjectUserCreateSerializer(), ProjectUserUpdateSerializer()


def parse_new_project_user(body: dict[str, Any]) -> NewProjectUser:
    """Raises MissingParameter where nobody is named."""
    values = _create.parse(body)
    if "user_id" not in values and "email" not in values:
        raise MissingParameter("user_id")
    return NewProjectUser(role=values["role"], user_id=values.get("user_id"), email=values.get("email"))


def parse_project_user_change(body: dict[str, Any]) -> Role | None:
    """The new role; None where it stays."""
    return _update.parse(body).get("role")


def project_user_object(row: ProjectMembership) -> dict[str, Any]:
    """`ProjectUser` of the specification. The role is the one that was given in the project."""
    user = row.membership.user
    return {
        "object": "organization.project.user",
        "id": user.public_id,
        "name": user.get_full_name(),
        "email": user.email,
        "role": PROJECT_USERS.show(known(row.role)),
        "added_at": seconds(row.created_at),
    }
