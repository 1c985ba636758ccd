"""Two JSON schemas as one, where that can be done keyword by keyword; and whether schemas can overlap."""

from collections.abc import Mapping, Sequence
from typing import Any

ANNOTATIONS = frozenset({"$schema", "$id", "$anchor", "$comment", "$defs", "$vocabulary", "definitions"}) | {
    *("title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly"),
    *("contentEncoding", "contentMediaType", "contentSchema"),
}

# Keywords whose meaning hangs on each other: from two schemas they cannot be thrown together.
_KIN = (
    frozenset({"properties", "additionalProperties", "patternProperties", "unevaluatedProperties"}),
    frozenset({"items", "prefixItems", "unevaluatedItems"}),
    frozenset({"if", "then", "else"}),
    frozenset({"contains", "minContains", "maxContains"}),
)

_INFERRED = {
    "object": ("properties", "required", "additionalProperties", "minProperties", "maxProperties"),
    "array": ("items", "prefixItems", "minItems", "maxItems"),
    "string": ("minLength", "maxLength", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
}


class NotMergeable(ValueError):
    """The schemas share keywords that cannot be put together."""


def inferred_type(schema: Mapping[str, Any]) -> str | None:
    """The type that the keywords of a schema without one speak of, if any. Narrower than the schema: its keywords
    would let every other type pass."""
    return next((kind for kind, words in _INFERRED.items() if schema.keys() & set(words)), None)


def both(one: Any, other: Any) -> Any:
    """A schema that is satisfied by exactly what satisfies both. Raises NotMergeable."""
    if one is False or other is False:
        return False
    one, other = ({} if schema is True else _bare(schema) for schema in (one, other))
    whole = {**one, **other}
    for key in one.keys() & other.keys():
        if one[key] != other[key]:
            whole[key] = _both_words(key, one, other)
    for kin in _KIN:
        mine, its = one.keys() & kin, other.keys() & kin
        if mine and its and not mine == its == {"properties"} and any(one.get(key) != other.get(key) for key in kin):
            raise NotMergeable(f"'{min(mine | its)}' cannot be combined with that of another branch")
    return whole


def _both_words(key: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> Any:
    """One keyword that says different things in the two schemas."""
    mine, its = one[key], other[key]
    if key == "required":
        return list(dict.fromkeys([*mine, *its]))
    if key == "properties":
        return {**mine, **its, **{name: both(mine[name], its[name]) for name in mine.keys() & its.keys()}}
    if key in ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"):
        return max(mine, its)
    if key in ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"):
        return min(mine, its)
    if key == "type" and (shared := sorted(_types(one) & _types(other))):
        return shared
    raise NotMergeable(f"'{key}' cannot be combined with that of another branch")


def apart(schemas: Sequence[Any]) -> bool:
    """Whether no value can satisfy two of the schemas, as far as their types and constants tell."""
    return all(_two_apart(one, other) for at, one in enumerate(schemas) for other in schemas[:at])


def _two_apart(one: Any, other: Any) -> bool:
    if one is False or other is False:
        return True
    if one is True or other is True:
        return False
    if not _types(one) & _types(other):
        return True
    mine, its = _constants(one), _constants(other)
    if mine is not None and its is not None:
        return not any(value == known for value in mine for known in its)
    if _types(one) | _types(other) != {"object"}:
        return False
    return any(
        _two_apart(one["properties"][name], other["properties"][name])
        for name in set(one.get("required", ())) & set(other.get("required", ()))
        if name in one.get("properties", {}) and name in other.get("properties", {})
    )


def _bare(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in ANNOTATIONS}


def _constants(schema: Mapping[str, Any]) -> list[Any] | None:
    """The values that a schema allows, where it lists them."""
    if "const" in schema:
        return [schema["const"]]
    values: list[Any] | None = schema.get("enum")
    return values


def _types(schema: Mapping[str, Any]) -> set[str]:
    """The types that a schema allows; an integer is a number."""
    kinds = schema.get("type", ["object", "array", "string", "number", "boolean", "null"])
    found = {kinds} if isinstance(kinds, str) else set(kinds)
    return found | {"integer"} if "number" in found else found
