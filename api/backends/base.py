"""The contract of a backend, and the template that local ones fill in.

A `Backend` answers a validated request with bytes ready for the wire; the views only pass them on. There are two
families. `api.backends.upstream` forwards another server's bytes. `LocalBackend` is for models that run here: a
subclass yields deltas, and the template renders them, whole or as a stream, so that both forms come from one path.

How to add one: docs/backends.md.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.catalog import Target
from api.requests import ChatRequest, CompletionRequest, EmbeddingRequest, ModerationRequest, Rollout


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens used by one request, all choices together. Cached ones are part of the input, reasoning ones of the
    output."""

    input_tokens: int
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a deployment did not answer, where that is not the caller's fault. `again` says that the same may be asked
    again, after so many seconds if it said so; `broken` that it does not work, and not only had no time."""

    again: bool = False
    broken: bool = True
    after: float | None = None


@dataclass(slots=True)
class Call:
    """A request's attempts to be answered: the deployment that is asked, and what became known while it answered.

    The one mutable object a backend gets. `usage` is set as soon as it is known, at the latest when the answer or
    the stream ends; `finish_reasons` likewise, one per choice. `rollout` tells of the flag that chose the model, where
    the caller asked for an alias that is rolled out. `attempts` is how often a model was asked: where the backend
    refuses by itself, never, and then nothing is recorded. `failure` is set along with an exception that is not the
    caller's fault.
    """

    target: Target
    usage: Usage | None = None
    response_id: str | None = None
    upstream_request_id: str | None = None
    finish_reasons: tuple[str, ...] = ()
    rollout: Rollout | None = None
    attempts: int = 0
    failure: Failure | None = None

    def turn_to(self, target: Target) -> None:
        """Forgets what the attempt before made known, but how many there were."""
        self.target, self.failure = target, None
        self.usage, self.response_id, self.upstream_request_id, self.finish_reasons = None, None, None, ()


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of one choice of a chat answer. `logprobs` holds entries of OpenAI's `logprobs.content`; `tool_calls`
    entries of OpenAI's `delta.tool_calls` (index, id, type, function). `finish_reason` is set on the last piece."""

    index: int
    content: str | None = None
    tool_calls: tuple[dict[str, Any], ...] = ()
    logprobs: tuple[dict[str, Any], ...] | None = None
    finish_reason: str | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of one choice of a legacy completion. `logprobs` has OpenAI's completions shape: tokens,
    token_logprobs, top_logprobs, text_offset (offsets counted from the start of this choice's text)."""

    index: int
    text: str = ""
    logprobs: dict[str, Any] | None = None
    finish_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Vectors:
    """Embeddings in the order of the inputs: float32, one row an input, each of unit length; and tokens used."""

    rows: NDArray[np.float32]
    input_tokens: int


@dataclass(frozen=True, slots=True)
class Judgements:
    """The scores of each input by category, from 0 to 1, in the order of the inputs; and tokens used."""

    scores: list[dict[str, float]]
    input_tokens: int


class Backend(ABC):
    """Answers validated requests. Every method raises the exceptions of `api.errors` for what goes wrong.

    `chat`, `complete`, `embed` and `moderate` return the JSON body of the answer. `stream_chat` and `stream_complete`
    yield whole server-sent events (`data: …\\n\\n`), one or several at a time, and at last `data: [DONE]\\n\\n` by
    itself. A failure before the first event is raised when the first event is asked for, so that it can still become a
    status. Cancelling the task, or closing the generator, frees the model at once.
    """

    @property
    def loaded(self) -> bool:
        """Whether it can answer without loading something first."""
        return True

    @property
    def waiting(self) -> int:
        """How many requests, or pieces of them, wait for a model that is busy."""
        return 0

    def load(self) -> None:  # noqa: B027 - most backends have nothing to load
        """Loads what it needs, blocking; at once when it is there already. May be called from any thread."""

    async def close(self) -> None:  # noqa: B027 - most backends hold nothing open
        """Gives back what it holds; called once, when the server stops."""

    @abstractmethod
    async def chat(self, request: ChatRequest, call: Call) -> bytes: ...

    @abstractmethod
    def stream_chat(self, request: ChatRequest, call: Call) -> AsyncGenerator[bytes]: ...

    @abstractmethod
    async def complete(self, request: CompletionRequest, call: Call) -> bytes: ...

    @abstractmethod
    def stream_complete(self, request: CompletionRequest, call: Call) -> AsyncGenerator[bytes]: ...

    @abstractmethod
    async def embed(self, request: EmbeddingRequest, call: Call) -> bytes: ...

    @abstractmethod
    async def moderate(self, request: ModerationRequest, call: Call) -> bytes: ...
