"""OpenAI's messages as turns that any chat template takes."""

from typing import Any

import pytest

from api.backends.embedded_turns import asking, turns
from api.engines.llama_tools import instructions
from api.exceptions import UnsupportedValue
from api.requests import Tool

USER = {"role": "user", "content": "Hello"}


def called(arguments: str, kind: str = "function") -> dict[str, Any]:
    return {"id": "c", "type": kind, kind: {"name": "f", "arguments": arguments, "input": ""}}


def test_roles_become_those_of_templates() -> None:
    messages = [{"role": "developer", "content": "Be kind."}, USER, {"role": "assistant", "content": "Hi"}]
    assert turns(messages, ()) == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
    ]


def test_turns_of_one_role_become_one() -> None:
    messages = [{"role": "system", "content": "A"}, {"role": "developer", "content": "B"}, USER, USER]
    assert [turn["content"] for turn in turns(messages, ())] == ["A\n\nB", "Hello\n\nHello"]


def test_tools_are_told_before_anything_else() -> None:
    tools = [Tool("f", "Do it", {}, strict=False)]
    assert turns([USER], tools)[0] == {"role": "system", "content": instructions(tools)}
    first = turns([{"role": "system", "content": "Be kind."}, USER], tools)[0]
    assert first["content"] == f"{instructions(tools)}\n\nBe kind."


def test_calls_and_their_results_are_written_as_text() -> None:
    messages = [
        USER,
        {"role": "assistant", "content": "Wait.", "tool_calls": [called('{"a":1}'), called("{broken")]},
        {"role": "tool", "tool_call_id": "c", "content": "one"},
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "two"}]},
    ]
    assert turns(messages, ())[1:] == [
        {
            "role": "assistant",
            "content": 'Wait.\n<tool_call>[{"name": "f", "arguments": {"a": 1}}, {"name": "f", "arguments": {broken}]'
            "</tool_call>",
        },
        {
            "role": "user",
            "content": "<tool_response>one</tool_response>\n\n<tool_response>two</tool_response>",
        },
    ]


def test_a_call_without_text_is_all_there_is() -> None:
    (turn,) = turns([{"role": "assistant", "content": None, "tool_calls": [called("{}")]}], ())
    assert turn["content"] == '<tool_call>[{"name": "f", "arguments": {}}]</tool_call>'


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"role": "assistant", "refusal": "No."}, "No."),
        ({"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}, "No."),
        ({"role": "assistant", "content": None, "refusal": None, "audio": None}, ""),
        ({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "ab"),
    ],
)
def test_text_is_found_where_it_is(message: dict[str, Any], text: str) -> None:
    assert turns([message], ())[0]["content"] == text


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url"}]}, "content[1].type"),
        ({"role": "function", "name": "f", "content": "x"}, "role"),
        ({"role": "assistant", "function_call": {"name": "f", "arguments": ""}}, "function_call"),
        ({"role": "assistant", "audio": {"id": "a"}}, "audio"),
        ({"role": "assistant", "tool_calls": [called("{}"), called("", "custom")]}, "tool_calls[1].type"),
    ],
)
def test_what_the_model_has_no_form_for_is_refused(message: dict[str, Any], param: str) -> None:
    with pytest.raises(UnsupportedValue) as refusal:
        turns([USER, message], ())
    assert refusal.value.param == f"messages[1].{param}"


def test_only_a_last_turn_of_the_user_asks_for_something() -> None:
    assert asking([USER]) == "Hello"
    assert asking([USER, {"role": "tool", "tool_call_id": "c", "content": "x"}]) is None
