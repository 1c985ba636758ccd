"""Users of an organisation, on the wire."""

from dataclasses import dataclass
from typing import Any

from drf_spectacular.utils import extend_schema_serializer

from accounts.models import Membership
from accounts.roles import Role, known
from accounts.vocabulary import USERS, UnknownRole, Vocabulary
from api.exceptions import InvalidValue
from api.serializers.fields import Text, unsupported_choice
from api.serializers.organization.bodies import NAME_LENGTH, NULLABLE, Body
from api.serializers.organization.times import seconds


class RoleName(Text):
    """The name of a role, in the words of one part of the wire."""

    def __init__(self, vocabulary: Vocabulary, **kwargs: Any) -> None:
        words = ", ".join(f"`{name}`" for name in vocabulary.reads)
        super().__init__(help_text=f"One of {words}.", **kwargs)
        self.vocabulary = vocabulary

    def to_internal_value(self, data: Any) -> Any:
        name = super().to_internal_value(data)
        try:
            return self.vocabulary.read(name)
        except UnknownRole as error:
            raise unsupported_choice(name, error.known, self.param) from error


@dataclass(frozen=True, slots=True)
class UserChange:
    """A role, by its name or by the id of a predefined one; both None where it stays."""

    role: Role | None
    role_id: str | None


@extend_schema_serializer(component_name="UserRoleUpdateRequest")
class UserUpdateSerializer(Body):
    """What changes of a user. `technical_level` and `developer_persona` are not supported."""

    unsupported = frozenset({"technical_level", "developer_persona"})
    role = RoleName(USERS, **NULLABLE)
    role_id = Text(**NULLABLE, max_length=NAME_LENGTH, help_text="The id of a role instead, as it is listed.")


_update = UserUpdateSerializer()


def parse_user_change(body: dict[str, Any]) -> UserChange:
    """Raises InvalidValue where two roles are asked for."""
    values = _update.parse(body)
    if "role" in values and "role_id" in values:
        raise InvalidValue("Invalid 'role_id': it cannot be used together with 'role'.", param="role_id")
    return UserChange(role=values.get("role"), role_id=values.get("role_id"))


def role_shown(member: Membership) -> str:
    """The role of a member, in the wire's words."""
    return USERS.show(known(member.role))


def user_object(member: Membership) -> dict[str, Any]:
    """`User` of the specification, of a member that was read with `key_used_at`."""
    user = member.user
    name = user.get_full_name()
    return {
        "object": "organization.user",
        "id": user.public_id,
        "name": name,
        "email": user.email,
        "role": role_shown(member),
        "added_at": seconds(member.created_at),
        "created": seconds(user.date_joined),
        "is_service_account": False,
        "api_key_last_used_at": seconds(vars(member)["key_used_at"]),
        "user": {
            "object": "user",
            "id": user.public_id,
            "email": user.email,
            "name": name,
            "enabled": user.is_active,
        },
    }
