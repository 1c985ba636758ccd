"""The echo backend: answers with what it was told. Deterministic, and honours every parameter, so that clients,
limits and books can be tried without a model. A real backend: it passes the same contract tests as the others.

What it does: chat answers with the text of the last message, completions with their prompt. Tokens are those of the
target's encoding, which is also the vocabulary of `logit_bias`: a bias of -100 silences a token. A schema is answered
with a small value that satisfies it. With `tool_choice: auto` it calls the tools whose names the last message holds.
"""

import asyncio
import codecs
import hashlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any, ClassVar

import jsonschema
import numpy as np
import orjson
from django.conf import settings

from api.backends.base import Call, Delta, TextDelta, Usage, Vectors
from api.backends.contents import text_of
from api.backends.local import LocalBackend
from api.embedding_inputs import TokenisedInputs
from api.engines import encodings
from api.engines.instances import Unsatisfiable, instance
from api.exceptions import ContextLengthExceeded, InvalidRequest, InvalidValue, UnsupportedParameter
from api.parameters import CHAT, COMPLETIONS, EMBEDDINGS
from api.requests import ChatRequest, CompletionRequest, EmbeddingRequest, Sampling, Tool

UNSUPPORTED = frozenset({"audio", "function_call", "functions", "moderation", "prediction", "web_search_options"})
SILENT = -100
DIMENSIONS = 64


class EchoBackend(LocalBackend):
    """See the module. LUKHAS_ECHO_CHUNK_SECONDS makes it wait before each token, as a model would."""

    CHAT_PARAMETERS: ClassVar = CHAT - UNSUPPORTED
    COMPLETION_PARAMETERS: ClassVar = COMPLETIONS - {"suffix"}
    EMBEDDING_PARAMETERS: ClassVar = EMBEDDINGS

    def fingerprint(self, call: Call) -> str:
        return "fp_echo"

    async def chat_deltas(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta]:
        texts = [text_of(message, f"messages[{at}]") for at, message in enumerate(request.messages)]
        voice = _Voice(call, request.sampling)
        voice.read("messages", texts)
        try:
            for index in range(request.sampling.n):
                called = _called(request, texts[-1])
                if called:
                    for delta in _calls(request, called, texts[-1], index):
                        call.usage = voice.count(delta.tool_calls[0]["function"]["arguments"])
                        yield delta
                    yield Delta(index, finish_reason="stop" if request.tool_choice.name else "tool_calls")
                    continue
                async for text, token, reason in voice.say(_answer(request, texts[-1])):
                    entry = _logprob(token, request.top_logprobs)
                    yield Delta(index, text, logprobs=entry, finish_reason=reason)
        finally:
            call.usage = voice.usage

    async def completion_deltas(self, request: CompletionRequest, call: Call) -> AsyncGenerator[TextDelta]:
        if (request.body.get("best_of") or 1) > 1:
            raise UnsupportedParameter("best_of")
        if request.echo and request.logprobs is not None:
            raise UnsupportedParameter("logprobs", "Unsupported parameter: 'logprobs' cannot be combined with 'echo'.")
        prompts = [_text(prompt, call, "prompt") for prompt in request.prompts]
        voice = _Voice(call, request.sampling)
        voice.read("prompt", prompts)
        try:
            for index in range(len(prompts) * request.sampling.n):
                prompt = prompts[index // request.sampling.n]
                if request.echo:
                    yield TextDelta(index, prompt)
                offset = 0
                async for text, token, reason in voice.say(prompt):
                    yield TextDelta(index, text, _text_logprob(token, request.logprobs, offset), reason)
                    offset += len(text)
        finally:
            call.usage = voice.usage

    async def vectors(self, request: EmbeddingRequest, call: Call) -> Vectors:
        """Unit vectors that depend on nothing but the text: equal texts are equal, others are not alike."""
        inputs = TokenisedInputs.of(request, call.target)
        rows = np.stack([_vector(text, request.dimensions or DIMENSIONS) for text in inputs.texts])
        return Vectors(rows, inputs.tokens)


class _Voice:
    """Turns texts into tokens within the limits of a request, and counts them."""

    def __init__(self, call: Call, sampling: Sampling) -> None:
        self.window = call.target.context_window
        self.encoding = encodings.encoding(call.target.encoding)
        self.sampling = sampling
        self.silenced = {token for token, bias in sampling.logit_bias.items() if bias <= SILENT}
        for token in sampling.logit_bias:
            if token >= self.encoding.n_vocab:
                raise InvalidValue(f"Invalid 'logit_bias': {token} is not a token id.", param="logit_bias")
        self.usage = Usage(0)

    def read(self, param: str, texts: Sequence[str]) -> None:
        """Counts the prompt; raises `ContextLengthExceeded` where it does not fit with what is to be generated."""
        counts = [len(self.encoding.encode_ordinary(text)) for text in texts]
        used = sum(counts) if param == "messages" else max(counts)
        wanted = used + (self.sampling.max_tokens or 0)
        if self.window is not None and wanted > self.window:
            raise ContextLengthExceeded(self.window, wanted, param)
        self.usage = Usage(sum(counts))

    def count(self, text: str) -> Usage:
        """Adds a text that is said as a whole."""
        said = len(self.encoding.encode_ordinary(text))
        self.usage = Usage(self.usage.input_tokens, self.usage.output_tokens + said)
        return self.usage

    async def say(self, text: str) -> AsyncGenerator[tuple[str, bytes, str | None]]:
        """Yields text, bytes and finish reason, token by token; the last item ends the choice and is empty."""
        ends = [at for at in (text.find(stop) for stop in self.sampling.stop) if at >= 0]
        tokens = self.encoding.encode_ordinary(text[: min(ends)] if ends else text)
        tokens = [token for token in tokens if token not in self.silenced] if self.silenced else tokens
        most = self.sampling.max_tokens
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        for token in tokens[:most]:
            if settings.LUKHAS_ECHO_CHUNK_SECONDS:
                await asyncio.sleep(settings.LUKHAS_ECHO_CHUNK_SECONDS)
            raw = self.encoding.decode_single_token_bytes(token)
            self.usage = Usage(self.usage.input_tokens, self.usage.output_tokens + 1)
            yield decoder.decode(raw), raw, None
        yield decoder.decode(b"", final=True), b"", "length" if most is not None and len(tokens) > most else "stop"


def _text(prompt: str | tuple[int, ...], call: Call, param: str) -> str:
    if isinstance(prompt, str):
        return prompt
    try:
        return encodings.decode(call.target.encoding, prompt)
    except ValueError as error:
        raise InvalidValue(f"Invalid '{param}': {error}", param=param) from error


def _answer(request: ChatRequest, text: str) -> str:
    """The text itself, or a JSON value that holds it where JSON is asked for."""
    form = request.response_format
    if form.type == "json_object":
        return orjson.dumps({"echo": text}).decode()
    if form.type == "json_schema":
        return orjson.dumps(_satisfying(form.schema or {}, text, "response_format.json_schema.schema")).decode()
    return text


def _satisfying(schema: Any, text: str, param: str) -> Any:
    try:
        value = instance(schema, text)
        jsonschema.validate(value, schema)
    except (Unsatisfiable, jsonschema.ValidationError, jsonschema.SchemaError) as error:
        raise InvalidRequest(
            f"Invalid schema for '{param}': {str(error).splitlines()[0]}", param=param, code="invalid_value"
        ) from error
    return value


def _called(request: ChatRequest, text: str) -> list[Tool]:
    """The tools to call: those asked for by name, by `required` the first, by `auto` those that the text names."""
    choice = request.tool_choice
    if choice.mode == "none":
        return []
    if choice.mode == "function":
        return [tool for tool in request.tools if tool.name == choice.name]
    named = [tool for tool in request.tools if tool.name in text and request.messages[-1]["role"] != "tool"]
    if choice.mode == "required":
        named = named or [request.tools[0]]
    return named if request.parallel_tool_calls else named[:1]


def _calls(request: ChatRequest, tools: Sequence[Tool], text: str, index: int) -> Iterator[Delta]:
    for at, tool in enumerate(tools):
        arguments = _satisfying(tool.parameters or {"type": "object"}, text, f"tools[{request.tools.index(tool)}]")
        name = hashlib.sha256(f"{index}.{at}.{tool.name}.{text}".encode()).hexdigest()[:24]
        function = {"name": tool.name, "arguments": orjson.dumps(arguments).decode()}
        yield Delta(index, tool_calls=({"index": at, "id": f"call_{name}", "type": "function", "function": function},))


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


def _vector(text: str, dimensions: int) -> Any:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    row = np.random.default_rng(seed).standard_normal(dimensions).astype(np.float32)
    return row / np.linalg.norm(row)
