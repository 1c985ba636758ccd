"""The tokens that a chat answer or a completion used."""

from typing import Any

from api.schema.shapes import OPTIONAL, integer, shape

PromptDetails = shape(
    "PromptTokensDetails",
    "Of the prompt's tokens.",
    {"cached_tokens": integer(**OPTIONAL), "audio_tokens": integer(**OPTIONAL)},
)
CompletionDetails = shape(
    "CompletionTokensDetails",
    "Of the answer's tokens.",
    {
        "reasoning_tokens": integer(**OPTIONAL),
        "audio_tokens": integer(**OPTIONAL),
        "accepted_prediction_tokens": integer(**OPTIONAL),
        "rejected_prediction_tokens": integer(**OPTIONAL),
    },
)
CompletionUsage = shape(
    "CompletionUsage",
    "Tokens used by the request, all choices together.",
    {
        "prompt_tokens": integer(),
        "completion_tokens": integer(),
        "total_tokens": integer(),
        "prompt_tokens_details": PromptDetails(**OPTIONAL, allow_null=True),
        "completion_tokens_details": CompletionDetails(**OPTIONAL, allow_null=True),
    },
)
USAGE: dict[str, Any] = {
    "prompt_tokens": 24,
    "completion_tokens": 8,
    "total_tokens": 32,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 0,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
