"""The fields of requests: strict JSON types, OpenAI's codes, and the path of what is wrong."""

from typing import Any

import pytest
from rest_framework import serializers

from api.exceptions import InvalidRequest
from api.serializers.fields import (
    Array,
    Flag,
    Integer,
    Metadata,
    Number,
    Object,
    OneOf,
    Text,
    WireField,
    kind_of,
    quoted,
)
from lukhas_site.http.serializers import SparseSerializer
from tests.api.faults import fault


class Form(SparseSerializer):
    name = Text(required=False, min_length=2, max_length=4)
    count = Integer(required=False, min_value=0, max_value=9)
    whole = Integer(required=False, allow_null=True)
    size = Number(required=False, min_value=-2, max_value=2.5)
    sure = Flag(required=False)
    word = OneOf(required=False, choices=["a", "b", "c"])
    thing = Object(required=False)
    things = Array(required=False, min_length=1, max_length=3)
    any_things = Array(required=False)
    pairs = Metadata(required=False)


class Needy(SparseSerializer):
    name = Text()


FORM = Form()

GOOD: dict[str, Any] = {
    "name": "tea ", "count": 9, "whole": None, "size": -2, "sure": False, "word": "b", "thing": {"a": [1]},
    "things": [None], "any_things": [], "pairs": {"k" * 64: "v" * 512},
}  # fmt: skip


def test_good_values_come_out_as_they_came_in() -> None:
    assert FORM.run_validation(GOOD) == GOOD


@pytest.mark.parametrize(
    ("data", "code", "param"),
    [
        ({"name": 5}, "invalid_type", "name"),
        ({"name": None}, "invalid_type", "name"),
        ({"name": ""}, "empty_string", "name"),
        ({"name": "a"}, "string_below_min_length", "name"),
        ({"name": "abcde"}, "string_above_max_length", "name"),
        ({"count": True}, "invalid_type", "count"),
        ({"count": "1"}, "invalid_type", "count"),
        ({"count": 1.0}, "invalid_type", "count"),
        ({"count": 10}, "integer_above_max_value", "count"),
        ({"count": -1}, "integer_below_min_value", "count"),
        ({"count": 1e30}, "integer_above_max_value", "count"),
        ({"count": -1e30}, "integer_below_min_value", "count"),
        ({"whole": 1e30}, "integer_above_max_value", "whole"),
        ({"whole": -1e30}, "integer_below_min_value", "whole"),
        ({"whole": 1e16}, "invalid_type", "whole"),
        ({"size": True}, "invalid_type", "size"),
        ({"size": "1"}, "invalid_type", "size"),
        ({"size": 2.6}, "decimal_above_max_value", "size"),
        ({"size": -3}, "decimal_below_min_value", "size"),
        ({"sure": 1}, "invalid_type", "sure"),
        ({"sure": "true"}, "invalid_type", "sure"),
        ({"word": 1}, "invalid_type", "word"),
        ({"word": "d" * 10_000}, "invalid_value", "word"),
        ({"thing": []}, "invalid_type", "thing"),
        ({"things": {}}, "invalid_type", "things"),
        ({"things": []}, "empty_array", "things"),
        ({"things": [1, 2, 3, 4]}, "array_above_max_length", "things"),
        ({"pairs": []}, "invalid_type", "pairs"),
        ({"pairs": {str(at): "" for at in range(17)}}, "object_above_max_properties", "pairs"),
        ({"pairs": {"k": 1}}, "invalid_type", "pairs.k"),
        ({"pairs": {"k" * 65: "v"}}, "string_above_max_length", "pairs"),
        ({"pairs": {"k": "v" * 513}}, "string_above_max_length", "pairs.k"),
    ],
)
def test_a_bad_value_is_refused_by_code_and_param(data: Any, code: str, param: str) -> None:
    assert fault(FORM.run_validation, data) == (code, param)


def test_a_missing_field_is_named() -> None:
    assert fault(Needy().run_validation, {}) == ("missing_required_parameter", "name")
    assert fault(Needy().run_validation, {"name": None}) == ("invalid_type", "name")


def test_messages_say_what_was_expected_and_what_came() -> None:
    for data, message in (
        ({"count": "1"}, "Invalid type for 'count': expected an integer, but got a string instead."),
        ({"count": 10}, "Invalid 'count': integer above maximum value. Expected a value <= 9, but got 10 instead."),
        (
            {"count": -1e30},
            "Invalid 'count': integer below minimum value. Expected a value >= 0, but got -1e+30 instead.",
        ),
        (
            {"things": []},
            "Invalid 'things': empty array. Expected an array with minimum length 1, but got an empty array instead.",
        ),
        (
            {"name": "a"},
            (
                "Invalid 'name': string too short. Expected a string with minimum length 2, but got a string with "
                "length 1 instead."
            ),
        ),
        ({"word": "d"}, "Invalid value: 'd'. Supported values are: 'a', 'b', and 'c'."),
    ):
        with pytest.raises(InvalidRequest) as caught:
            FORM.run_validation(data)
        assert caught.value.message == message


def test_the_first_fault_is_the_one_that_is_told() -> None:
    assert fault(FORM.run_validation, {"size": "x", "count": "x"})[1] == "size"


def test_every_json_type_has_a_name() -> None:
    values = [True, "", 1, 1.5, [], {}, None]
    names = ["a boolean", "a string", "an integer", "a decimal", "an array", "an object", "null"]
    assert [kind_of(value) for value in values] == names


def test_a_list_of_names_reads_as_a_sentence() -> None:
    assert [quoted(["a"]), quoted(["a", "b"]), quoted(["a", "b", "c"])] == ["'a'", "'a' and 'b'", "'a', 'b', and 'c'"]


def test_a_default_stands_in_for_what_is_absent() -> None:
    class WithDefault(SparseSerializer):
        name = Text(default="tea")

    assert WithDefault().run_validation({}) == {"name": "tea"}


def test_a_field_of_no_type_speaks_of_a_value() -> None:
    field = WireField()
    field.bind("x", serializers.Serializer())
    assert str(field.wrong_type(5).detail) == "Invalid type for 'x': expected a value, but got an integer instead."
