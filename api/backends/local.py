"""The template of backends whose models run in this process: a subclass yields deltas, this renders them."""

import time
from abc import abstractmethod
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from typing import Any, ClassVar

import orjson

from api import rendering
from api.backends.base import Backend, Call, Delta, Judgements, TextDelta, Usage, Vectors
from api.exceptions import InvalidValue, UnknownParameter, UnsupportedParameter, UnsupportedValue
from api.parameters import CHAT, COMPLETIONS, EMBEDDINGS, MODERATIONS
from api.requests import ChatRequest, CompletionRequest, EmbeddingRequest, JSONObject, ModerationRequest

MOST_CHOICES = 2_048
"""Choices of one legacy completion: each prompt has `n` of them."""


class LocalBackend(Backend):
    """Fills in the whole contract from four small steps: which parameters are honoured, chat deltas, completion
    deltas and vectors.

    A parameter of OpenAI's specification that is not in the backend's set is refused as `unsupported_parameter`,
    one that is not in the specification as `unknown_parameter`; null counts as absent. `CHAT_VALUES` names those
    that are honoured with some values only. Tools that are not functions are refused.
    """

    CHAT_PARAMETERS: ClassVar[frozenset[str]] = frozenset()
    CHAT_VALUES: ClassVar[Mapping[str, tuple[Any, ...]]] = {}
    COMPLETION_PARAMETERS: ClassVar[frozenset[str]] = frozenset()
    EMBEDDING_PARAMETERS: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def fingerprint(self, call: Call) -> str:
        """`system_fingerprint`: changes when the same request and seed may be answered differently."""

    @abstractmethod
    def chat_deltas(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta]:
        """Yields the pieces of every choice, then ends; sets `call.usage` at the latest when it ends or is closed."""

    @abstractmethod
    def completion_deltas(self, request: CompletionRequest, call: Call) -> AsyncGenerator[TextDelta]:
        """As `chat_deltas`, for legacy completions."""

    @abstractmethod
    async def vectors(self, request: EmbeddingRequest, call: Call) -> Vectors:
        """The embeddings of all inputs, in their order."""

    async def judgements(self, request: ModerationRequest, call: Call) -> Judgements:
        """The scores of all inputs, in their order. Refused here: most models judge nothing."""
        raise UnsupportedValue("This model does not moderate.", param="model")

    async def chat(self, request: ChatRequest, call: Call) -> bytes:
        self._refuse_chat(request.body)
        call.attempts += 1
        head = self._head("chatcmpl", call)
        deltas = [delta async for delta in self.chat_deltas(request, call)]
        call.finish_reasons = _finish_reasons(deltas)
        return orjson.dumps(
            rendering.chat_completion(**head, deltas=deltas, choices=request.sampling.n, used=_known(call))
        )

    async def stream_chat(self, request: ChatRequest, call: Call) -> AsyncGenerator[bytes]:
        self._refuse_chat(request.body)
        call.attempts += 1
        chunks = rendering.ChatChunks(**self._head("chatcmpl", call), include_usage=request.include_usage)
        async with aclosing(self.chat_deltas(request, call)) as deltas:
            async for delta in deltas:
                call.finish_reasons += _finish_reasons([delta])
                yield chunks.render(delta)
        if request.include_usage:
            yield chunks.usage(_known(call))
        yield rendering.DONE

    async def complete(self, request: CompletionRequest, call: Call) -> bytes:
        self._refuse_completion(request)
        call.attempts += 1
        head = self._head("cmpl", call)
        deltas = [delta async for delta in self.completion_deltas(request, call)]
        call.finish_reasons = _finish_reasons(deltas)
        choices = len(request.prompts) * request.sampling.n
        return orjson.dumps(rendering.text_completion(**head, deltas=deltas, choices=choices, used=_known(call)))

    async def stream_complete(self, request: CompletionRequest, call: Call) -> AsyncGenerator[bytes]:
        self._refuse_completion(request)
        call.attempts += 1
        chunks = rendering.TextChunks(**self._head("cmpl", call), include_usage=request.include_usage)
        async with aclosing(self.completion_deltas(request, call)) as deltas:
            async for delta in deltas:
                call.finish_reasons += _finish_reasons([delta])
                yield chunks.render(delta)
        if request.include_usage:
            yield chunks.usage(_known(call))
        yield rendering.DONE

    async def embed(self, request: EmbeddingRequest, call: Call) -> bytes:
        refuse_others(request.body, EMBEDDINGS, self.EMBEDDING_PARAMETERS)
        call.attempts += 1
        vectors = await self.vectors(request, call)
        call.usage = Usage(vectors.input_tokens)
        return rendering.embeddings(vectors, model=call.target.model, encoding_format=request.encoding_format)

    async def moderate(self, request: ModerationRequest, call: Call) -> bytes:
        refuse_others(request.body, MODERATIONS, MODERATIONS)
        if request.images:
            raise UnsupportedValue(
                "Unsupported value: 'image_url' is not supported with this model. Supported values are: 'text'.",
                param=f"{request.images[0]}.type",
            )
        call.attempts += 1
        judgements = await self.judgements(request, call)
        call.usage = Usage(judgements.input_tokens)
        call.response_id = rendering.new_id("modr")
        return rendering.moderation(judgements, id=call.response_id, model=call.target.model)

    def _refuse_chat(self, body: JSONObject) -> None:
        refuse_others(body, CHAT, self.CHAT_PARAMETERS)
        refuse_values(body, self.CHAT_VALUES)
        refuse_other_tools(body)

    def _refuse_completion(self, request: CompletionRequest) -> None:
        refuse_others(request.body, COMPLETIONS, self.COMPLETION_PARAMETERS)
        if len(request.prompts) * request.sampling.n > MOST_CHOICES:
            raise InvalidValue(
                f"Invalid 'n': {request.sampling.n} choices for each of {len(request.prompts)} prompts are more than "
                f"{MOST_CHOICES}.",
                param="n",
            )

    def _head(self, prefix: str, call: Call) -> dict[str, Any]:
        call.response_id = rendering.new_id(prefix)
        return {
            "id": call.response_id,
            "created": int(time.time()),
            "model": call.target.model,
            "fingerprint": self.fingerprint(call),
        }


def refuse_others(body: JSONObject, known: frozenset[str], honoured: frozenset[str]) -> None:
    """Raises `UnknownParameter` or `UnsupportedParameter` for the first parameter that is not honoured."""
    for name, value in body.items():
        if name in honoured or (value is None and name in known):
            continue
        raise UnsupportedParameter(name) if name in known else UnknownParameter(name)


def refuse_values(body: JSONObject, honoured: Mapping[str, tuple[Any, ...]]) -> None:
    """Raises `UnsupportedValue` for a parameter whose value is none of those that are honoured."""
    for name, values in honoured.items():
        if body.get(name) is not None and body[name] not in values:
            shown = " and ".join(orjson.dumps(value).decode() for value in values)
            raise UnsupportedValue(
                f"Unsupported value: '{name}' does not support this value with this model. Supported values are: "
                f"{shown}.",
                param=name,
            )


def refuse_other_tools(body: JSONObject) -> None:
    """Raises `UnsupportedValue` for a tool, or a choice of tools, that the specification has but no model here: custom
    tools and lists of allowed ones."""
    choice = body.get("tool_choice")
    named = [(f"tools[{at}].type", tool["type"]) for at, tool in enumerate(body.get("tools") or ())]
    if isinstance(choice, dict):
        named.append(("tool_choice.type", choice["type"]))
    for param, kind in named:
        if kind != "function":
            raise UnsupportedValue(
                f"Unsupported value: '{kind}' is not supported with this model. Supported values are: 'function'.",
                param=param,
            )


def _finish_reasons(deltas: Iterable[Delta | TextDelta]) -> tuple[str, ...]:
    return tuple(delta.finish_reason for delta in deltas if delta.finish_reason)


def _known(call: Call) -> Usage:
    """The usage that the backend's generator has set by its end, as its contract says."""
    if call.usage is None:
        raise RuntimeError("the backend ended without saying what it used")
    return call.usage
