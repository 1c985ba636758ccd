"""The four shapes of an embedding's input and of a prompt, and what is in neither."""

from typing import Any

import pytest

from api.serializers.completions import END_OF_TEXT, parse_completion
from api.serializers.embeddings import parse_embeddings
from api.serializers.inputs import EmbeddingInput
from tests.api.faults import fault


def inputs(value: Any) -> tuple[Any, ...]:
    return parse_embeddings({"model": "m", "input": value}).inputs


def prompts(value: Any) -> tuple[Any, ...]:
    return parse_completion({"model": "m", "prompt": value}).prompts


SHAPES: list[tuple[Any, tuple[Any, ...]]] = [
    ("text", ("text",)),
    (["a", "b"], ("a", "b")),
    ([1, 2, 3], ((1, 2, 3),)),
    ([[1, 2], [3]], ((1, 2), (3,))),
]


@pytest.mark.parametrize(("value", "taken"), SHAPES)
def test_all_four_shapes_are_taken(value: Any, taken: tuple[Any, ...]) -> None:
    assert inputs(value) == taken
    assert prompts(value) == taken


FAULTS: list[tuple[Any, str, str]] = [
    (5, "invalid_type", ""),
    (True, "invalid_type", ""),
    ({}, "invalid_type", ""),
    ([], "empty_array", ""),
    ([None], "invalid_type", "[0]"),
    ([{}], "invalid_type", "[0]"),
    ([True], "invalid_type", "[0]"),
    ([1.5], "invalid_type", "[0]"),
    (["a", 1], "invalid_type", "[1]"),
    (["a", [1]], "invalid_type", "[1]"),
    ([1, "a"], "invalid_type", "[1]"),
    ([1, True], "invalid_type", "[1]"),
    ([1, 1.5], "invalid_type", "[1]"),
    ([[1], "a"], "invalid_type", "[1]"),
    ([[1], []], "empty_array", "[1]"),
    ([[1], [2, None]], "invalid_type", "[1][1]"),
    ([1, -1], "invalid_value", "[1]"),
    ([[2**31]], "invalid_value", "[0][0]"),
    (["a"] * 2049, "array_above_max_length", ""),
    ([[1]] * 2049, "array_above_max_length", ""),
]


@pytest.mark.parametrize(("value", "code", "path"), FAULTS)
def test_what_is_in_no_shape_is_refused_where_it_departs_from_it(value: Any, code: str, path: str) -> None:
    assert fault(inputs, value) == (code, f"input{path}")
    assert fault(prompts, value) == (code, f"prompt{path}")


@pytest.mark.parametrize(("value", "path"), [("", "input"), (["a", ""], "input[1]")])
def test_no_input_may_be_empty(value: Any, path: str) -> None:
    assert fault(inputs, value) == ("invalid_value", path)


def test_a_prompt_may_be_empty_and_absent_and_null() -> None:
    assert prompts("") == ("",)
    assert prompts(["", "a"]) == ("", "a")
    assert prompts(None) == (END_OF_TEXT,)
    assert parse_completion({"model": "m"}).prompts == (END_OF_TEXT,)


def test_an_input_must_be_there() -> None:
    assert fault(parse_embeddings, {"model": "m"}) == ("missing_required_parameter", "input")
    assert fault(inputs, None) == ("missing_required_parameter", "input")


def test_one_input_has_at_most_2048_token_ids_and_a_prompt_as_many_as_the_model_reads() -> None:
    assert len(inputs([1] * 2048)[0]) == 2048
    assert fault(inputs, [1] * 2049) == ("array_above_max_length", "input")
    assert fault(inputs, [[1] * 2049]) == ("array_above_max_length", "input[0]")
    assert len(prompts([1] * 5000)[0]) == 5000


def test_embeddings_take_the_specifications_other_parameters_and_no_others() -> None:
    request = parse_embeddings(
        {"model": "m", "input": "a", "encoding_format": "base64", "dimensions": 3, "user": "u-1"}
    )
    assert (request.model, request.encoding_format, request.dimensions) == ("m", "base64", 3)
    assert parse_embeddings({"model": "m", "input": "a", "encoding_format": None}).encoding_format == "float"
    for body, known in (
        ({"encoding_format": "hex"}, ("invalid_value", "encoding_format")),
        ({"dimensions": 0}, ("integer_below_min_value", "dimensions")),
        ({"user": 5}, ("invalid_type", "user")),
        ({"colour": 1}, ("unknown_parameter", "colour")),
    ):
        assert fault(parse_embeddings, {"model": "m", "input": "a", **body}) == known


def test_an_unknown_parameter_of_any_length_is_named_briefly() -> None:
    code, param = fault(parse_embeddings, {"model": "m", "input": "a", "x" * 100_000: 1})
    assert (code, param) == ("unknown_parameter", "x" * 200 + "…")


def test_a_request_is_shown_as_it_was_given() -> None:
    assert EmbeddingInput().to_representation(["a"]) == ["a"]
