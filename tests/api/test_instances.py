"""A value for a JSON schema: it satisfies the schema, is the same each time, and costs little whatever the schema."""

import time
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.engines.instances import LONGEST_TEXT, Unsatisfiable, satisfying
from api.engines.verification import MOST_NODES

TEXT = "hello"


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, TEXT),
        ({"type": "string"}, TEXT),
        ({"type": "string", "maxLength": 2}, "he"),
        ({"type": "string", "minLength": 7}, "helloxx"),
        ({"type": ["string", "null"]}, TEXT),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"const": {"a": 1}}, {"a": 1}),
        ({"enum": ["b", "a"]}, "b"),
        ({"type": "integer"}, 0),
        ({"type": "integer", "minimum": 3.5, "maximum": 9}, 4),
        ({"type": "integer", "minimum": 0}, 0),
        ({"type": "integer", "exclusiveMinimum": 0}, 1),
        ({"type": "integer", "exclusiveMinimum": 4, "multipleOf": 4}, 8),
        ({"type": "integer", "maximum": -3}, -3),
        ({"type": "integer", "maximum": 0}, 0),
        ({"type": "integer", "exclusiveMaximum": 0}, -1),
        ({"type": "integer", "exclusiveMaximum": -4, "multipleOf": 4}, -8),
        ({"type": "number", "minimum": 0.25, "maximum": 0.75}, 0.5),
        ({"type": "number", "minimum": -0.5}, 0),
        ({"type": "array"}, []),
        ({"type": "array", "minItems": 2}, [TEXT, TEXT]),
        ({"items": {"type": "integer"}, "minItems": 2.0}, [0, 0]),
        ({"prefixItems": [{"type": "integer"}], "items": {"type": "null"}, "minItems": 2}, [0, None]),
        ({"type": "object"}, {}),
        ({"type": "object", "required": ["a"]}, {"a": TEXT}),
        ({"properties": {"a": {"type": "integer"}, "b": {}}, "required": ["a"]}, {"a": 0}),
        ({"type": "object", "properties": {"a": {}, "b": {}}, "minProperties": 1}, {"a": TEXT}),
        ({"required": ["a"], "additionalProperties": {"type": "integer"}}, {"a": 0}),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, 0),
        ({"oneOf": [{"type": "null"}, {"type": "string"}]}, None),
        ({"type": "object", "properties": {"a": {"type": "integer"}}, "anyOf": [{"required": ["a"]}]}, {"a": 0}),
        (
            {
                "allOf": [
                    {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
                    {"$ref": "#/$defs/b"},
                    True,
                ],
                "$defs": {"b": {"properties": {"b": {"type": "boolean"}}, "required": ["b"]}},
            },
            {"a": 0, "b": True},
        ),
        ({"$ref": "#/$defs/a~1b%20c", "$defs": {"a/b c": {"type": "integer"}}}, 0),
        ({"$ref": "#/anyOf/1", "anyOf": [{"type": "string"}, {"type": "string", "maxLength": 1}]}, "h"),
        ({"type": "string", "$schema": "http://json-schema.org/draft-07/schema#"}, TEXT),
        ({"type": "object", "properties": {"pattern": {"type": "null"}}, "required": ["pattern"]}, {"pattern": None}),
        ({"type": "array", "uniqueItems": True, "minItems": 1}, [TEXT]),
        ({"type": "integer", "allOf": [{"not": {"type": "string", "minLength": 1}}] * 200}, 0),
        ({"const": 5, "minimum": 3, "$comment": "annotated", "title": "Five"}, 5),
    ],
)
def test_the_value_satisfies_the_schema(schema: dict[str, Any], value: Any) -> None:
    made = satisfying(schema, TEXT)
    assert made == value
    assert type(made) is type(value)
    jsonschema.Draft202012Validator(schema).validate(made)


def test_references_to_the_document_itself_end_where_nothing_more_is_required() -> None:
    tree = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#"}}},
        "required": ["name", "children"],
    }
    assert satisfying(tree, TEXT) == {"name": TEXT, "children": []}


def test_a_long_text_is_cut_short() -> None:
    assert satisfying({"type": "string"}, "x" * 1_000_000) == "x" * LONGEST_TEXT


def _nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    return schema


def _doubling(word: str) -> dict[str, Any]:
    """A small schema that looks at itself 2**25 times."""
    defs: dict[str, Any] = {f"d{at}": {word: [{"$ref": f"#/$defs/d{at + 1}"}] * 2} for at in range(25)}
    return {"$defs": {**defs, "d25": {"type": "string"}}}


HOSTILE: list[tuple[dict[str, Any], str]] = [
    ({"type": 5}, "5 is not valid"),
    ({"type": {}}, "not valid"),
    ({"enum": {}}, "not of type 'array'"),
    ({"enum": {"a": 1}}, "not of type 'array'"),
    ({"required": "x"}, "not of type 'array'"),
    ({"required": ["a", "a"]}, "non-unique"),
    ({"properties": []}, "not of type 'object'"),
    ({"minLength": "a"}, "not of type 'integer'"),
    ({"anyOf": [5]}, "5 is not of type"),
    ({"anyOf": []}, "non-empty"),
    ({"multipleOf": 0}, "minimum of 0"),
    ({"type": "x" * 100_000}, "xxx"),
    ({"type": "array", "minItems": 10**9, "items": {"type": "integer"}}, "more than 1000 steps"),
    ({"type": "array", "prefixItems": [{"type": "null"}] * 990, "minItems": 1500}, "more than 1000 steps"),
    ({"type": "string", "minLength": 10**9}, "more than 100000 characters"),
    ({"type": "string", "minLength": 1e300}, "more than 100000 characters"),
    ({"type": "array", "minItems": 900, "items": {"const": "x" * 1000}}, "more than 100000 characters"),
    ({"required": ["x" * 200_000]}, "more than 100000 characters"),
    ({"pattern": "(a+)+$"}, "'pattern'"),
    ({"patternProperties": {"(a+)+$": {}}}, "'patternProperties'"),
    (
        {"properties": {"a": {"additionalProperties": False, "patternProperties": {"(x+)+$": {}}}}},
        "'patternProperties'",
    ),
    ({"properties": {"a": {"$ref": "#"}}, "unevaluatedProperties": False}, "'unevaluatedProperties'"),
    ({"not": {"$dynamicRef": "#"}}, "'\\$dynamicRef'"),
    ({"$ref": "#/x", "x": {"pattern": "(a+)+$"}}, "'pattern'"),
    ({"properties": {"a": {"$schema": "http://json-schema.org/draft-07/schema#"}}}, "'\\$schema'"),
    ({"$ref": "http://192.0.2.1/schema"}, "leads nowhere"),
    ({"$ref": "file:///etc/passwd"}, "leads nowhere"),
    ({"$ref": "#/nowhere"}, "leads nowhere"),
    ({"$ref": "#/anyOf/9", "anyOf": [{}]}, "leads nowhere"),
    ({"$ref": "#anchor", "$anchor": "anchor"}, "levels deep"),
    ({"not": {"$ref": "http://192.0.2.1/schema"}}, "not to be found"),
    ({"not": {"$ref": "http://[bad"}}, "not to be found"),
    ({"$ref": "#"}, "levels deep"),
    ({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, "levels deep"),
    ({"not": {"$ref": "#"}}, "to itself"),
    ({"$ref": "#/x", "x": {"type": "object", "required": 5}}, "no schema"),
    ({"$ref": "#/x", "x": {"type": []}}, "no schema"),
    ({"allOf": [{"$ref": "#/x"}], "x": [1]}, "no schema"),
    ({"allOf": [True, False]}, "'False'"),
    ({"type": "string", "not": {}}, "'not'"),
    ({"enum": ["a"], "type": "integer"}, "'type'"),
    ({"type": "object", "required": ["a"], "additionalProperties": False}, "'additionalProperties'"),
    ({"type": "array", "uniqueItems": True, "minItems": 2}, "'uniqueItems'"),
    ({"const": [{"a": at} for at in range(600)], "uniqueItems": True}, "up to 500 items"),
    ({"type": "number", "minimum": 1e308, "multipleOf": 1e-300}, "too large"),
    ({"const": 1, **_doubling("anyOf"), "not": {"$ref": "#/$defs/d0"}}, "too many steps"),
    ({**_doubling("allOf"), "$ref": "#/$defs/d0"}, "more than 1000 steps"),
    ({"properties": {str(at): {} for at in range(MOST_NODES)}}, "more than 2000 members"),
    ({"enum": list(range(MOST_NODES))}, "more than 2000 members"),
    (_nested(40), "levels deep"),
    (_nested(63), "levels deep"),
    (_nested(70), "nested more than 128 deep"),
]


@pytest.mark.parametrize(("schema", "why"), HOSTILE)
def test_a_schema_that_is_none_or_hostile_is_refused_quickly_and_nothing_is_fetched(
    schema: dict[str, Any], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetched(*_: object, **__: object) -> None:
        pytest.fail("something was fetched")

    monkeypatch.setattr("urllib.request.urlopen", fetched)
    monkeypatch.setattr("socket.socket.connect", fetched)
    began = time.process_time()
    with pytest.raises(Unsatisfiable, match=why) as caught:
        satisfying(schema, "secret words " * 10_000)
    assert time.process_time() - began < 10
    assert len(str(caught.value)) < 600
    assert "secret words" not in str(caught.value)


KEYWORDS = [
    "type", "enum", "const", "properties", "required", "items", "prefixItems", "minItems", "minLength", "maxLength",
    "minimum", "exclusiveMaximum", "multipleOf", "anyOf", "allOf", "$ref", "$defs", "not", "additionalProperties",
    "uniqueItems", "if", "then", "$id", "$anchor", "$dynamicRef", "contains", "propertyNames", "dependentRequired",
]  # fmt: skip
WORDS = ["string", "object", "array", "number", "#", "#/$defs/a", "#/properties", "a", "", "x://["]
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(WORDS))
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from([*KEYWORDS, "a"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(derandomize=True, max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(KEYWORDS), SCHEMAS, max_size=4))
def test_whatever_a_caller_sends_there_is_a_value_that_satisfies_it_or_a_reason(schema: dict[str, Any]) -> None:
    try:
        made = satisfying(schema, TEXT)
    except Unsatisfiable:
        return
    jsonschema.Draft202012Validator(schema).validate(made)
