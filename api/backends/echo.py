"""The echo backend: answers with what it was told. Deterministic, and honours every parameter, so that clients,
limits and books can be tried without a model. A real backend: it passes the same contract tests as the others.

What it does: chat answers with the text of the last message, completions with their prompt. Tokens are those of the
target's encoding, which is also the vocabulary of `logit_bias`: a bias of -100 silences a token. A schema is answered
with a small value that satisfies it. With `tool_choice: auto` it calls the tools whose names the last message holds.
It flags a text for the categories whose names the text holds.
An answer has at most 65,536 tokens, shared out among its choices.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import orjson
from numpy.typing import NDArray

from api.backends.base import Call, Delta, Judgements, TextDelta, Vectors
from api.backends.contents import prompt_of, text_of
from api.backends.echo_voice import MOST_TOKENS, Line, Voice
from api.backends.local import LocalBackend
from api.embedding_inputs import TokenisedInputs
from api.engines.instances import Unsatisfiable, satisfying
from api.engines.moderation import CATEGORIES
from api.exceptions import InvalidRequest, InvalidValue, UnsupportedParameter
from api.parameters import CHAT, COMPLETIONS, EMBEDDINGS
from api.requests import ChatRequest, CompletionRequest, EmbeddingRequest, JSONObject, ModerationRequest, Tool

UNSUPPORTED = frozenset({"audio", "function_call", "functions", "moderation", "prediction", "web_search_options"})
DIMENSIONS = 64
MOST_DIMENSIONS = 1_024


@dataclass(frozen=True, slots=True)
class _Calling:
    """A tool to call, and the JSON of its arguments."""

    tool: Tool
    arguments: Line
    digest: str


class EchoBackend(LocalBackend):
    """See the module. LUKHAS_ECHO_CHUNK_SECONDS makes it wait before each token, as a model would."""

    CHAT_PARAMETERS: ClassVar = CHAT - UNSUPPORTED
    CHAT_VALUES: ClassVar[Mapping[str, tuple[Any, ...]]] = {"modalities": (["text"],), "store": (False,)}
    COMPLETION_PARAMETERS: ClassVar = COMPLETIONS - {"suffix"}
    EMBEDDING_PARAMETERS: ClassVar = EMBEDDINGS

    def fingerprint(self, call: Call) -> str:
        return "fp_echo"

    async def chat_deltas(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta]:
        texts = [text_of(message, f"messages[{at}]") for at, message in enumerate(request.messages)]
        voice = Voice(call, request.sampling, request.sampling.n)
        await voice.read("messages", texts)
        called = _called(request, texts[-1])
        try:
            if called:
                callings = await _callings(request, called, texts[-1], voice)
                for index in range(request.sampling.n):
                    async for delta in _calls(request, callings, voice, index):
                        yield delta
                return
            line = await voice.line(await _answer(request, texts[-1]))
            for index in range(request.sampling.n):
                async for text, token, reason in voice.say(line):
                    yield Delta(index, text, logprobs=_logprob(token, request.top_logprobs), finish_reason=reason)
        finally:
            call.usage = voice.usage

    async def completion_deltas(self, request: CompletionRequest, call: Call) -> AsyncGenerator[TextDelta]:
        if (request.body.get("best_of") or 1) > 1:
            raise UnsupportedParameter("best_of")
        if request.echo and request.logprobs is not None:
            raise UnsupportedParameter("logprobs", "Unsupported parameter: 'logprobs' cannot be combined with 'echo'.")
        each = request.sampling.n
        voice = Voice(call, request.sampling, len(request.prompts) * each)
        prompts = [prompt_of(request, at, call.target) for at in range(len(request.prompts))]
        counts = await voice.read("prompt", prompts)
        if request.echo and sum(counts) * each > MOST_TOKENS:
            raise InvalidValue(
                f"Invalid 'echo': the prompts of all choices have {sum(counts) * each} tokens; this model's answers "
                f"have at most {MOST_TOKENS}.",
                param="echo",
            )
        try:
            for at, prompt in enumerate(prompts):
                line = await voice.line(prompt)
                for index in range(at * each, at * each + each):
                    if request.echo:
                        yield TextDelta(index, prompt)
                    offset = 0
                    async for text, token, reason in voice.say(line):
                        yield TextDelta(index, text, _text_logprob(token, request.logprobs, offset), reason)
                        offset += len(text)
        finally:
            call.usage = voice.usage

    async def vectors(self, request: EmbeddingRequest, call: Call) -> Vectors:
        """Unit vectors that depend on nothing but the text: equal texts are equal, others are not alike."""
        dimensions = request.dimensions or DIMENSIONS
        if dimensions > MOST_DIMENSIONS:
            raise InvalidRequest(
                f"Invalid 'dimensions': integer above maximum value. Expected a value <= {MOST_DIMENSIONS}, but got "
                f"{dimensions} instead.",
                param="dimensions",
                code="integer_above_max_value",
            )
        inputs = await TokenisedInputs.of(request, call.target)
        return Vectors(await asyncio.to_thread(_rows, inputs.texts, dimensions), inputs.tokens)

    async def judgements(self, request: ModerationRequest, call: Call) -> Judgements:
        inputs = await TokenisedInputs.counted([text for texts in request.inputs for text in texts], call.target)
        named = [{name: float(any(name in text for text in texts)) for name in CATEGORIES} for texts in request.inputs]
        return Judgements(named, inputs.tokens)


async def _answer(request: ChatRequest, text: str) -> str:
    """The text itself, or a JSON value that holds it where JSON is asked for."""
    form = request.response_format
    if form.type == "json_object":
        return orjson.dumps({"echo": text}).decode()
    if form.type == "json_schema":
        what = f"response_format '{form.name}'"
        return await _satisfying(form.schema or {}, text, what, "response_format.json_schema.schema")
    return text


async def _satisfying(schema: JSONObject, text: str, what: str, param: str) -> str:
    """The JSON of a value that satisfies the schema, which may be hostile: never on the event loop."""
    try:
        return orjson.dumps(await asyncio.to_thread(satisfying, schema, text)).decode()
    except Unsatisfiable as error:
        raise InvalidValue(f"Invalid schema for {what}: {error}", param=param) from error


def _called(request: ChatRequest, text: str) -> list[tuple[int, Tool]]:
    """The tools to call and their places in the request: the one asked for by name, by `required` those that the text
    names or else the first, by `auto` those that the text names."""
    choice = request.tool_choice
    tools = [] if choice.mode == "none" else list(enumerate(request.tools))
    if choice.mode == "function":
        return [(at, tool) for at, tool in tools if tool.name == choice.name][:1]
    answered = request.messages[-1]["role"] == "tool"
    named = [(at, tool) for at, tool in tools if tool.name in text and not answered]
    if choice.mode == "required":
        named = named or tools[:1]
    return named if request.parallel_tool_calls else named[:1]


async def _callings(
    request: ChatRequest, called: Sequence[tuple[int, Tool]], text: str, voice: Voice
) -> list[_Calling]:
    """What is called, as far as a choice's tokens reach."""
    callings: list[_Calling] = []
    left = voice.most
    for at, tool in called:
        schema = {"type": "object", **tool.parameters}
        what, param = f"function '{tool.name}'", f"tools[{at}].function.parameters"
        if schema["type"] != "object":
            raise InvalidValue(f"Invalid schema for {what}: its 'type' must be 'object'.", param=param)
        line = await voice.line(await _satisfying(schema, text, what, param), most=left, verbatim=True)
        callings.append(_Calling(tool, line, hashlib.sha256(f"{at}.{tool.name}.{text}".encode()).hexdigest()))
        left -= len(line.tokens)
        if line.reason == "length":
            break
    return callings


async def _calls(request: ChatRequest, callings: Sequence[_Calling], voice: Voice, index: int) -> AsyncGenerator[Delta]:
    for at, calling in enumerate(callings):
        identity = hashlib.sha256(f"{calling.digest}.{index}".encode()).hexdigest()[:24]
        function = {"name": calling.tool.name, "arguments": ""}
        yield Delta(
            index, tool_calls=({"index": at, "id": f"call_{identity}", "type": "function", "function": function},)
        )
        async for text, _, _ in voice.say(calling.arguments):
            yield Delta(index, tool_calls=({"index": at, "function": {"arguments": text}},))
    done = "stop" if request.tool_choice.name else "tool_calls"
    yield Delta(index, finish_reason="length" if callings[-1].arguments.reason == "length" else done)


def _logprob(token: bytes, top: int | None) -> tuple[dict[str, Any], ...] | None:
    """The echo is certain: every token's log probability is 0."""
    if top is None or not token:
        return None
    entry = {"token": token.decode("utf-8", "replace"), "logprob": 0.0, "bytes": list(token)}
    return ({**entry, "top_logprobs": [entry] if top else []},)


def _text_logprob(token: bytes, top: int | None, offset: int) -> dict[str, Any] | None:
    if top is None or not token:
        return None
    text = token.decode("utf-8", "replace")
    return {
        "tokens": [text],
        "token_logprobs": [0.0],
        "top_logprobs": [{text: 0.0} if top else {}],
        "text_offset": [offset],
    }


def _rows(texts: Sequence[str], dimensions: int) -> NDArray[np.float32]:
    return np.stack([_row(text, dimensions) for text in texts])


def _row(text: str, dimensions: int) -> NDArray[np.float32]:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    row = np.random.default_rng(seed).standard_normal(dimensions).astype(np.float32)
    return row / np.linalg.norm(row)
