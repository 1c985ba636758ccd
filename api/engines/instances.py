"""A small JSON value that satisfies a JSON schema: what the echo backend answers where a schema is asked for."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any
from urllib.parse import unquote

import orjson

from api.engines.verification import Unverifiable, check_schema, verify

MAX_DEPTH = 32
MOST_VALUES = 1_000
MOST_CHARACTERS = 100_000
LONGEST_TEXT = 1_000
"""Characters of the text that a string takes, unless `minLength` asks for more."""

_OBJECT = ("properties", "required", "additionalProperties", "minProperties")
_ARRAY = ("items", "prefixItems", "minItems")


class Unsatisfiable(ValueError):
    """No value was found for the schema, or it is no schema. Says why, and never holds the text."""


def satisfying(schema: Mapping[str, Any], text: str) -> Any:
    """A value that satisfies the schema, the same each time: the first of `enum` or `anyOf`, required members, the
    fewest items; strings are `text`, cut or filled to the length asked for.

    Bounded in time and memory whatever the schema; still up to a second for a hostile one. Raises Unsatisfiable where
    the schema is none, or too large or deep, or where the value that was made, a good guess, does not satisfy it.
    """
    try:
        check_schema(schema)
        value = instance(schema, text)
        verify(value, schema)
    except Unsatisfiable:
        raise
    except Unverifiable as error:
        raise Unsatisfiable(str(error)) from error
    except Exception as error:
        # What a reference leads to was never checked to be a schema: anything may go wrong.
        raise Unsatisfiable("the schema refers to what is no schema, or not to be found, or to itself") from error
    return value


def instance(schema: Mapping[str, Any], text: str) -> Any:
    """A value for a schema that is one; not verified. Raises Unsatisfiable."""
    return _Maker(schema, text[:LONGEST_TEXT]).make(schema, 0)


class _Maker:
    def __init__(self, root: Mapping[str, Any], text: str) -> None:
        self.root = root
        self.text = text
        self.values = MOST_VALUES
        self.characters = MOST_CHARACTERS

    def make(self, schema: Any, depth: int) -> Any:
        self.visit()
        if depth > MAX_DEPTH:
            raise Unsatisfiable(f"the schema, its references followed, is more than {MAX_DEPTH} levels deep")
        if not isinstance(schema, Mapping):
            return None
        if "$ref" in schema:
            return self.make(self.resolve(schema["$ref"]), depth + 1)
        if "const" in schema:
            return self.given(schema["const"])
        if schema.get("enum"):
            return self.given(schema["enum"][0])
        for word in ("anyOf", "oneOf"):
            if schema.get(word):
                siblings = {key: value for key, value in schema.items() if key != word}
                return self.make(self.merged([siblings, schema[word][0]]), depth + 1)
        if schema.get("allOf"):
            siblings = {key: value for key, value in schema.items() if key != "allOf"}
            return self.make(self.merged([siblings, *schema["allOf"]]), depth + 1)
        return self.of_type(schema, depth)

    def visit(self) -> None:
        self.values -= 1
        if self.values < 0:
            raise Unsatisfiable(f"its smallest value takes more than {MOST_VALUES} steps to make")

    def spend(self, characters: int) -> None:
        self.characters -= characters
        if self.characters < 0:
            raise Unsatisfiable(f"its smallest value has more than {MOST_CHARACTERS} characters")

    def given(self, value: Any) -> Any:
        """A value that stands in the schema."""
        self.spend(len(orjson.dumps(value)))
        return value

    def resolve(self, reference: str) -> Any:
        """The place in the same document that a `#/…` reference names (RFC 6901)."""
        place: Any = self.root
        for step in unquote(reference).removeprefix("#").split("/")[1:] if reference.startswith("#") else [reference]:
            step = step.replace("~1", "/").replace("~0", "~")  # noqa: PLW2901 - RFC 6901, 4: the step unescaped
            if isinstance(place, list) and step.isdecimal() and int(step) < len(place):
                place = place[int(step)]
            elif isinstance(place, Mapping) and step in place:
                place = place[step]
            else:
                raise Unsatisfiable(f"the reference {reference[:100]!r} leads nowhere")
        return place

    def merged(self, branches: Sequence[Any]) -> dict[str, Any]:
        """All branches as one schema: members, required names and their own branches add up, else the last counts."""
        whole: dict[str, Any] = {}
        for branch in branches:
            self.visit()
            alone = isinstance(branch, Mapping) and "$ref" in branch
            resolved = self.resolve(branch["$ref"]) if alone else branch
            if not isinstance(resolved, Mapping):
                continue
            for key, value in resolved.items():
                if key == "properties":
                    whole[key] = {**whole.get(key, {}), **value}
                elif key in ("required", "allOf"):
                    whole[key] = [*whole.get(key, ()), *value]
                else:
                    whole[key] = value
        return whole

    def of_type(self, schema: Mapping[str, Any], depth: int) -> Any:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = kind[0]
        if kind is None:
            kind = next((name for name, words in (("object", _OBJECT), ("array", _ARRAY)) if schema.keys() & words), "")
        if kind == "object":
            return self.mapping(schema, depth)
        if kind == "array":
            return self.items(schema, depth)
        if kind in ("integer", "number"):
            return self.number(schema, integer=kind == "integer")
        return {"boolean": True, "null": None}[kind] if kind in ("boolean", "null") else self.string(schema)

    def mapping(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties", {})
        names = dict.fromkeys(schema.get("required", ()))
        for name in properties:
            if len(names) >= schema.get("minProperties", 0):
                break
            names[name] = None
        self.spend(sum(map(len, names)))
        others = schema.get("additionalProperties", {"type": "string"})
        return {name: self.make(properties.get(name, others), depth + 1) for name in names}

    def items(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        first = schema.get("prefixItems", [])
        least = int(schema.get("minItems", 0))
        made = [self.make(one, depth + 1) for one in first]
        while len(made) < least:
            made.append(self.make(schema.get("items", {}), depth + 1))
        return made

    def string(self, schema: Mapping[str, Any]) -> str:
        least = int(schema.get("minLength", 0))
        self.spend(max(least, len(self.text)))
        return self.text[: int(schema.get("maxLength", LONGEST_TEXT))].ljust(least, "x")

    @staticmethod
    def number(schema: Mapping[str, Any], *, integer: bool) -> float:
        """The multiple nearest to 0 that is allowed; for numbers of no step, else the middle of what is allowed."""
        step = schema.get("multipleOf", 1)
        low = max((schema[key] for key in ("minimum", "exclusiveMinimum") if key in schema), default=None)
        high = min((schema[key] for key in ("maximum", "exclusiveMaximum") if key in schema), default=None)
        value: float = 0
        if low is not None and (low > 0 or low == schema.get("exclusiveMinimum", -1) == 0):
            value = -(-low // step) * step
            value += step if value <= schema.get("exclusiveMinimum", value - 1) else 0
        elif high is not None and (high < 0 or high == schema.get("exclusiveMaximum", 1) == 0):
            value = high // step * step
            value -= step if value >= schema.get("exclusiveMaximum", value + 1) else 0
        if low is not None and high is not None and not (low <= value <= high) and "multipleOf" not in schema:
            value = (low + high) / 2
        if not isfinite(value):
            raise Unsatisfiable("its numbers are too large")
        return int(value) if integer else value
