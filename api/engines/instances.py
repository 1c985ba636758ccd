"""A small JSON value that satisfies a JSON schema: what the echo backend answers where a schema is asked for."""

from collections.abc import Mapping
from typing import Any

MAX_DEPTH = 32


class Unsatisfiable(ValueError):
    """No value was found for the schema."""


def instance(schema: Mapping[str, Any], text: str) -> Any:
    """A value for the schema, the same each time: the first of `enum` or `anyOf`, required members, the fewest items.

    Strings are `text`, cut or filled to the length asked for. Raises `Unsatisfiable` for a schema nested or
    referring to itself beyond 32 levels, and for a reference that leads nowhere. The value is a good guess, not a
    proof: whoever must be sure validates it (patterns, formats and `allOf` across types are not searched).
    """
    return _Maker(schema, text).make(schema, 0)


class _Maker:
    def __init__(self, root: Mapping[str, Any], text: str) -> None:
        self.root = root
        self.text = text

    def make(self, schema: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise Unsatisfiable("the schema goes too deep")
        if not isinstance(schema, Mapping):
            return None
        if "$ref" in schema:
            return self.make(self.resolve(schema["$ref"]), depth + 1)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][0]
        for word in ("anyOf", "oneOf"):
            if schema.get(word):
                return self.make(schema[word][0], depth + 1)
        if schema.get("allOf"):
            return self.make(self.merged(schema), depth + 1)
        return self.of_type(schema, depth)

    def resolve(self, reference: Any) -> Any:
        """The place in the same document that a `#/…` reference names."""
        place: Any = self.root
        for step in str(reference).removeprefix("#").split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")  # noqa: PLW2901 - RFC 6901, 4: the step unescaped
            if not isinstance(place, Mapping) or step not in place:
                raise Unsatisfiable(f"the reference {reference!r} leads nowhere")
            place = place[step]
        return place

    def merged(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """All branches of `allOf` as one schema: members and required names add up, else the last word counts."""
        whole: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
        for branch in schema["allOf"]:
            resolved = self.resolve(branch["$ref"]) if "$ref" in branch else branch
            for key, value in resolved.items():
                if key == "properties":
                    whole[key] = {**whole.get(key, {}), **value}
                elif key == "required":
                    whole[key] = [*whole.get(key, ()), *value]
                else:
                    whole[key] = value
        return whole

    def of_type(self, schema: Mapping[str, Any], depth: int) -> Any:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = kind[0]
        if kind is None:
            kind = "object" if "properties" in schema else "string"
        if kind == "object":
            properties = schema.get("properties") or {}
            return {
                name: self.make(properties.get(name, {"type": "string"}), depth + 1)
                for name in schema.get("required") or ()
            }
        if kind == "array":
            first = schema.get("prefixItems") or []
            least = max(schema.get("minItems", 0), len(first))
            return [
                self.make(first[at] if at < len(first) else schema.get("items", {}), depth + 1) for at in range(least)
            ]
        if kind in ("integer", "number"):
            return self.number(schema, kind)
        return {"boolean": True, "null": None}.get(kind, self.string(schema))

    def string(self, schema: Mapping[str, Any]) -> str:
        least = schema.get("minLength", 0)
        return self.text[: schema.get("maxLength", len(self.text))].ljust(least, "x")

    @staticmethod
    def number(schema: Mapping[str, Any], kind: str) -> float:
        """The smallest multiple that is allowed, 0 where that is."""
        step = schema.get("multipleOf", 1)
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        value: float = 0
        if low is not None and low >= 0 and not (low == 0 and "minimum" in schema):
            value = -(-low // step) * step
            value += step if "exclusiveMinimum" in schema and value <= low else 0
        elif high is not None and high <= 0 and not (high == 0 and "maximum" in schema):
            value = high // step * step
            value -= step if "exclusiveMaximum" in schema and value >= high else 0
        return int(value) if kind == "integer" else value
