"""Log probabilities from llama.cpp's entries (`id`, `token`, `bytes`, `logprob`, `top_logprobs`) in OpenAI's shapes."""

from collections.abc import Iterable, Mapping
from typing import Any

LEAST = -9999.0
"""What OpenAI tells for a token that is as good as impossible; llama.cpp tells numbers near -10^38."""


def for_chat(entries: Iterable[Mapping[str, Any]], top: int) -> tuple[dict[str, Any], ...]:
    """Entries of `logprobs.content` of chat, each with `top` alternatives."""
    return tuple(
        {**_entry(entry), "top_logprobs": [_entry(one) for one in entry["top_logprobs"][:top]]} for entry in entries
    )


def for_completion(entries: Iterable[Mapping[str, Any]], top: int, offset: int) -> dict[str, Any]:
    """The `logprobs` of a legacy completion; `offset` is how many characters come before the first token."""
    found: dict[str, Any] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
    for entry in entries:
        found["tokens"].append(entry["token"])
        found["token_logprobs"].append(_logprob(entry))
        found["top_logprobs"].append({one["token"]: _logprob(one) for one in entry["top_logprobs"][:top]})
        found["text_offset"].append(offset)
        offset += len(entry["token"])
    return found


def _entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"token": entry["token"], "logprob": _logprob(entry), "bytes": entry["bytes"]}


def _logprob(entry: Mapping[str, Any]) -> float:
    return max(float(entry["logprob"]), LEAST)
