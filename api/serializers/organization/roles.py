"""Roles and their assignments, on the wire."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema_serializer

from accounts.models import Membership
from accounts.roles import Role
from api.administration.roles import Predefined
from api.pagination import Cursor, Page, page_of
from api.serializers.fields import Text
from api.serializers.organization.bodies import NAME_LENGTH, Body
from api.serializers.organization.queries import Parameters
from api.serializers.organization.users import user_object

MOST = 1000
"""The most roles on one page, and how many there are unless told."""
RESOURCES = {"organization": "api.organization", "project": "api.project"}
DESCRIPTIONS = {
    Role.OWNER: "May do everything, and makes owners.",
    Role.ADMIN: "Manages people, keys and projects; makes admins, and no owners.",
    Role.MEMBER: "Uses what there is, and makes keys in projects.",
    Role.VIEWER: "Reads, and neither spends nor writes.",
}


@extend_schema_serializer(component_name="AssignRole")
class AssignSerializer(Body):
    """The role to be assigned."""

    role_id = Text(max_length=NAME_LENGTH, help_text="The id of a role, as it is listed.")


_assign = AssignSerializer()


def parse_assignment(body: dict[str, Any]) -> str:
    """The id of the role."""
    id: str = _assign.parse(body)["role_id"]
    return id


def parse_roles_cursor(query: Parameters) -> Cursor:
    """Where a list of roles is to be read."""
    cursor = query.cursor(ordered=True, limit=MOST, least=0, most=MOST)
    query.done()
    return cursor


def roles_page(objects: Sequence[dict[str, Any]], cursor: Cursor) -> Page:
    """`PublicRoleListResource` or `RoleListResource`: a page that tells the cursor of the next one as `next`."""
    page = page_of(objects[::-1] if cursor.descending else objects, cursor)
    following = (page["last_id"] or cursor.after) if page["has_more"] else None
    return {"object": "list", "data": page["data"], "has_more": page["has_more"], "next": following}


def _described(role: Predefined) -> dict[str, Any]:
    return {
        "id": role.id,
        "name": role.role.value,
        "description": DESCRIPTIONS[role.role],
        "permissions": list(role.permissions),
        "resource_type": RESOURCES[role.where],
        "predefined_role": True,
    }


def role_object(role: Predefined) -> dict[str, Any]:
    """`Role` of the specification."""
    return {"object": "role", **_described(role)}


def assigned_role_object(role: Predefined, user_id: str) -> dict[str, Any]:
    """`AssignedRoleDetails`. Nobody made or changed a predefined role, and it has no metadata."""
    return {
        **_described(role),
        **dict.fromkeys(("created_at", "updated_at", "created_by", "created_by_user_obj", "metadata")),
        "assignment_sources": [{"principal_id": user_id, "principal_type": "user"}],
    }


def assignment_object(member: Membership, role: Predefined) -> dict[str, Any]:
    """`UserRoleAssignment` of a member that was read with `key_used_at`."""
    return {"object": "user.role", "user": user_object(member), "role": role_object(role)}
