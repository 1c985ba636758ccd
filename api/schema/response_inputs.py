"""The input of a response, item by item, and the items of its output."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api.schema.messages import Schema, content, entity, one_of, string

STATES = ("in_progress", "completed", "incomplete")
ANY_OBJECTS: Schema = {"type": "array", "items": {"type": "object", "additionalProperties": {}}}
INPUT_TEXT = entity("type text", type=one_of("input_text"), text=string())
IMAGE = entity(
    "type image_url",
    type=one_of("input_image"),
    image_url=string("An address, or the image itself as a `data:` URL."),
    detail=one_of("auto", "low", "high"),
)
FILE = entity("type file_data", type=one_of("input_file"), filename=string(), file_data=string("In base64."))
OUTPUT_TEXT = entity("type text", type=one_of("output_text"), text=string())
REFUSAL = entity("type refusal", type=one_of("refusal"), refusal=string())
CALL_ID = string("Joins a call and its output.")

ITEMS: tuple[Schema, ...] = (
    {
        "title": "Message",
        **entity(
            "role content",
            type=one_of("message"),
            role=one_of("user", "system", "developer"),
            content=content(INPUT_TEXT, IMAGE, FILE),
        ),
    },
    {
        "title": "Answer",
        **entity(
            "role content",
            type=one_of("message"),
            role=one_of("assistant"),
            content=content(OUTPUT_TEXT, REFUSAL, INPUT_TEXT),
        ),
    },
    {
        "title": "Function call",
        **entity(
            "type call_id name arguments",
            type=one_of("function_call"),
            call_id=CALL_ID,
            name=string(),
            arguments=string("JSON, as the model wrote it."),
        ),
    },
    {
        "title": "Output of a function call",
        **entity(
            "type call_id output",
            type=one_of("function_call_output"),
            call_id=CALL_ID,
            output=content(INPUT_TEXT, IMAGE, FILE),
        ),
    },
    {"title": "Reasoning", "description": "Taken, and dropped.", **entity("type", type=one_of("reasoning"))},
)

LOGPROB: Schema = entity("token logprob bytes top_logprobs", token=string(), logprob={"type": "number"})
OUTPUT_ITEMS: tuple[Schema, ...] = (
    {
        "title": "Message",
        **entity(
            "id type status role content",
            id=string(),
            type=one_of("message"),
            status=one_of(*STATES),
            role=one_of("assistant"),
            content={
                "type": "array",
                "items": {
                    "oneOf": [
                        entity(
                            "type text annotations logprobs",
                            type=one_of("output_text"),
                            text=string(),
                            annotations=ANY_OBJECTS,
                            logprobs={"type": "array", "items": LOGPROB},
                        ),
                        REFUSAL,
                    ]
                },
            },
        ),
    },
    {
        "title": "Function call",
        **entity(
            "id type status call_id name arguments",
            id=string(),
            type=one_of("function_call"),
            status=one_of(*STATES),
            call_id=CALL_ID,
            name=string(),
            arguments=string("JSON, as the model wrote it."),
        ),
    },
)


class InputScheme(OpenApiSerializerFieldExtension):
    """One component for all items, so that it has a name."""

    target_class = "api.serializers.response_inputs.Input"

    def get_name(self) -> str:
        return "ResponseInput"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> Schema:
        return {"oneOf": [string(), {"type": "array", "minItems": 1, "items": {"oneOf": list(ITEMS)}}]}


class RefusedScheme(OpenApiSerializerFieldExtension):
    """Nothing but null."""

    target_class = "api.serializers.response_tools.Refused"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> Schema:
        return {"enum": [None]}


@extend_schema_field({"oneOf": list(OUTPUT_ITEMS)})
class OutputItem(serializers.JSONField):
    """A message, or a call of a function."""
