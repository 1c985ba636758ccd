"""OpenAI's answer objects, made from deltas: chat.completion, chat.completion.chunk, text_completion, embeddings
and moderations.

The shapes are those of OpenAI's specification. Keys that the specification marks required are always there, also when
null: `logprobs` on every choice, `refusal` on every message.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from api.engines.moderation import flags

if TYPE_CHECKING:
    from api.backends.base import Delta, Judgements, TextDelta, Usage, Vectors

DONE = b"data: [DONE]\n\n"


def new_id(prefix: str) -> str:
    """A fresh opaque id, `chatcmpl-…`, `cmpl-…` or `modr-…`."""
    return f"{prefix}-{secrets.token_hex(14)}"


def event(payload: dict[str, Any]) -> bytes:
    """One server-sent event with a JSON payload."""
    return b"data: %b\n\n" % orjson.dumps(payload)


def usage(used: Usage) -> dict[str, Any]:
    """The `usage` object of chat and completions."""
    return {
        "prompt_tokens": used.input_tokens,
        "completion_tokens": used.output_tokens,
        "total_tokens": used.input_tokens + used.output_tokens,
        "prompt_tokens_details": {"cached_tokens": used.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def chat_completion(
    *, id: str, created: int, model: str, fingerprint: str, deltas: Iterable[Delta], choices: int, used: Usage
) -> dict[str, Any]:
    """A whole chat answer from all deltas of all its choices, in the order in which they came."""
    contents: list[list[str]] = [[] for _ in range(choices)]
    calls: list[dict[int, dict[str, Any]]] = [{} for _ in range(choices)]
    logprobs: list[list[dict[str, Any]] | None] = [None] * choices
    reasons = ["stop"] * choices
    for delta in deltas:
        at = delta.index
        if delta.content is not None:
            contents[at].append(delta.content)
        for piece in delta.tool_calls:
            _merge_call(calls[at], piece)
        if delta.logprobs is not None:
            logprobs[at] = [*(logprobs[at] or ()), *delta.logprobs]
        reasons[at] = delta.finish_reason or reasons[at]
    return {
        "id": id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [
            {
                "index": at,
                "message": _message(contents[at], calls[at]),
                "logprobs": None if logprobs[at] is None else {"content": logprobs[at], "refusal": None},
                "finish_reason": reasons[at],
            }
            for at in range(choices)
        ],
        "usage": usage(used),
        "service_tier": "default",
        "system_fingerprint": fingerprint,
    }


def _message(content: Sequence[str], calls: dict[int, dict[str, Any]]) -> dict[str, Any]:
    text = "".join(content)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if calls and not text else text,
        "refusal": None,
        "annotations": [],
    }
    if calls:
        message["tool_calls"] = [calls[at] for at in sorted(calls)]
    return message


def _merge_call(calls: dict[int, dict[str, Any]], piece: dict[str, Any]) -> None:
    """Adds a `delta.tool_calls` entry to the calls collected so far, by its index."""
    function = piece["function"]
    known = calls.get(piece["index"])
    if known is None:
        calls[piece["index"]] = {
            "id": piece["id"],
            "type": "function",
            "function": {"name": function["name"], "arguments": function["arguments"]},
        }
    else:
        known["function"]["arguments"] += function["arguments"]


class ChatChunks:
    """Renders the chunks of one chat stream: one id and created on all of them, the role on each choice's first."""

    def __init__(self, *, id: str, created: int, model: str, fingerprint: str, include_usage: bool) -> None:
        self._head: dict[str, Any] = {
            "id": id,
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
            "service_tier": "default",
            "system_fingerprint": fingerprint,
        }
        self._tail: dict[str, Any] = {"usage": None} if include_usage else {}
        self._started: set[int] = set()

    def render(self, delta: Delta) -> bytes:
        """The event or events of one delta. The finish reason comes in a chunk of its own, with an empty delta."""
        out = b""
        if delta.index not in self._started:
            self._started.add(delta.index)
            first = {"role": "assistant", "content": None if delta.tool_calls else "", "refusal": None}
            out = self._chunk(delta.index, first)
        body: dict[str, Any] = {}
        if delta.content:
            body["content"] = delta.content
        if delta.tool_calls:
            body["tool_calls"] = list(delta.tool_calls)
        if body or delta.logprobs:
            logprobs = None if delta.logprobs is None else {"content": list(delta.logprobs), "refusal": None}
            out += self._chunk(delta.index, body or {"content": ""}, logprobs)
        if delta.finish_reason:
            out += self._chunk(delta.index, {}, None, delta.finish_reason)
        return out

    def usage(self, used: Usage) -> bytes:
        """The last chunk of a stream with `include_usage`."""
        return event({**self._head, "choices": [], "usage": usage(used)})

    def _chunk(
        self, index: int, delta: dict[str, Any], logprobs: dict[str, Any] | None = None, reason: str | None = None
    ) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        return event({**self._head, "choices": [choice], **self._tail})


def text_completion(
    *, id: str, created: int, model: str, fingerprint: str, deltas: Iterable[TextDelta], choices: int, used: Usage
) -> dict[str, Any]:
    """A whole legacy completion from all deltas of all its choices."""
    texts: list[list[str]] = [[] for _ in range(choices)]
    logprobs: list[dict[str, Any] | None] = [None] * choices
    reasons = ["stop"] * choices
    for delta in deltas:
        at = delta.index
        texts[at].append(delta.text)
        if delta.logprobs is not None:
            known = logprobs[at]
            logprobs[at] = (
                delta.logprobs if known is None else {key: [*known[key], *delta.logprobs[key]] for key in known}
            )
        reasons[at] = delta.finish_reason or reasons[at]
    return {
        "id": id,
        "object": "text_completion",
        "created": created,
        "model": model,
        "choices": [
            {"text": "".join(texts[at]), "index": at, "logprobs": logprobs[at], "finish_reason": reasons[at]}
            for at in range(choices)
        ],
        "usage": usage(used),
        "system_fingerprint": fingerprint,
    }


class TextChunks:
    """Renders the chunks of one legacy completions stream. `finish_reason` is null until a choice's last chunk."""

    def __init__(self, *, id: str, created: int, model: str, fingerprint: str, include_usage: bool) -> None:
        self._head: dict[str, Any] = {
            "id": id,
            "object": "text_completion",
            "created": created,
            "model": model,
            "system_fingerprint": fingerprint,
        }
        self._tail: dict[str, Any] = {"usage": None} if include_usage else {}

    def render(self, delta: TextDelta) -> bytes:
        choice = {
            "text": delta.text,
            "index": delta.index,
            "logprobs": delta.logprobs,
            "finish_reason": delta.finish_reason,
        }
        return event({**self._head, "choices": [choice], **self._tail})

    def usage(self, used: Usage) -> bytes:
        """The last chunk of a stream with `include_usage`."""
        return event({**self._head, "choices": [], "usage": usage(used)})


def embeddings(vectors: Vectors, *, model: str, encoding_format: str) -> bytes:
    """The answer of POST /v1/embeddings as JSON. base64 holds the vectors as little-endian float32."""
    rows = np.ascontiguousarray(vectors.rows, dtype="<f4")
    base = encoding_format == "base64"
    data: list[Any] = [base64.b64encode(row.tobytes()).decode() for row in rows] if base else list(rows)
    return orjson.dumps(
        {
            "object": "list",
            "data": [{"object": "embedding", "index": at, "embedding": one} for at, one in enumerate(data)],
            "model": model,
            "usage": {"prompt_tokens": vectors.input_tokens, "total_tokens": vectors.input_tokens},
        },
        option=orjson.OPT_SERIALIZE_NUMPY,
    )


def moderation(judgements: Judgements, *, id: str, model: str) -> bytes:
    """The answer of POST /v1/moderations as JSON, of inputs that were texts alone."""
    results = []
    for scores in judgements.scores:
        categories = flags(scores)
        results.append(
            {
                "flagged": any(categories.values()),
                "categories": categories,
                "category_scores": scores,
                "category_applied_input_types": {name: ["text"] for name in scores},
            }
        )
    return orjson.dumps({"id": id, "model": model, "results": results})
