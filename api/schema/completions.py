"""POST /v1/completions in the document."""

from typing import Any

from rest_framework import serializers

from api import exceptions as wire
from api.schema.errors import Examples
from api.schema.shapes import NULLABLE, OPTIONAL, constant, created, integer, shape, text
from api.schema.usage import USAGE, CompletionUsage

TextLogprobs = shape(
    "CompletionLogprobs",
    "Four lists with an entry for each token.",
    {
        "tokens": serializers.ListField(child=text()),
        "token_logprobs": serializers.ListField(child=serializers.FloatField(**NULLABLE)),
        "top_logprobs": serializers.ListField(
            child=serializers.DictField(child=serializers.FloatField(), **NULLABLE), **NULLABLE
        ),
        "text_offset": serializers.ListField(child=integer(), help_text="Where the token begins in the text."),
    },
)
Choice = shape(
    "CompletionChoice",
    "One of the `n` answers to one of the prompts, numbered prompt by prompt.",
    {
        "text": text(),
        "index": integer(),
        "logprobs": TextLogprobs(**NULLABLE),
        "finish_reason": serializers.ChoiceField(
            choices=["stop", "length", "content_filter"],
            help_text="In a stream null until the last chunk of the choice.",
            **NULLABLE,
        ),
    },
)
Completion = shape(
    "Completion",
    "A whole answer; or, in a stream, what each event holds.",
    {
        "id": text(),
        "object": constant("text_completion"),
        "created": created(),
        "model": text("The id of the model that answered; never an alias."),
        "choices": Choice(many=True),
        "usage": CompletionUsage(**OPTIONAL, **NULLABLE),
        "system_fingerprint": text(**OPTIONAL, **NULLABLE),
    },
)
REQUESTS: dict[str, dict[str, Any]] = {
    "Plain": {"model": "lukhas-chat-1", "prompt": "Once upon a time", "max_tokens": 32},
    "Stream": {"model": "lukhas-chat-1", "prompt": "Once upon a time", "max_tokens": 32, "stream": True},
    "Several prompts": {
        "model": "lukhas-chat-1",
        "prompt": ["One, two,", "Monday, Tuesday,"],
        "n": 2,
        "stop": "\n",
        "temperature": 0.5,
        "echo": True,
    },
    "Token ids": {"model": "lukhas-chat-1", "prompt": [12522, 5304, 264, 892], "logprobs": 2},
}
EXAMPLE: dict[str, Any] = {
    "id": "cmpl-4f1c3e2b5a6d7980c1d2e3f4a5b6",
    "object": "text_completion",
    "created": 1764028800,
    "model": "lukhas-chat-1",
    "choices": [{"text": " there was a fox.", "index": 0, "logprobs": None, "finish_reason": "stop"}],
    "usage": USAGE,
    "system_fingerprint": "fp_smollm2",
}
ANSWERS: dict[str, Any] = {"Plain": EXAMPLE}
CHUNKS: dict[str, Any] = {
    "A piece": {name: value for name, value in EXAMPLE.items() if name != "usage"}
    | {"choices": [{"text": " there", "index": 0, "logprobs": None, "finish_reason": None}]},
}
ERRORS: Examples = {
    "Parameter missing": wire.MissingParameter("model"),
    "Not honoured": wire.UnsupportedParameter("suffix"),
    "Too long": wire.ContextLengthExceeded(2048, 5000, "prompt"),
    "Refused by a policy": wire.PolicyViolation("card_number"),
}
