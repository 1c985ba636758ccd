"""The messages of a chat request: every shape that the specification has, and every way to get one wrong."""

from typing import Any

import pytest

from api.exceptions import InvalidRequest
from api.serializers.chat import parse_chat
from api.serializers.messages import MOST_CHARACTERS
from tests.api.faults import fault

CALL: dict[str, Any] = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CUSTOM: dict[str, Any] = {"id": "call_2", "type": "custom", "custom": {"name": "c", "input": "x"}}
USER = {"role": "user", "content": "Hi"}


def parse(*messages: Any) -> tuple[Any, ...]:
    return parse_chat({"model": "m", "messages": list(messages)}).messages


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "system", "content": "Be brief.", "name": "boss"}, {"role": "developer", "content": ""}, USER],
        [{"role": "user", "content": [{"type": "text", "text": "a", "extra": 1}], "name": None}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "file", "file": {}}]}],
        [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}],
        [USER, {"role": "assistant", "content": "Hello"}, USER],
        [{"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}],
        [{"role": "assistant", "refusal": "No."}, {"role": "assistant", "content": None, "audio": {"id": "a"}}],
        [{"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}],
        [{"role": "function", "name": "f", "content": "1"}, {"role": "function", "name": "f", "content": None}],
        [
            {"role": "assistant", "content": None, "tool_calls": [CALL, CUSTOM]},
            {"role": "tool", "tool_call_id": "call_2", "content": "2"},
            {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "1"}]},
            USER,
        ],
    ],
)
def test_every_turn_of_the_specification_is_taken_as_it_is(messages: list[Any]) -> None:
    assert parse(*messages) == tuple(messages)


@pytest.mark.parametrize(
    ("message", "code", "param"),
    [
        ("Hi", "invalid_type", ""),
        ({"content": "Hi"}, "missing_required_parameter", ".role"),
        ({"role": None, "content": "Hi"}, "invalid_type", ".role"),
        ({"role": "chief", "content": "Hi"}, "invalid_value", ".role"),
        ({"role": "user"}, "missing_required_parameter", ".content"),
        ({"role": "user", "content": None}, "invalid_type", ".content"),
        ({"role": "user", "content": 5}, "invalid_type", ".content"),
        ({"role": "user", "content": []}, "empty_array", ".content"),
        ({"role": "user", "content": ["Hi"]}, "invalid_type", ".content[0]"),
        ({"role": "user", "content": [{"text": "Hi"}]}, "missing_required_parameter", ".content[0].type"),
        ({"role": "user", "content": [{"type": "smell"}]}, "invalid_value", ".content[0].type"),
        ({"role": "user", "content": [{"type": "text"}]}, "missing_required_parameter", ".content[0].text"),
        ({"role": "user", "content": [{"type": "text", "text": 5}]}, "invalid_type", ".content[0].text"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": "x"}]},
            "invalid_type",
            ".content[0].image_url",
        ),
        ({"role": "user", "content": "Hi", "name": 5}, "invalid_type", ".name"),
        ({"role": "user", "content": "x" * (MOST_CHARACTERS + 1)}, "string_above_max_length", ".content"),
        (
            {"role": "user", "content": [{"type": "text", "text": "x" * (MOST_CHARACTERS + 1)}]},
            "string_above_max_length",
            ".content[0].text",
        ),
        ({"role": "tool", "content": "1"}, "missing_required_parameter", ".tool_call_id"),
        ({"role": "function", "content": "1"}, "missing_required_parameter", ".name"),
        ({"role": "function", "name": "f"}, "missing_required_parameter", ".content"),
        ({"role": "function", "name": "f", "content": []}, "invalid_type", ".content"),
        ({"role": "assistant"}, "missing_required_parameter", ".content"),
        ({"role": "assistant", "content": None}, "invalid_type", ".content"),
        ({"role": "assistant", "content": 5}, "invalid_type", ".content"),
        ({"role": "assistant", "refusal": 5}, "invalid_type", ".refusal"),
        ({"role": "assistant", "function_call": 5}, "invalid_type", ".function_call"),
        (
            {"role": "assistant", "function_call": {"name": "f"}},
            "missing_required_parameter",
            ".function_call.arguments",
        ),
        ({"role": "assistant", "audio": {}}, "missing_required_parameter", ".audio.id"),
        ({"role": "assistant", "tool_calls": {}}, "invalid_type", ".tool_calls"),
        ({"role": "assistant", "tool_calls": []}, "empty_array", ".tool_calls"),
        ({"role": "assistant", "tool_calls": [5]}, "invalid_type", ".tool_calls[0]"),
        ({"role": "assistant", "tool_calls": [{**CALL, "id": 5}]}, "invalid_type", ".tool_calls[0].id"),
        ({"role": "assistant", "tool_calls": [{**CALL, "type": "x"}]}, "invalid_value", ".tool_calls[0].type"),
        ({"role": "assistant", "tool_calls": [{**CALL, "function": 5}]}, "invalid_type", ".tool_calls[0].function"),
        (
            {"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "f", "arguments": {}}}]},
            "invalid_type",
            ".tool_calls[0].function.arguments",
        ),
        (
            {"role": "assistant", "tool_calls": [{**CUSTOM, "custom": {"name": "c"}}]},
            "missing_required_parameter",
            ".tool_calls[0].custom.input",
        ),
    ],
)
def test_a_faulty_message_is_refused_by_code_and_path(message: Any, code: str, param: str) -> None:
    assert fault(parse, USER, message) == (code, f"messages[1]{param}")


def test_there_must_be_a_message() -> None:
    assert fault(parse) == ("empty_array", "messages")
    assert fault(parse_chat, {"model": "m", "messages": "Hi"}) == ("invalid_type", "messages")
    assert fault(parse_chat, {"model": "m"}) == ("missing_required_parameter", "messages")


def test_a_tools_result_must_answer_a_call_made_before_it() -> None:
    result = {"role": "tool", "tool_call_id": "call_1", "content": "1"}
    assert fault(parse, USER, result) == (None, "messages[1].role")
    asked = {"role": "assistant", "tool_calls": [CALL]}
    assert fault(parse, asked, {**result, "tool_call_id": "call_9"}) == (None, "messages[1].role")
    assert fault(parse, asked, result, result) == (None, "messages[2].role")


@pytest.mark.parametrize("rest", [[], [USER]])
def test_every_call_must_be_answered_before_the_next_turn(rest: list[Any]) -> None:
    many = [{**CALL, "id": f"call_{at}" * 50} for at in range(100)]
    with pytest.raises(InvalidRequest, match="did not have response messages: call_0") as caught:
        parse(USER, {"role": "assistant", "tool_calls": many}, *rest)
    assert caught.value.param == "messages[1]"
    assert len(caught.value.message) < 1_000
