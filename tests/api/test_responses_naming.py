"""Where a mistake is that the chat behind a response found, in the words of the request for the response."""

from typing import Any

import pytest

from api.exceptions import InvalidValue, UnsupportedParameter
from api.responses.naming import renamed
from api.serializers.responses import parse_response

REQUEST = parse_response(
    {
        "model": "m",
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": [{"type": "input_image", "image_url": "x"}]},
            {"role": "assistant", "content": "Let me see."},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "x"},
        ],
    }
)


@pytest.mark.parametrize(
    ("param", "told"),
    [
        (None, None),
        ("model", "model"),
        ("temperature", "temperature"),
        ("colour", "colour"),
        ("messages", "input"),
        ("messages[0].content", "instructions"),
        ("messages[1].content[0].type", "input[0].content[0].type"),
        ("messages[1].role", "input[0].role"),
        ("messages[1]", "input[0]"),
        ("messages[2].content", "input[1].content"),
        ("messages[2].tool_calls[0].function.name", "input[2]"),
        ("messages[2].tool_calls[7].type", "input[1]"),
        ("messages[3].content[0].type", "input[3].output[0].type"),
        ("messages[9].content", "messages[9].content"),
        ("messages[99999999999999999999].content", "messages[99999999999999999999].content"),
        ("max_completion_tokens", "max_output_tokens"),
        ("max_tokens", "max_output_tokens"),
        ("reasoning_effort", "reasoning.effort"),
        ("verbosity", "text.verbosity"),
        ("logprobs", "top_logprobs"),
        ("response_format", "text.format"),
        ("response_format.type", "text.format.type"),
        ("response_format.json_schema.schema", "text.format.schema"),
        ("tools[3].function.parameters", "tools[3].parameters"),
        ("tools[3].type", "tools[3].type"),
    ],
)
def test_a_parameter_of_the_chat_is_named_as_it_was_sent(param: Any, told: str | None) -> None:
    error = InvalidValue(f"Invalid value: '{param}' is odd.", param=param)
    assert renamed(error, REQUEST.places) is error
    assert (error.param, error.message) == (told, f"Invalid value: '{told}' is odd.")


def test_a_kind_of_part_is_named_as_it_was_sent() -> None:
    told = "Invalid value: 'image_url'. Supported values are: 'text'."
    error = renamed(InvalidValue(told, param="messages[1].content[0].type"), REQUEST.places)
    assert error.message == "Invalid value: 'input_image'. Supported values are: 'input_text'."
    assert renamed(InvalidValue(told, param="temperature"), REQUEST.places).message == told


def test_a_text_alone_has_no_parts() -> None:
    error = renamed(UnsupportedParameter("messages[0].content"), parse_response({"model": "m", "input": "Hi"}).places)
    assert error.param == "input"
