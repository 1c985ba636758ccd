"""People in the document: users, and an example of each object."""

from typing import Any

from rest_framework import serializers

from api.schema.organization_shapes import MOMENT, moment
from api.schema.shapes import constant, created, integer, shape, text

User = shape(
    "OrganizationUser",
    "A member of the organisation.",
    {
        "object": constant("organization.user"),
        "id": text(),
        "name": text("The e-mail, where the user has told no name."),
        "email": text(),
        "role": text("The role in the organisation."),
        "added_at": integer("When the user joined the organisation, in seconds since 1970."),
        "created": created(),
        "is_service_account": serializers.BooleanField(help_text="Always false."),
        "api_key_last_used_at": moment("When a key of the user was last used in the organisation."),
        "user": shape(
            "OrganizationUserAccount",
            "The account behind it, which may be in other organisations too.",
            {
                "object": constant("user"),
                "id": text(),
                "email": text(),
                "name": text(),
                "enabled": serializers.BooleanField(help_text="Whether the user may sign in, and the keys work."),
            },
        )(),
    },
)
ProjectUser = shape(
    "ProjectUser",
    "A member of the organisation who was given a role in a project.",
    {
        "object": constant("organization.project.user"),
        "id": text(),
        "name": text("The e-mail, where the user has told no name."),
        "email": text(),
        "role": text("The role that was given in the project."),
        "added_at": integer("When it was given, in seconds since 1970."),
    },
)
PROJECT_USER: dict[str, Any] = {
    "object": "organization.project.user",
    "id": "user-Qa1WsEd3RfTg5YhUj7IkOl9P",
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "role": "member",
    "added_at": MOMENT,
}
USER: dict[str, Any] = {
    "object": "organization.user",
    "id": "user-Qa1WsEd3RfTg5YhUj7IkOl9P",
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "role": "member",
    "added_at": MOMENT,
    "created": MOMENT,
    "is_service_account": False,
    "api_key_last_used_at": None,
    "user": {
        "object": "user",
        "id": "user-Qa1WsEd3RfTg5YhUj7IkOl9P",
        "email": "ada@example.com",
        "name": "Ada Lovelace",
        "enabled": True,
    },
}
