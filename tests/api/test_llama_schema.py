"""JSON schemas as grammars: whatever the grammar lets through satisfies the schema; what it cannot hold is refused."""

import json
import random
from typing import Any

import jsonschema
import pytest

from api.engines.llama_grammar import Rules, SchemaNotHeld, literal
from api.engines.llama_merging import both
from api.engines.llama_schema import add_schema, grammar, json_object
from tests.api.gbnf import Grammar

SAMPLES = 30
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer", "minimum": 0, "maximum": 130},
        "address": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "zip": {"type": "string", "minLength": 5, "maxLength": 5}},
            "required": ["city", "zip"],
            "additionalProperties": False,
        },
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 8}, "minItems": 1, "maxItems": 3},
    },
    "required": ["name", "age", "address", "tags"],
    "additionalProperties": False,
}
TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "number"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            },
            "required": ["value", "children", "next"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/node",
}
SHAPES = {
    "oneOf": [
        {"$ref": "#/$defs/circle"},
        {
            "type": "object",
            "properties": {"kind": {"const": "square"}, "side": {"type": "number", "exclusiveMinimum": 0}},
            "required": ["kind", "side"],
        },
    ],
    "$defs": {
        "circle": {
            "type": "object",
            "title": "a circle",
            "properties": {"kind": {"enum": ["circle", "disc"]}, "radius": {"type": "number", "maximum": -2}},
            "required": ["kind", "radius"],
        }
    },
}
HELD: dict[str, Any] = {
    "nested objects": PERSON,
    "a tree": TREE,
    "a document that is its own member": {
        "type": "object",
        "properties": {"self": {"anyOf": [{"type": "null"}, {"$ref": "#"}]}},
    },
    "tagged alternatives": SHAPES,
    "anything": {},
    "anything at all": True,
    "any object": {"type": "object"},
    "any array": {"type": "array"},
    "no member": {"type": "object", "additionalProperties": False},
    "members that may be left out": {
        "properties": {"a": {"type": "null"}, "b": {"type": "boolean"}, "c": {"const": {"x": [1, '"\\\n']}}},
        "required": ["b"],
    },
    "only members that may be left out": {"properties": {"a": {"type": "null"}, "b": {"type": "null"}}},
    "a member that may never be there": {"properties": {"a": False, "b": True}, "required": ["b"]},
    "a required member of other names": {"required": ["x"], "additionalProperties": {"type": "integer"}},
    "a map": {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1, "maxProperties": 4},
    "a map that may be empty": {"additionalProperties": {"enum": [1, 2]}},
    "few of many members": {
        "properties": {"a": {"type": "null"}, "b": {"type": "null"}},
        "required": ["b"],
        "maxProperties": 1,
    },
    "no members by count": {"type": "object", "maxProperties": 0},
    "several types": {"type": ["string", "null", "integer"], "maxLength": 3, "minimum": 5},
    "values of several types": {"enum": ["a", 1, None, {"b": []}, "a", 2.5]},
    "values of which some do not fit": {"enum": ["a", "bb", 3], "type": "string", "minLength": 2},
    "a constant among values": {"const": 2, "enum": [1, 2]},
    "a bounded string": {"type": "string", "minLength": 2, "maxLength": 4},
    "a string open above": {"minLength": 2},
    "a string far longer than is held": {"type": "string", "maxLength": 1_000_000},
    "a date": {"type": "string", "format": "date"},
    "a time and a place": {"type": "object", "properties": {"t": {"format": "date-time"}, "h": {"format": "ipv4"}}},
    "a format that nobody knows": {"type": "string", "format": "x-colour"},
    "a bounded string with a format": {"type": "string", "format": "uuid", "maxLength": 3},
    "an integer between": {"type": "integer", "exclusiveMinimum": 2, "exclusiveMaximum": 5},
    "an integer between decimals": {"type": "integer", "exclusiveMinimum": 2.5, "exclusiveMaximum": 5.5},
    "an integer below": {"type": "integer", "maximum": 7, "exclusiveMaximum": 7},
    "a number by its bounds": {"minimum": -1, "exclusiveMaximum": 1},
    "a tuple": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False},
    "a tuple and more": {"prefixItems": [{"type": "null"}], "items": {"type": "integer"}, "minItems": 3, "maxItems": 5},
    "a tuple that asks for more": {"prefixItems": [{"type": "null"}], "minItems": 2},
    "a tuple cut short": {"prefixItems": [{"type": "null"}, {"type": "null"}], "maxItems": 1},
    "an open tuple": {"prefixItems": [{"type": "null"}]},
    "an empty array": {"type": "array", "maxItems": 0},
    "an array of many": {"type": "array", "items": {"type": "null"}, "minItems": 3},
    "all of several": {
        "allOf": [
            {"properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"$ref": "#/$defs/b"},
            {"type": "object"},
        ],
        "$defs": {"b": {"properties": {"b": {"type": "boolean"}}, "required": ["b"]}},
    },
    "all of bounds": {
        "type": "object",
        "properties": {"n": {"allOf": [{"type": ["integer", "null"], "minimum": 3}, {"type": "number", "minimum": 1}]}},
        "required": ["n"],
        "allOf": [
            {"properties": {"n": {"maximum": 9}}},
            {"properties": {"n": {"maximum": 6}, "m": True}, "type": "object"},
            True,
        ],
    },
    "one of what is required": {
        "type": "object",
        "properties": {"a": {"type": "null"}, "b": {"type": "null"}},
        "additionalProperties": False,
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    },
    "a reference with more beside it": {
        "properties": {"a": {"$ref": "#/$defs/n~1m", "maximum": 4}},
        "required": ["a"],
        "$defs": {"n/m": {"type": "integer", "minimum": 2}},
    },
    "a reference into a list": {"anyOf": [{"type": "null"}, {"items": {"$ref": "#/anyOf/0"}}]},
    "a reference to true": {"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": True}},
    "branches that cannot be": {"anyOf": [False, {"type": "null"}]},
    "one of types apart": {"oneOf": [{"type": "string"}, {"type": "null"}, {"type": "integer"}, False]},
    "one of values apart": {"oneOf": [{"enum": [1, 2]}, {"const": 3}]},
    "keywords that ask for nothing": {"type": "array", "items": {"type": "null"}, "uniqueItems": False, "then": False},
}


@pytest.mark.parametrize("name", HELD)
def test_what_the_grammar_lets_through_satisfies_the_schema(name: str) -> None:
    schema = HELD[name]
    held = Grammar(grammar(schema, strict=True))
    checker = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker(["date", "ipv4"]))
    chance = random.Random(name)
    for _ in range(SAMPLES):
        checker.validate(json.loads(held.sample(chance)))


def test_members_keep_their_order_and_any_may_be_missing_that_is_not_required() -> None:
    schema = {"properties": {"a": {"const": 1}, "b": {"const": 2}, "c": {"const": 3}}, "required": ["b"]}
    held, chance = Grammar(grammar(schema, strict=True)), random.Random(1)
    assert {held.sample(chance) for _ in range(100)} == {
        '{"a": 1, "b": 2, "c": 3}',
        '{"a": 1, "b": 2}',
        '{"b": 2, "c": 3}',
        '{"b": 2}',
    }


def test_any_json_object_is_an_object() -> None:
    held, chance = Grammar(json_object()), random.Random(2)
    assert all(isinstance(json.loads(held.sample(chance)), dict) for _ in range(SAMPLES))


def test_a_literal_is_exactly_its_text() -> None:
    text = 'a "b" \\ \n\r é'
    assert Grammar(f"root ::= {literal(text)}").sample(random.Random(0)) == text


DEEP: dict[str, Any] = {"type": "null"}
for _ in range(70):
    DEEP = {"type": "array", "items": DEEP}
BOTTOMLESS: dict[str, Any] = {}
for _ in range(2_000):
    BOTTOMLESS = {"items": BOTTOMLESS}
CHAIN = {
    "$ref": "#/$defs/0",
    "$defs": {str(at): {"items": {"$ref": f"#/$defs/{at + 1}"}} for at in range(100)} | {"100": {}},
}
LINKS = {
    "allOf": [{"$ref": "#/$defs/0"}],
    "$defs": {str(at): {"$ref": f"#/$defs/{at + 1}"} for at in range(100)} | {"100": {"type": "null"}},
}
REFUSED: dict[str, tuple[Any, str]] = {
    "no schema": ({"type": "objct"}, "'objct' is not valid"),
    "a faulty keyword": ({"properties": {"a": {"minLength": "x"}}}, "In context=('properties', 'a', 'minLength')"),
    "nothing": (False, "nothing satisfies 'false'"),
    "a pattern": ({"properties": {"a": {"type": "string", "pattern": "^a$"}}}, "('properties', 'a'), 'pattern' is not"),
    "a reference to nowhere": ({"$ref": "#/$defs/x"}, "'#/$defs/x' leads nowhere"),
    "a reference past a list": (
        {"anyOf": [True], "items": {"$ref": "#/anyOf/7"}, "$ref": "#/anyOf/7"},
        "leads nowhere",
    ),
    "a reference to another document": ({"$ref": "http://127.0.0.1/x"}, "leads nowhere"),
    "a reference to no schema": ({"$ref": "#/required", "required": ["a"]}, "leads to no schema"),
    "a reference to itself": ({"$ref": "#"}, "'#' leads back to itself"),
    "references in a ring": (
        {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}},
        "leads back to itself",
    ),
    "references in a ring of all": (
        {"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"$ref": "#/$defs/a"}}},
        "leads back to itself",
    ),
    "references in a long line": (LINKS, "leads back to itself"),
    "deep nesting": (DEEP, "nested too deeply"),
    "bottomless nesting": (BOTTOMLESS, "nested too deeply"),
    "deep nesting by reference": (CHAIN, "nested too deeply"),
    "very many members": ({"properties": {f"member {at}": {"type": "string"} for at in range(2_600)}}, "too large"),
    "endless members": ({"properties": {f"member {at}": {"type": "string"} for at in range(9_000)}}, "too large"),
    "very many values": ({"enum": ["x" * 300 + str(at) for at in range(1_000)]}, "too large"),
    "branches that overlap": ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "cannot overlap"),
    "branches that may overlap": ({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, "cannot overlap"),
    "a branch that is anything": ({"oneOf": [True, {"type": "null"}]}, "cannot overlap"),
    "objects whose tags are not told apart": (
        {"oneOf": [{"type": "object", "required": ["k"]}, {"type": "object", "required": ["k"]}]},
        "cannot overlap",
    ),
    "values in two branches": ({"oneOf": [{"enum": [1, 2]}, {"const": 2}]}, "cannot overlap"),
    "no branch that can be": ({"anyOf": [False]}, "nothing satisfies 'anyOf'"),
    "all of what contradicts": ({"allOf": [{"const": 1}, {"const": 2}]}, "'const' cannot be combined"),
    "all of types apart": ({"allOf": [{"type": "null"}, {"type": "string"}]}, "'type' cannot be combined"),
    "all of closed objects": (
        {"allOf": [{"properties": {"a": True}, "additionalProperties": False}, {"properties": {"b": True}}]},
        "'additionalProperties' cannot be combined",
    ),
    "values that do not fit": ({"enum": ["a"], "type": "integer"}, "none of its values"),
    "values with a schema for their insides": (
        {"const": {}, "properties": {"a": True}},
        "'properties' is not supported",
    ),
    "an integer of no size": ({"type": "integer", "minimum": 3, "maximum": 2}, "no integer lies within"),
    "a number of no size": ({"type": "number", "minimum": 0.1, "maximum": 0.2}, "no integer lies within"),
    "a string longer than is held": ({"minLength": 5_000}, "'minLength' is more than"),
    "an array of no length": ({"minItems": 3, "maxItems": 2}, "'minItems' is more than"),
    "items that are not allowed": ({"prefixItems": [True], "items": False, "minItems": 2}, "'minItems' asks for more"),
    "a required member that cannot be": ({"required": ["a"], "additionalProperties": False}, "nothing satisfies"),
    "more members than there are": ({"properties": {"a": True}, "minProperties": 1}, "does not agree"),
    "fewer members than are required": ({"required": ["a", "b"], "maxProperties": 1}, "does not agree"),
    "many members of any name": ({"type": "object", "minProperties": 2}, "not supported beyond 1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_grammar_cannot_hold_is_refused_by_name(name: str) -> None:
    schema, reason = REFUSED[name]
    with pytest.raises(SchemaNotHeld) as refusal:
        grammar(schema, strict=True)
    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^a$"},
        {"oneOf": [{"type": "integer"}, {"type": "number"}]},
        {"type": "array", "uniqueItems": True, "items": {"enum": [[1], [2]], "items": {"multipleOf": 2}}},
    ],
)
def test_without_strict_such_keywords_are_passed_over(schema: Any) -> None:
    held = Grammar(grammar(schema, strict=False))
    assert json.loads(held.sample(random.Random(3))) is not None
    with pytest.raises(SchemaNotHeld):
        grammar(schema, strict=True)


def test_two_schemas_share_one_grammar() -> None:
    rules = Rules()
    first = add_schema(rules, {"const": "a"}, strict=True)
    second = add_schema(rules, {"const": "b"}, strict=True)
    held = Grammar(rules.grammar(f'{first} "," {second}'))
    assert held.sample(random.Random(4)) == '"a","b"'


def test_what_satisfies_nothing_makes_the_whole_unsatisfiable() -> None:
    assert both({"type": "null"}, False) is False
    assert both(True, {"type": "null", "title": "nothing"}) == {"type": "null"}
