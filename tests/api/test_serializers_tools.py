"""Tools, tool choice, response format, stop strings, biases and stream options: the parts that describe the answer."""

from typing import Any

import pytest

from api.requests import ResponseFormat, Tool, ToolChoice
from api.serializers.chat import parse_chat
from api.serializers.tools import FunctionCallField, Stop, ToolChoiceField
from tests.api.faults import fault

FUNCTION: dict[str, Any] = {"type": "function", "function": {"name": "f"}}
CUSTOM: dict[str, Any] = {"type": "custom", "custom": {"name": "c"}}


def parse(**body: Any) -> Any:
    return parse_chat({"model": "m", "messages": [{"role": "user", "content": "Hi"}], **body})


def wrong(**body: Any) -> tuple[str | None, str | None]:
    return fault(lambda: parse(**body))


def function(**fields: Any) -> list[Any]:
    return [{"type": "function", "function": {"name": "f", **fields}}]


def schema(**fields: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}, **fields}}


def test_a_function_becomes_a_tool() -> None:
    given = function(description="Does f.", parameters={"type": "object"}, strict=True)
    assert parse(tools=given).tools == (Tool("f", "Does f.", {"type": "object"}, strict=True),)
    assert parse(tools=[FUNCTION]).tools == (Tool("f", "", {}, strict=False),)
    assert parse(tools=None).tools == ()


@pytest.mark.parametrize(
    ("tools", "code", "param"),
    [
        ({}, "invalid_type", "tools"),
        ([], "empty_array", "tools"),
        ([FUNCTION] * 129, "array_above_max_length", "tools"),
        ([5], "invalid_type", "tools[0]"),
        ([{}], "missing_required_parameter", "tools[0].type"),
        ([{"type": None}], "invalid_type", "tools[0].type"),
        ([{"type": "hammer"}], "invalid_value", "tools[0].type"),
        ([{"type": "function"}], "missing_required_parameter", "tools[0].function"),
        ([{"type": "function", "function": "f"}], "invalid_type", "tools[0].function"),
        ([{"type": "function", "function": {}}], "missing_required_parameter", "tools[0].function.name"),
        ([FUNCTION, *function(name="a b")], "invalid_value", "tools[1].function.name"),
        (function(name="x" * 65), "invalid_value", "tools[0].function.name"),
        (function(name="f\n"), "invalid_value", "tools[0].function.name"),
        (function(description=5), "invalid_type", "tools[0].function.description"),
        (function(parameters=[]), "invalid_type", "tools[0].function.parameters"),
        (function(strict=1), "invalid_type", "tools[0].function.strict"),
        ([{"type": "custom", "custom": {"name": ""}}], "invalid_value", "tools[0].custom.name"),
    ],
)
def test_a_faulty_tool_is_refused(tools: Any, code: str, param: str) -> None:
    assert wrong(tools=tools) == (code, param)


def test_custom_tools_are_let_through_for_the_backend_to_judge() -> None:
    request = parse(tools=[FUNCTION, CUSTOM], tool_choice={"type": "custom", "custom": {"name": "c"}})
    assert [tool.name for tool in request.tools] == ["f"]
    assert request.body["tools"][1] == CUSTOM
    assert parse(tools=[CUSTOM], tool_choice="auto").tools == ()


@pytest.mark.parametrize(
    ("given", "choice"),
    [
        ("none", ToolChoice("none")),
        ("auto", ToolChoice("auto")),
        ("required", ToolChoice("required")),
        (None, ToolChoice("auto")),
        (FUNCTION, ToolChoice("function", "f")),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [FUNCTION]}}, ToolChoice("auto")),
    ],
)
def test_a_tool_choice_is_a_mode_or_a_function(given: Any, choice: ToolChoice) -> None:
    assert parse(tools=[FUNCTION], tool_choice=given).tool_choice == choice


def test_without_tools_none_is_called() -> None:
    assert parse().tool_choice == ToolChoice("none")


@pytest.mark.parametrize(
    ("choice", "code", "param"),
    [
        (5, "invalid_type", "tool_choice"),
        ("any", "invalid_value", "tool_choice"),
        ({}, "missing_required_parameter", "tool_choice.type"),
        ({"type": "hammer"}, "invalid_value", "tool_choice.type"),
        ({"type": "function"}, "missing_required_parameter", "tool_choice.function"),
        ({"type": "function", "function": {}}, "missing_required_parameter", "tool_choice.function.name"),
        ({"type": "function", "function": {"name": "g"}}, "invalid_value", "tool_choice"),
    ],
)
def test_a_faulty_tool_choice_is_refused(choice: Any, code: str, param: str) -> None:
    assert wrong(tools=[FUNCTION], tool_choice=choice) == (code, param)


def test_what_speaks_of_tools_needs_tools() -> None:
    assert wrong(tool_choice="none") == ("invalid_value", "tool_choice")
    assert wrong(parallel_tool_calls=True) == ("invalid_value", "parallel_tool_calls")
    assert parse(tools=[FUNCTION], parallel_tool_calls=False).parallel_tool_calls is False
    assert parse(tools=[FUNCTION], parallel_tool_calls=None).parallel_tool_calls is True


@pytest.mark.parametrize("call", ["none", "auto", {"name": "f"}])
def test_the_older_function_call_is_let_through_for_the_backend_to_judge(call: Any) -> None:
    assert parse(function_call=call).body["function_call"] == call


@pytest.mark.parametrize(
    ("call", "code", "param"),
    [
        (5, "invalid_type", "function_call"),
        ("required", "invalid_value", "function_call"),
        ({}, "missing_required_parameter", "function_call.name"),
    ],
)
def test_a_faulty_function_call_is_refused(call: Any, code: str, param: str) -> None:
    assert wrong(function_call=call) == (code, param)


def test_a_response_format_is_text_json_or_a_schema() -> None:
    assert parse().response_format == ResponseFormat("text")
    assert parse(response_format={"type": "text"}).response_format == ResponseFormat("text")
    assert parse(response_format={"type": "json_object"}).response_format == ResponseFormat("json_object")
    assert parse(response_format=schema(strict=True)).response_format == ResponseFormat(
        "json_schema", "s", {"type": "object"}, strict=True
    )


@pytest.mark.parametrize(
    ("form", "code", "param"),
    [
        ("text", "invalid_type", ""),
        ({}, "missing_required_parameter", ".type"),
        ({"type": "xml"}, "invalid_value", ".type"),
        ({"type": "json_schema"}, "missing_required_parameter", ".json_schema"),
        ({"type": "json_schema", "json_schema": {}}, "missing_required_parameter", ".json_schema.name"),
        (schema(name="a b"), "invalid_value", ".json_schema.name"),
        (schema(schema=[]), "invalid_type", ".json_schema.schema"),
        (schema(schema=None), "missing_required_parameter", ".json_schema.schema"),
        (schema(strict="yes"), "invalid_type", ".json_schema.strict"),
    ],
)
def test_a_faulty_response_format_is_refused(form: Any, code: str, param: str) -> None:
    assert wrong(response_format=form) == (code, f"response_format{param}")


def test_stop_strings_come_alone_or_as_an_array() -> None:
    assert parse(stop="a").sampling.stop == ("a",)
    assert parse(stop=["a", "b"]).sampling.stop == ("a", "b")
    assert parse(stop=[]).sampling.stop == parse(stop=None).sampling.stop == ()


@pytest.mark.parametrize(
    ("stop", "code", "param"),
    [
        (5, "invalid_type", "stop"),
        ("", "empty_string", "stop"),
        (["a", ""], "empty_string", "stop[1]"),
        (["a", 1], "invalid_type", "stop[1]"),
        (["a"] * 5, "array_above_max_length", "stop"),
    ],
)
def test_faulty_stop_strings_are_refused(stop: Any, code: str, param: str) -> None:
    assert wrong(stop=stop) == (code, param)


def test_biases_are_by_token_id() -> None:
    assert parse(logit_bias={"5": -100, "007": 0.5}).sampling.logit_bias == {5: -100, 7: 0.5}
    assert parse(logit_bias={}).sampling.logit_bias == {}


@pytest.mark.parametrize(
    ("bias", "code", "param"),
    [
        ([], "invalid_type", "logit_bias"),
        ({"a": 1}, "invalid_value", "logit_bias"),
        ({"-1": 1}, "invalid_value", "logit_bias"),
        ({"²": 1}, "invalid_value", "logit_bias"),
        ({"9" * 5000: 1}, "invalid_value", "logit_bias"),
        ({"5": "1"}, "invalid_type", "logit_bias.5"),
        ({"5": True}, "invalid_type", "logit_bias.5"),
        ({"5": 101}, "invalid_value", "logit_bias.5"),
    ],
)
def test_faulty_biases_are_refused(bias: Any, code: str, param: str) -> None:
    assert wrong(logit_bias=bias) == (code, param)


def test_stream_options_are_for_streams() -> None:
    assert parse(stream=True, stream_options={"include_usage": True}).include_usage is True
    assert parse(stream=True, stream_options={"include_obfuscation": False}).include_usage is False
    assert parse(stream_options=None).include_usage is False
    assert wrong(stream_options={}) == ("invalid_value", "stream_options")
    assert wrong(stream=True, stream_options=[]) == ("invalid_type", "stream_options")
    assert wrong(stream=True, stream_options={"include_usage": 1}) == ("invalid_type", "stream_options.include_usage")


def test_a_request_is_shown_as_it_was_given() -> None:
    for field in (ToolChoiceField(), FunctionCallField(), Stop()):
        assert field.to_representation("auto") == "auto"
