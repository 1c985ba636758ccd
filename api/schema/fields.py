"""How our own fields, of `api.serializers.fields` and `accounts.bodies`, look in the document: as they check, which is
not as DRF's do."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension


class TextScheme(OpenApiSerializerFieldExtension):
    """May be empty, unlike DRF's, unless it says otherwise."""

    target_class = "api.serializers.fields.Text"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        return {"type": "string"} | bounds(self.target, "Length")


class WordsScheme(OpenApiSerializerFieldExtension):
    target_class = "accounts.bodies.Words"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": self.target.most}


class ArrayScheme(OpenApiSerializerFieldExtension):
    target_class = "api.serializers.fields.Array"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        return {"type": "array", "items": {}} | bounds(self.target, "Items")


class ObjectScheme(OpenApiSerializerFieldExtension):
    target_class = "api.serializers.fields.Object"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": {}}


class MetadataScheme(OpenApiSerializerFieldExtension):
    target_class = "api.serializers.fields.Metadata"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        return {
            "type": "object",
            "maxProperties": 16,
            "additionalProperties": {"type": "string", "maxLength": 512},
            "description": "Up to 16 pairs; keys of up to 64 characters.",
        }


def bounds(field: Any, what: str) -> dict[str, int]:
    """`minLength` and `maxLength`, or whatever `what` is, where the field has them."""
    found = {f"min{what}": field.min_length, f"max{what}": field.max_length}
    return {name: bound for name, bound in found.items() if bound}
