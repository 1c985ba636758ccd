"""POST /v1/chat/completions in the document."""

from typing import Any

from rest_framework import serializers

from api import exceptions as wire
from api.schema.errors import Examples
from api.schema.shapes import NULLABLE, OPTIONAL, constant, created, integer, shape, text
from api.schema.usage import USAGE, CompletionUsage

REASONS = ("stop", "length", "tool_calls", "content_filter", "function_call")

TopLogprob = shape(
    "TopLogprob",
    "A token that might have stood here.",
    {
        "token": text(),
        "logprob": serializers.FloatField(help_text="The natural logarithm of its probability."),
        "bytes": serializers.ListField(child=integer(), help_text="Its bytes in UTF-8.", **NULLABLE),
    },
)
TokenLogprob = shape(
    "TokenLogprob",
    "A token of the answer, and those that might have stood in its place.",
    {
        "token": text(),
        "logprob": serializers.FloatField(help_text="The natural logarithm of its probability."),
        "bytes": serializers.ListField(child=integer(), help_text="Its bytes in UTF-8.", **NULLABLE),
        "top_logprobs": TopLogprob(many=True),
    },
)
ChatLogprobs = shape(
    "ChatLogprobs",
    "Token by token, where `logprobs` was asked for.",
    {"content": TokenLogprob(many=True, **NULLABLE), "refusal": TokenLogprob(many=True, **NULLABLE)},
)
CalledFunction = shape(
    "CalledFunction", "What to call.", {"name": text(), "arguments": text("JSON, as the model wrote it.")}
)
ToolCall = shape(
    "ToolCall",
    "A call of a tool that the model asks for.",
    {"id": text(), "type": constant("function"), "function": CalledFunction()},
)
Message = shape(
    "ChatCompletionMessage",
    "The turn that the model adds to the conversation.",
    {
        "role": constant("assistant"),
        "content": text("Null where the answer is tool calls alone.", **NULLABLE),
        "refusal": text(**NULLABLE),
        "annotations": serializers.ListField(child=serializers.DictField(), **OPTIONAL),
        "tool_calls": ToolCall(many=True, **OPTIONAL),
    },
)
Choice = shape(
    "ChatCompletionChoice",
    "One of the `n` answers.",
    {
        "index": integer(),
        "message": Message(),
        "logprobs": ChatLogprobs(**NULLABLE),
        "finish_reason": serializers.ChoiceField(choices=REASONS),
    },
)


def head(object_name: str) -> dict[str, Any]:
    """The members that a whole answer and a chunk share."""
    return {
        "id": text(),
        "object": constant(object_name),
        "created": created(),
        "model": text("The id of the model that answered; never an alias."),
        "service_tier": text(**OPTIONAL, **NULLABLE),
        "system_fingerprint": text(
            "Changes when the same request and seed may be answered differently.", **OPTIONAL, **NULLABLE
        ),
    }


ChatCompletion = shape(
    "ChatCompletion",
    "A whole answer.",
    {**head("chat.completion"), "choices": Choice(many=True), "usage": CompletionUsage(**OPTIONAL)},
)
CalledFunctionPiece = shape(
    "CalledFunctionPiece",
    "The pieces of `arguments`, joined, are the JSON.",
    {"name": text(**OPTIONAL), "arguments": text(**OPTIONAL)},
)
ToolCallPiece = shape(
    "ToolCallPiece",
    "A piece of a tool call; `index` tells of which. Only the first has the id and the name.",
    {
        "index": integer(),
        "id": text(**OPTIONAL),
        "type": serializers.ChoiceField(choices=["function"], **OPTIONAL),
        "function": CalledFunctionPiece(**OPTIONAL),
    },
)
Piece = shape(
    "ChatCompletionDelta",
    "What this chunk adds to the message of its choice.",
    {
        "role": serializers.ChoiceField(choices=["assistant"], **OPTIONAL),
        "content": text(**OPTIONAL, **NULLABLE),
        "refusal": text(**OPTIONAL, **NULLABLE),
        "tool_calls": ToolCallPiece(many=True, **OPTIONAL),
    },
)
ChunkChoice = shape(
    "ChatCompletionChunkChoice",
    "A piece of one of the `n` answers.",
    {
        "index": integer(),
        "delta": Piece(),
        "logprobs": ChatLogprobs(**OPTIONAL, **NULLABLE),
        "finish_reason": serializers.ChoiceField(
            choices=REASONS, help_text="Null until the last chunk of the choice.", **NULLABLE
        ),
    },
)
ChatCompletionChunk = shape(
    "ChatCompletionChunk",
    "What each event of a stream holds. All chunks of a stream have the same id.",
    {
        **head("chat.completion.chunk"),
        "choices": ChunkChoice(many=True, help_text="Empty in the chunk that holds the usage."),
        "usage": CompletionUsage(**OPTIONAL, **NULLABLE),
    },
)

WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
CALL: dict[str, Any] = {
    "id": "call_8f14e45fceea167a5a36dedd",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
}
REQUESTS: dict[str, dict[str, Any]] = {
    "Plain": {
        "model": "lukhas-chat-1",
        "messages": [
            {"role": "system", "content": "You are brief."},
            {"role": "user", "content": "What is the capital of France?"},
        ],
    },
    "Stream": {
        "model": "lukhas-chat-1",
        "messages": [{"role": "user", "content": "Tell me a story of three sentences."}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": 128,
    },
    "Sampling": {
        "model": "lukhas-chat-1",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Name a colour."}]}],
        "n": 2,
        "seed": 7,
        "temperature": 0.7,
        "top_p": 0.9,
        "stop": ["."],
        "logprobs": True,
        "top_logprobs": 2,
    },
    "Tools": {
        "model": "lukhas-chat-1",
        "messages": [{"role": "user", "content": "What is the weather in Paris?"}],
        "tools": [WEATHER],
        "tool_choice": "required",
    },
    "Tool result": {
        "model": "lukhas-chat-1",
        "messages": [
            {"role": "user", "content": "What is the weather in Paris?"},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": CALL["id"], "content": '{"sky": "clear", "celsius": 21}'},
        ],
        "tools": [WEATHER],
    },
    "Structured output": {
        "model": "lukhas-chat-1",
        "messages": [{"role": "user", "content": "Ada Lovelace was born in 1815."}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "person",
                "strict": True,
                "schema": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "born": {"type": "integer"}},
                    "required": ["name", "born"],
                    "additionalProperties": False,
                },
            },
        },
    },
}
EXAMPLE: dict[str, Any] = {
    "id": "chatcmpl-4f1c3e2b5a6d7980c1d2e3f4a5b6",
    "object": "chat.completion",
    "created": 1764028800,
    "model": "lukhas-chat-1",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "The capital of France is Paris.",
                "refusal": None,
                "annotations": [],
            },
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": USAGE,
    "service_tier": "default",
    "system_fingerprint": "fp_smollm2",
}
ANSWERS: dict[str, Any] = {
    "Plain": EXAMPLE,
    "Tools": EXAMPLE
    | {
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": None,
                    "refusal": None,
                    "annotations": [],
                    "tool_calls": [CALL],
                },
                "logprobs": None,
                "finish_reason": "tool_calls",
            }
        ]
    },
}
CHUNK: dict[str, Any] = {
    name: EXAMPLE[name] for name in ("id", "created", "model", "service_tier", "system_fingerprint")
} | {
    "object": "chat.completion.chunk",
    "choices": [{"index": 0, "delta": {"content": "The"}, "logprobs": None, "finish_reason": None}],
    "usage": None,
}
CHUNKS: dict[str, Any] = {
    "A piece": CHUNK,
    "The usage": CHUNK | {"choices": [], "usage": USAGE},
}
ERRORS: Examples = {
    "Parameter missing": wire.MissingParameter("messages[0].role"),
    "Wrong type": wire.InvalidType("temperature", "a decimal", "a string"),
    "Out of range": wire.InvalidRequest(
        "Invalid 'n': integer above maximum value. Expected a value <= 128, but got 200 instead.",
        param="n",
        code="integer_above_max_value",
    ),
    "Not honoured": wire.UnsupportedParameter("web_search_options"),
    "Too long": wire.ContextLengthExceeded(2048, 5000),
    "Refused by a policy": wire.PolicyViolation("card_number"),
}
