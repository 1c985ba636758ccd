"""What the tests of the upstream backend share: targets, requests and calls."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from api.backends.base import Call
from api.catalog import Target
from api.exceptions import APIError
from api.requests import ChatRequest, CompletionRequest, EmbeddingRequest
from tests.mock_upstream import MODEL, MockUpstream


def call_to(mock: MockUpstream | str, **fields: Any) -> Call:
    """A call whose target is the mock, or whatever stands at an address."""
    base_url = mock if isinstance(mock, str) else mock.url
    known = {"model": "catalog-model", "upstream": "mock", "kind": "openai", "upstream_model": MODEL}
    return Call(Target(**{**known, "base_url": base_url, **fields}))


def chat_request(**body: Any) -> ChatRequest:
    """As the chat serializer would make it of this body."""
    full = {"model": "asked-for", "messages": [{"role": "user", "content": "Hi"}], **body}
    return ChatRequest(
        model="asked-for",
        messages=tuple(full["messages"]),
        body=full,
        stream=bool(full.get("stream")),
        include_usage=bool((full.get("stream_options") or {}).get("include_usage")),
    )


def completion_request(**body: Any) -> CompletionRequest:
    """As the completions serializer would make it of this body."""
    full = {"model": "asked-for", "prompt": "Hi", **body}
    return CompletionRequest(
        model="asked-for",
        prompts=("Hi",),
        body=full,
        stream=bool(full.get("stream")),
        include_usage=bool((full.get("stream_options") or {}).get("include_usage")),
    )


def embedding_request(**body: Any) -> EmbeddingRequest:
    """As the embeddings serializer would make it of this body."""
    return EmbeddingRequest(model="asked-for", inputs=("Hi",), body={"model": "asked-for", "input": ["Hi"], **body})


def events_of(*pieces: bytes) -> list[bytes]:
    """The events that a backend gave in these pieces, which hold whole ones only."""
    assert all(piece.endswith(b"\n\n") for piece in pieces)
    return [event + b"\n\n" for piece in pieces for event in piece.split(b"\n\n")[:-1]]


async def until_wrong(pieces: AsyncGenerator[bytes]) -> tuple[list[bytes], APIError]:
    """The events of a stream, and what came instead of the next one."""
    came: list[bytes] = []

    async def listen() -> None:
        async for piece in pieces:
            came.extend(events_of(piece))

    with pytest.raises(APIError) as caught:
        await listen()
    return came, caught.value
