"""The messages of a chat request, role by role."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension

Schema = dict[str, Any]


def string(description: str | None = None, **more: Any) -> Schema:
    return {"type": "string", **({"description": description} if description else {}), **more}


def one_of(*values: str) -> Schema:
    return string(enum=list(values))


def entity(required: str, /, **properties: Schema) -> Schema:
    """An object's schema; `required` names members, divided by spaces."""
    names = {"required": required.split()} if required else {}
    return {"type": "object", **names, "properties": properties}


def content(*parts: Schema, nullable: bool = False) -> Schema:
    """A text, or at least one part of these kinds."""
    kinds = parts[0] if len(parts) == 1 else {"oneOf": list(parts)}
    choice: Schema = {"oneOf": [string(), {"type": "array", "minItems": 1, "items": kinds}]}
    return {**choice, "nullable": True} if nullable else choice


TEXT = entity("type text", type=one_of("text"), text=string())
REFUSAL = entity("type refusal", type=one_of("refusal"), refusal=string())
IMAGE = entity(
    "type image_url",
    type=one_of("image_url"),
    image_url=entity("url", url=string(), detail=one_of("auto", "low", "high")),
)
AUDIO = entity(
    "type input_audio",
    type=one_of("input_audio"),
    input_audio=entity("data format", data=string("In base64."), format=one_of("wav", "mp3")),
)
FILE = entity(
    "type file", type=one_of("file"), file=entity("", filename=string(), file_data=string(), file_id=string())
)
CALL = entity(
    "id type function",
    id=string(),
    type=one_of("function"),
    function=entity("name arguments", name=string(), arguments=string("JSON, as the model wrote it.")),
)
NAME = string("Tells apart several participants in one role.")

ROLES: tuple[Schema, ...] = (
    {"title": "System", **entity("role content", role=one_of("developer", "system"), content=content(TEXT), name=NAME)},
    {
        "title": "User",
        **entity("role content", role=one_of("user"), content=content(TEXT, IMAGE, AUDIO, FILE), name=NAME),
    },
    {
        "title": "Assistant",
        **entity(
            "role",
            role=one_of("assistant"),
            content=content(TEXT, REFUSAL, nullable=True),
            refusal=string(nullable=True),
            tool_calls={"type": "array", "minItems": 1, "items": CALL},
            name=NAME,
        ),
    },
    {
        "title": "Tool",
        **entity(
            "role content tool_call_id",
            role=one_of("tool"),
            content=content(TEXT),
            tool_call_id=string("The id of the call, in an earlier turn of the assistant, that this answers."),
        ),
    },
    {
        "title": "Function",
        **entity("role name content", role=one_of("function"), name=string(), content=string(nullable=True)),
        "deprecated": True,
    },
)


class MessagesScheme(OpenApiSerializerFieldExtension):
    """One component for all roles, so that it has a name."""

    target_class = "api.serializers.messages.Messages"

    def get_name(self) -> str:
        return "ChatMessages"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> Schema:
        return {"type": "array", "minItems": 1, "items": {"oneOf": list(ROLES)}}
