"""Invites, on the wire."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer

from accounts.models import Invite
from accounts.models.invites import LONGEST_EMAIL
from accounts.roles import Role, known
from accounts.vocabulary import INVITED_TO_PROJECTS, INVITES
from api.exceptions import InvalidType, InvalidValue, MissingParameter, UnknownParameter
from api.serializers.fields import Array, OneOf, Text, kind_of, unsupported_choice
from api.serializers.organization.bodies import NULLABLE, Body
from api.serializers.organization.times import seconds

MOST_PROJECTS = 100
TO_PROJECTS = list(INVITED_TO_PROJECTS.reads)


class Email(Text):
    """An e-mail address, in lower case."""

    def to_internal_value(self, data: Any) -> str:
        email = super().to_internal_value(data).lower()
        try:
            validate_email(email)
        except ValidationError as error:
            raise InvalidValue(f"Invalid '{self.param}': this is no e-mail address.", param=self.param) from error
        return email


@extend_schema_field(
    {
        "type": "array",
        "maxItems": MOST_PROJECTS,
        "nullable": True,
        "items": {
            "type": "object",
            "properties": {"id": {"type": "string"}, "role": {"type": "string", "enum": TO_PROJECTS}},
            "required": ["id", "role"],
        },
    }
)
class Projects(Array):
    """Projects by their ids, each once, and each with a role."""

    def to_internal_value(self, data: Any) -> list[tuple[str, Role]]:
        found = [self._project(item, f"{self.param}[{at}]") for at, item in enumerate(super().to_internal_value(data))]
        ids = [id for id, _ in found]
        for at, id in enumerate(ids):
            if id in ids[:at]:
                raise InvalidValue(
                    f"Invalid '{self.param}[{at}].id': the project is listed twice.", param=f"{self.param}[{at}].id"
                )
        return found

    @staticmethod
    def _project(item: Any, param: str) -> tuple[str, Role]:
        if not isinstance(item, dict):
            raise InvalidType(param, "an object", kind_of(item))
        for name in item:
            if name not in ("id", "role"):
                raise UnknownParameter(f"{param}.{name[:64]}")
        for name in ("id", "role"):
            if name not in item:
                raise MissingParameter(f"{param}.{name}")
            if not isinstance(item[name], str):
                raise InvalidType(f"{param}.{name}", "a string", kind_of(item[name]))
        if item["role"] not in TO_PROJECTS:
            raise unsupported_choice(item["role"], TO_PROJECTS, f"{param}.role")
        role = INVITED_TO_PROJECTS.read(item["role"])
        return item["id"], role or Role.MEMBER


@dataclass(frozen=True, slots=True)
class NewInvite:
    """`projects` is None where nothing was said of them."""

    email: str
    role: Role
    projects: list[tuple[str, Role]] | None


@extend_schema_serializer(component_name="InviteRequest")
class InviteSerializer(Body):
    """Whom to invite."""

    email = Email(max_length=LONGEST_EMAIL, help_text="Where the invite is sent to.")
    role = OneOf(choices=list(INVITES.reads), help_text="The role in the organisation; `reader` is a viewer.")
    projects = Projects(
        **NULLABLE, max_length=MOST_PROJECTS, help_text="Absent, the default project; empty, no project at all."
    )


_create = InviteSerializer()


def parse_invite(body: dict[str, Any]) -> NewInvite:
    values = _create.parse(body)
    role = INVITES.read(values["role"]) or Role.VIEWER
    return NewInvite(email=values["email"], role=role, projects=values.get("projects"))


def invite_object(invite: Invite) -> dict[str, Any]:
    """`Invite` of the specification, of one that was not deleted."""
    return {
        "object": "organization.invite",
        "id": invite.public_id,
        "email": invite.email,
        "role": INVITES.show(known(invite.role)),
        "status": invite.status(timezone.now()),
        "created_at": seconds(invite.created_at),
        "expires_at": seconds(invite.expires_at),
        "accepted_at": seconds(invite.accepted_at),
        "projects": [
            {"id": each["id"], "role": INVITED_TO_PROJECTS.show(known(each["role"]))} for each in invite.projects
        ],
    }
