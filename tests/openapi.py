"""The OpenAPI document as a test reads it, and as a measure of what the server really sends."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema
import orjson

ADMINISTRATION = ("/v1/organization", "/v1/projects")
"""Where the Admin API is."""
METHODS = ("get", "post", "put", "patch", "delete")


@cache
def document() -> dict[str, Any]:
    from api.views.pages import document

    return orjson.loads(document()[0])


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and operation of everything in the document."""
    for path, item in document()["paths"].items():
        for method in METHODS:
            if method in item:
                yield method, path, item[method]


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """What a reference leads to; anything else as it is."""
    if "$ref" not in node:
        return node
    found: Any = document()
    for step in node["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found


def examples(content: dict[str, Any]) -> dict[str, Any]:
    """The examples of a media type, by name."""
    return {name: example["value"] for name, example in content.get("examples", {}).items()}


def check(value: Any, schema: dict[str, Any]) -> None:
    """Raises jsonschema.ValidationError unless the value is of this schema of the document."""
    whole = {**_as_json_schema(schema), "components": _components()}
    jsonschema.Draft7Validator(whole).validate(value)


@cache
def _components() -> dict[str, Any]:
    return {"schemas": {name: _as_json_schema(schema) for name, schema in document()["components"]["schemas"].items()}}


def _as_json_schema(schema: Any) -> Any:
    """OpenAPI 3.0's schema in JSON Schema's words: `nullable` is the one that matters here."""
    if isinstance(schema, list):
        return [_as_json_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: _as_json_schema(value) for name, value in schema.items() if name != "nullable"}
    return {"anyOf": [inner, {"type": "null"}]} if schema.get("nullable") is True else inner
