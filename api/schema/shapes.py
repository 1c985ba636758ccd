"""Shapes of answers, as serializers that only describe: drf-spectacular names them as components."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

Shape = type[serializers.Serializer[Any]]
Field = serializers.Field[Any, Any, Any, Any]

OPTIONAL: dict[str, Any] = {"required": False}
NULLABLE: dict[str, Any] = {"allow_null": True}


def shape(name: str, description: str, fields: Mapping[str, Field]) -> Shape:
    """A serializer class by the name of its component. Made from a mapping, for members may be called `data`, which
    is a property of every serializer."""
    return type(name, (serializers.Serializer,), {"__doc__": description, **fields})


def constant(value: str) -> Field:
    """A string that is always the same: the `object` of OpenAI's objects."""
    return serializers.ChoiceField(choices=[value])


def text(description: str | None = None, **options: Any) -> Field:
    return serializers.CharField(help_text=description, **options)


def integer(description: str | None = None, **options: Any) -> Field:
    return serializers.IntegerField(help_text=description, **options)


def created() -> Field:
    return integer("When it was made, in seconds since 1970.")


def requests(examples: Mapping[str, Mapping[str, Any]]) -> list[OpenApiExample]:
    """Request examples by their titles."""
    return [OpenApiExample(title, value=value, request_only=True) for title, value in examples.items()]


def answers(examples: Mapping[str, Any]) -> list[OpenApiExample]:
    """Answer examples by their titles."""
    return [OpenApiExample(title, value=value, response_only=True) for title, value in examples.items()]
