"""POST /v1/responses in the document."""

from typing import Any

from rest_framework import serializers

from api import exceptions as wire
from api.schema.errors import Examples
from api.schema.response_inputs import OutputItem
from api.schema.shapes import NULLABLE, OPTIONAL, constant, integer, shape, text

STATUSES = ("in_progress", "completed", "incomplete", "failed")
EVENTS = (
    "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
    "response.output_text.delta", "response.output_text.done", "response.refusal.delta", "response.refusal.done",
    "response.content_part.done", "response.function_call_arguments.delta", "response.function_call_arguments.done",
    "response.output_item.done", "response.completed", "response.incomplete", "response.failed", "error",
)  # fmt: skip
"""All types of events, in the order in which they come."""

InputDetails = shape(
    "ResponseInputTokensDetails",
    "Of the input's tokens.",
    {"cached_tokens": integer(), "cache_write_tokens": integer()},
)
OutputDetails = shape("ResponseOutputTokensDetails", "Of the output's tokens.", {"reasoning_tokens": integer()})
ResponseUsage = shape(
    "ResponseUsage",
    "Tokens used.",
    {
        "input_tokens": integer(),
        "input_tokens_details": InputDetails(),
        "output_tokens": integer(),
        "output_tokens_details": OutputDetails(),
        "total_tokens": integer(),
    },
)
ResponseError = shape("ResponseError", "Why it failed.", {"code": text(), "message": text()})
IncompleteDetails = shape(
    "ResponseIncompleteDetails",
    "Why it is not complete.",
    {"reason": serializers.ChoiceField(choices=["max_output_tokens", "content_filter"])},
)
Response = shape(
    "Response",
    "An answer, and what of the request it repeats.",
    {
        "id": text(),
        "object": constant("response"),
        "created_at": integer("When it was begun, in seconds since 1970."),
        "status": serializers.ChoiceField(choices=STATUSES),
        "completed_at": integer("When it was complete, in seconds since 1970.", **NULLABLE),
        "error": ResponseError(**NULLABLE),
        "incomplete_details": IncompleteDetails(**NULLABLE),
        "model": text("The id of the model that answered; never an alias."),
        "output": serializers.ListField(child=OutputItem(), help_text="Messages and calls of functions."),
        "usage": ResponseUsage(**OPTIONAL),
        "service_tier": text(**NULLABLE),
        "background": serializers.BooleanField(),
        "instructions": text(**NULLABLE),
        "max_output_tokens": integer(**NULLABLE),
        "metadata": serializers.DictField(child=serializers.CharField()),
        "parallel_tool_calls": serializers.BooleanField(),
        "previous_response_id": text(**NULLABLE),
        "prompt_cache_key": text(**NULLABLE),
        "prompt_cache_retention": text(**OPTIONAL),
        "reasoning": serializers.DictField(),
        "safety_identifier": text(**NULLABLE),
        "store": serializers.BooleanField(help_text="Always `false`."),
        "temperature": serializers.FloatField(**NULLABLE),
        "text": serializers.DictField(),
        "tool_choice": serializers.JSONField(),
        "tools": serializers.ListField(child=serializers.DictField()),
        "top_logprobs": integer(),
        "top_p": serializers.FloatField(**NULLABLE),
        "truncation": constant("disabled"),
        "user": text(**OPTIONAL),
    },
)
ResponseStreamEvent = shape(
    "ResponseStreamEvent",
    "What each event of a stream holds. Which members there are depends on its type.",
    {
        "type": serializers.ChoiceField(choices=EVENTS),
        "sequence_number": integer("From 0, one more each time."),
        "response": Response(**OPTIONAL),
        "output_index": integer("The item's place in the output.", **OPTIONAL),
        "item": OutputItem(**OPTIONAL),
        "item_id": text(**OPTIONAL),
        "content_index": integer("The part's place in the message.", **OPTIONAL),
        "part": serializers.DictField(**OPTIONAL),
        "delta": text(**OPTIONAL),
        "text": text(**OPTIONAL),
        "refusal": text(**OPTIONAL),
        "logprobs": serializers.ListField(child=serializers.DictField(), **OPTIONAL),
        "name": text(**OPTIONAL),
        "arguments": text(**OPTIONAL),
        "code": text(**OPTIONAL, **NULLABLE),
        "message": text(**OPTIONAL),
        "param": text(**OPTIONAL, **NULLABLE),
    },
)

WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
CALL: dict[str, Any] = {
    "id": "fc_67ccd3acc8d48190a77525dc6de64b4104becb25c45c1d41",
    "type": "function_call",
    "status": "completed",
    "arguments": '{"city":"Paris"}',
    "call_id": "call_8f14e45fceea167a5a36dedd",
    "name": "get_weather",
}
REQUESTS: dict[str, dict[str, Any]] = {
    "Plain": {
        "model": "lukhas-chat-1",
        "instructions": "You are brief.",
        "input": "What is the capital of France?",
    },
    "Stream": {
        "model": "lukhas-chat-1",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "Tell me a story."}]}],
        "stream": True,
        "max_output_tokens": 128,
        "metadata": {"purpose": "bedtime"},
    },
    "Log probabilities": {
        "model": "lukhas-chat-1",
        "input": "Name a colour.",
        "include": ["message.output_text.logprobs"],
        "top_logprobs": 2,
        "temperature": 0.7,
        "top_p": 0.9,
    },
    "Tools": {
        "model": "lukhas-chat-1",
        "input": "What is the weather in Paris?",
        "tools": [WEATHER],
        "tool_choice": "required",
    },
    "Tool result": {
        "model": "lukhas-chat-1",
        "input": [
            {"role": "user", "content": "What is the weather in Paris?"},
            CALL,
            {"type": "function_call_output", "call_id": CALL["call_id"], "output": '{"sky": "clear", "celsius": 21}'},
        ],
        "tools": [WEATHER],
    },
    "Structured output": {
        "model": "lukhas-chat-1",
        "input": "Ada Lovelace was born in 1815.",
        "text": {
            "format": {
                "type": "json_schema",
                "name": "person",
                "strict": True,
                "schema": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "born": {"type": "integer"}},
                    "required": ["name", "born"],
                    "additionalProperties": False,
                },
            }
        },
    },
}
MESSAGE: dict[str, Any] = {
    "id": "msg_67ccd3acc8d48190a77525dc6de64b4104becb25c45c1d41",
    "type": "message",
    "status": "completed",
    "role": "assistant",
    "content": [
        {"type": "output_text", "text": "The capital of France is Paris.", "annotations": [], "logprobs": []},
    ],
}
EXAMPLE: dict[str, Any] = {
    "id": "resp_67ccd3a9da748190baa7f1570fe91ac604becb25c45c1d41",
    "object": "response",
    "created_at": 1764028800,
    "status": "completed",
    "completed_at": 1764028801,
    "error": None,
    "incomplete_details": None,
    "model": "lukhas-chat-1",
    "output": [MESSAGE],
    "service_tier": "default",
    "background": False,
    "instructions": "You are brief.",
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "store": False,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": None,
    "truncation": "disabled",
    "usage": {
        "input_tokens": 24,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 8,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 32,
    },
}
ANSWERS: dict[str, Any] = {
    "Plain": EXAMPLE,
    "Tools": EXAMPLE | {"output": [CALL], "tools": [WEATHER], "tool_choice": "required"},
}
PLACE: dict[str, Any] = {"item_id": MESSAGE["id"], "output_index": 0, "content_index": 0}
CHUNKS: dict[str, Any] = {
    "A piece": {"type": "response.output_text.delta", "sequence_number": 4, **PLACE, "delta": "The", "logprobs": []},
    "The end": {"type": "response.completed", "sequence_number": 13, "response": EXAMPLE},
    "An error": {
        "type": "error",
        "sequence_number": 6,
        "code": "upstream_error",
        "message": "The upstream server failed to answer.",
        "param": None,
    },
}
ERRORS: Examples = {
    "Parameter missing": wire.MissingParameter("input"),
    "Wrong type": wire.InvalidType("input[0].content", "one of a string or array of objects", "an integer"),
    "Out of range": wire.InvalidRequest(
        "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got 1 instead.",
        param="max_output_tokens",
        code="integer_below_min_value",
    ),
    "Not honoured": wire.UnsupportedParameter("previous_response_id"),
    "Too long": wire.ContextLengthExceeded(2048, 5000, "input"),
}
