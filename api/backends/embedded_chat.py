"""Chat and legacy completions by a GGUF model in this process: SmolLM2-135M-Instruct, or the one at LUKHAS_CHAT_GGUF.

What the model was not taught is done around it: tools are told in the prompt and called through a grammar, JSON is held
to its schema by a grammar, each of `n` choices is a generation of its own with the seed one higher. A request has one
slot of the model, in which its choices are made one after the other.

With `tool_choice: auto` the tools that the user's last message asks for are called (`api.engines.llama_decision`); when
it asks for none, or the last message is a tool's result, the model itself may still begin a call instead of a text,
but not instead of JSON that was asked for.
An answer with calls ends with `tool_calls`, one to a function that was named by `tool_choice` with `stop`, as OpenAI's.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings

from api.backends.base import Call, Delta, TextDelta, Usage, Vectors
from api.backends.contents import prompt_of
from api.backends.embedded_plan import Plan
from api.backends.embedded_turns import asking
from api.backends.local import LocalBackend
from api.engines import llama_logprobs
from api.engines.llama import REPEAT_PENALTY, TEMPERATURE, TOP_P, Generation, LlamaEngine, Piece, Slot
from api.engines.llama_decision import ToolDecision
from api.engines.llama_tools import TEXT, Arguments, CallReader, CallStart, Text
from api.exceptions import ContextLengthExceeded, InvalidValue, UnsupportedParameter, UnsupportedValue
from api.parameters import CHAT, COMPLETIONS
from api.requests import ChatRequest, CompletionRequest, EmbeddingRequest, Sampling

UNSUPPORTED = frozenset({"audio", "function_call", "functions", "moderation", "prediction", "web_search_options"}) | {
    *("prompt_cache_options", "prompt_cache_retention", "reasoning_effort", "verbosity"),
}

_DOCUMENT_START = "<|endoftext|>"
_FREE = REPEAT_PENALTY
_CONSTRAINED = 1.0  # A penalty on what was said before makes JSON worse: its signs and its names must come again.


class EmbeddedChatBackend(LocalBackend):
    """See the module. `engine` is made from the settings when it is not given."""

    CHAT_PARAMETERS: ClassVar = CHAT - UNSUPPORTED
    CHAT_VALUES: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "modalities": (["text"],),
        "service_tier": ("auto", "default"),
        "store": (False,),
    }
    COMPLETION_PARAMETERS: ClassVar = COMPLETIONS - {"suffix"}

    def __init__(self, engine: LlamaEngine | None = None) -> None:
        self.engine = engine or LlamaEngine(
            gguf=Path(settings.LUKHAS_CHAT_GGUF) if settings.LUKHAS_CHAT_GGUF else None,
            slots=settings.LUKHAS_CHAT_SLOTS,
            threads=settings.LUKHAS_CHAT_THREADS,
            queue=settings.LUKHAS_CHAT_QUEUE,
        )
        self._decision = ToolDecision(self.engine)

    @property
    def loaded(self) -> bool:
        return self.engine.loaded

    @property
    def waiting(self) -> int:
        return self.engine.queue.waiting

    def load(self) -> None:
        self.engine.load()

    async def close(self) -> None:
        await asyncio.to_thread(self.engine.close)

    def fingerprint(self, call: Call) -> str:
        return f"fp_{self.engine.fingerprint()}"

    async def chat_deltas(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta]:
        plan = await asyncio.to_thread(Plan, request)
        await self._load()
        self._check_bias(request.sampling)
        call.usage = Usage(0)
        prompt = await asyncio.to_thread(self.engine.prompt, plan.turns)
        strict = request.body.get("max_completion_tokens") is None
        room = self._room(prompt, request.sampling.max_tokens, call, "messages", strict=strict)
        async with self.engine.slot() as slot:
            grammar, penalty = await self._grammar(slot, request, plan)
            for index in range(request.sampling.n):
                generation = _generation(request.sampling, index, prompt, room, grammar, penalty, request.top_logprobs)
                answer = _Answer(index, request, None if plan.calls is None else CallReader())
                async with aclosing(_counted(slot, generation, call, first=index == 0)) as pieces:
                    async for piece in pieces:
                        for delta in answer.read(piece):
                            yield delta

    async def completion_deltas(self, request: CompletionRequest, call: Call) -> AsyncGenerator[TextDelta]:
        if (request.body.get("best_of") or 1) > 1:
            raise UnsupportedParameter("best_of")
        if request.echo and request.logprobs is not None:
            raise UnsupportedParameter("logprobs", "Unsupported parameter: 'logprobs' cannot be combined with 'echo'.")
        await self._load()
        self._check_bias(request.sampling)
        call.usage = Usage(0)
        texts = [await asyncio.to_thread(prompt_of, request, at, call.target) for at in range(len(request.prompts))]
        prompts = [await asyncio.to_thread(self.engine.tokens, text or _DOCUMENT_START) for text in texts]
        sampling = request.sampling
        rooms = [self._room(prompt, sampling.max_tokens, call, "prompt", strict=True) for prompt in prompts]
        async with self.engine.slot() as slot:
            for index in range(len(prompts) * sampling.n):
                at, choice = divmod(index, sampling.n)
                if request.echo and texts[at]:
                    yield TextDelta(index, texts[at])
                generation = _generation(sampling, choice, prompts[at], rooms[at], None, _FREE, request.logprobs)
                offset = 0
                async with aclosing(_counted(slot, generation, call, first=choice == 0)) as pieces:
                    async for piece in pieces:
                        logprobs = None
                        if request.logprobs is not None and piece.logprobs:
                            logprobs = llama_logprobs.for_completion(piece.logprobs, request.logprobs, offset)
                            offset += sum(len(token) for token in logprobs["tokens"])
                        if piece.text or logprobs or piece.finish_reason:
                            yield TextDelta(index, piece.text, logprobs, piece.finish_reason)

    async def vectors(self, request: EmbeddingRequest, call: Call) -> Vectors:
        raise UnsupportedValue("This model makes no embeddings.", param="model")

    async def _load(self) -> None:
        if not self.engine.loaded:
            await asyncio.to_thread(self.engine.load)

    def _check_bias(self, sampling: Sampling) -> None:
        for token in sampling.logit_bias:
            if token >= self.engine.vocabulary:
                raise InvalidValue(
                    f"Invalid key in 'logit_bias': {token}. This model's token ids are those from 0 to "
                    f"{self.engine.vocabulary - 1}.",
                    param="logit_bias",
                )

    def _room(self, prompt: Sequence[int], most: int | None, call: Call, param: str, *, strict: bool) -> int:
        """How many tokens to generate at most: `most`, or what the context has left. Raises ContextLengthExceeded,
        when `strict` also where `most` does not fit."""
        limit = min(self.engine.context, call.target.context_window or self.engine.context)
        wanted = len(prompt) + (most or 0 if strict else 0)
        if wanted > limit or len(prompt) >= limit:
            raise ContextLengthExceeded(limit, wanted, param)
        left = limit - len(prompt)
        return left if most is None else min(most, left)

    async def _grammar(self, slot: Slot, request: ChatRequest, plan: Plan) -> tuple[str | None, float]:
        """The grammar of the answer, None for free text, and the penalty on repetition that suits it."""
        rules, form, calls = plan.rules, plan.form, plan.calls
        if calls is None:
            return (None, _FREE) if form is None else (rules.grammar(form), _CONSTRAINED)
        names = [tool.name for tool in plan.tools]
        choice = request.tool_choice
        question = asking(request.messages)
        if question is not None and (choice.mode == "auto" or (choice.mode == "required" and len(names) > 1)):
            asked, nearest = await self._decision.asked_for(slot, question, plan.tools)
            names = asked or ([nearest] if choice.mode == "required" else [])
        if choice.mode == "auto" and (question is None or not names):
            if form is not None:
                return rules.grammar(form), _CONSTRAINED
            called = calls.calls([tool.name for tool in plan.tools], parallel=request.parallel_tool_calls)
            return rules.grammar(f"{called} | {TEXT}"), _FREE
        parallel = request.parallel_tool_calls and choice.mode != "function"
        return rules.grammar(calls.calls(names, parallel=parallel)), _CONSTRAINED


@dataclass(slots=True)
class _Answer:
    """Turns the pieces of one choice into deltas."""

    index: int
    request: ChatRequest
    reader: CallReader | None
    held: list[dict[str, Any]] = field(default_factory=list)

    def read(self, piece: Piece) -> Iterator[Delta]:
        self.held += piece.logprobs
        if self.reader is None:
            if piece.text or self.held:
                yield self._text(piece.text)
        else:
            found = self.reader.feed(piece.text)
            for part in [*found, *(self.reader.end() if piece.finish_reason else ())]:
                yield self._text(part.text) if isinstance(part, Text) else self._call(part)
        if piece.finish_reason:
            yield Delta(self.index, finish_reason=self._reason(piece.finish_reason))

    def _text(self, text: str) -> Delta:
        top, entries = self.request.top_logprobs, self.held
        self.held = []
        return Delta(self.index, text, logprobs=None if top is None else llama_logprobs.for_chat(entries, top))

    def _call(self, part: CallStart | Arguments) -> Delta:
        self.held = []
        if isinstance(part, Arguments):
            return Delta(self.index, tool_calls=({"index": part.index, "function": {"arguments": part.text}},))
        function = {"name": part.name, "arguments": ""}
        head = {"index": part.index, "id": f"call_{secrets.token_hex(12)}", "type": "function", "function": function}
        return Delta(self.index, tool_calls=(head,))

    def _reason(self, reason: str) -> str:
        called = self.reader is not None and self.reader.calls and self.request.tool_choice.mode != "function"
        return "tool_calls" if called and reason == "stop" else reason


async def _counted(slot: Slot, generation: Generation, call: Call, *, first: bool) -> AsyncGenerator[Piece]:
    """The pieces of a generation, counted in the call's usage; the prompt's tokens with the `first` choice of it."""
    before = call.usage or Usage(0)
    prompt = len(generation.prompt) if first else 0
    call.usage = Usage(before.input_tokens + prompt, before.output_tokens, before.cached_tokens)
    async with aclosing(slot.generate(generation)) as pieces:
        async for piece in pieces:
            call.usage = Usage(
                before.input_tokens + prompt,
                before.output_tokens + piece.generated,
                before.cached_tokens + (piece.cached if first else 0),
            )
            yield piece


def _generation(
    sampling: Sampling,
    choice: int,
    prompt: Sequence[int],
    room: int,
    grammar: str | None,
    penalty: float,
    logprobs: int | None,
) -> Generation:
    return Generation(
        prompt,
        room,
        temperature=TEMPERATURE if sampling.temperature is None else sampling.temperature,
        top_p=TOP_P if sampling.top_p is None else sampling.top_p,
        repeat_penalty=penalty,
        presence_penalty=sampling.presence_penalty or 0.0,
        frequency_penalty=sampling.frequency_penalty or 0.0,
        seed=None if sampling.seed is None else sampling.seed + choice,
        stop=sampling.stop,
        logit_bias=sampling.logit_bias,
        grammar=grammar,
        logprobs=logprobs,
    )
