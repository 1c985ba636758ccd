"""Text generation by a GGUF model in this process: loaded on first use, with a bounded queue and prompt hang-up.

`LlamaEngine.slot()` waits for one of the model's slots; a `Slot` generates, token by token, as often as it is asked.
Each generation runs on a thread of its own, whatever event loop its caller lives on. When the caller closes the
generator or is cancelled, the thread stops at the model's next token (while it reads a prompt: after the next 64 of
its tokens), and only then is the slot free for the next caller. Pure: no Django.
"""

import asyncio
import atexit
import contextlib
import hashlib
import logging
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from api.engines.llama_queue import Lease, SlotQueue
from api.engines.llama_server import LlamaFailure, LlamaServer, packaged_gguf

TEMPERATURE = 0.2
TOP_P = 0.9
REPEAT_PENALTY = 1.1
"""Of the defaults, with these a model of 135 million parameters does not run in circles."""
TOP_K = 40

_UNSEEDED = 2**32 - 1  # What llama.cpp takes for "no seed".
_CHARACTERS_PER_TOKEN = 32
_CLOSING_SECONDS = 10.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Generation:
    """What to generate: tokens after the tokens of `prompt`, which together fit into the engine's context.

    `grammar` is a GBNF grammar that the text must satisfy. `logprobs` is how many alternatives to tell for each
    token, None for no log probabilities at all. `logit_bias` is by token id of the model's own vocabulary.
    """

    prompt: Sequence[int]
    max_tokens: int
    temperature: float = TEMPERATURE
    top_p: float = TOP_P
    repeat_penalty: float = REPEAT_PENALTY
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int | None = None
    stop: Sequence[str] = ()
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    grammar: str | None = None
    logprobs: int | None = None

    def body(self) -> dict[str, Any]:
        """The request as llama.cpp's server wants it. Any integer is a seed; the same one repeats the same text."""
        return {
            "prompt": list(self.prompt),
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "top_k": TOP_K,
            "min_p": 0.0,
            "repeat_penalty": self.repeat_penalty,
            "presence_penalty": self.presence_penalty,
            "frequency_penalty": self.frequency_penalty,
            "seed": _UNSEEDED if self.seed is None else self.seed % _UNSEEDED,
            "stop": list(self.stop),
            "logit_bias": [[token, bias] for token, bias in self.logit_bias.items()],
            "stream": True,
            "stream_options": {"include_usage": True},
            "timings_per_token": True,
            "return_progress": True,
            **({} if self.grammar is None else {"grammar": self.grammar}),
            **({} if self.logprobs is None else {"logprobs": max(self.logprobs, 1)}),
        }


@dataclass(frozen=True, slots=True)
class Piece:
    """What one token added: text (empty while a character or a possible stop string is incomplete), the entries of
    its log probabilities as llama.cpp gives them, and how many tokens were generated so far. The last piece has no
    text, and says whether the model came to its end (`stop`) or to a limit (`length`)."""

    text: str
    generated: int
    cached: int = 0
    logprobs: tuple[dict[str, Any], ...] = ()
    finish_reason: str | None = None


class LlamaEngine:
    """One model. `gguf` is None for the packaged one; `slots` generations run at once, each with a window of `context`
    tokens, and `queue` more calls may wait. Nothing is read, bound or started before `load`."""

    def __init__(
        self, *, gguf: Path | None = None, slots: int = 4, context: int = 2_048, threads: int = 1, queue: int = 64
    ) -> None:
        self._gguf = gguf
        self._slots = slots
        self._context = context
        self._threads = threads
        self.queue = SlotQueue(slots, queue)
        self._lock = threading.Lock()
        self._server: LlamaServer | None = None
        self._closing = threading.Event()
        self._working: set[threading.Thread] = set()

    @property
    def loaded(self) -> bool:
        """Whether the weights are in memory."""
        return self._server is not None

    def load(self) -> None:
        """Reads the weights, blocking, 0.8 s for the packaged ones; at once when that is done. From any thread.

        Raises WeightsMissing, FileNotFoundError, or LlamaFailure for a file that is no model.
        """
        with self._lock:
            if self._server is not None:
                return
            gguf = self._gguf or packaged_gguf()
            if not gguf.is_file():
                raise FileNotFoundError(f"There is no model at {gguf}.")
            self._closing.clear()
            self._server = LlamaServer(gguf, slots=self._slots, context=self._context, threads=self._threads)
            atexit.register(self.close)

    def close(self) -> None:
        """Stops what is being generated and frees the memory, blocking. The engine may be loaded again."""
        with self._lock:
            server, self._server = self._server, None
            if server is None:
                return
            self._closing.set()
            for thread in tuple(self._working):
                thread.join(_CLOSING_SECONDS)
            server.close()
            atexit.unregister(self.close)

    @property
    def server(self) -> LlamaServer:
        """The loaded model. Raises LlamaFailure before `load`."""
        if self._server is None:
            raise LlamaFailure("the model is not loaded")
        return self._server

    @property
    def context(self) -> int:
        """Tokens that a prompt and its continuation may have together."""
        return self.server.context

    @property
    def vocabulary(self) -> int:
        """How many tokens the model knows: ids from 0 to one less."""
        return self.server.vocabulary

    def fingerprint(self) -> str:
        """Changes with the weights' file and with llama.cpp: the same seed need not give the same text."""
        gguf = self._gguf or packaged_gguf()
        what = f"{gguf.name} {gguf.stat().st_size} {version('xllamacpp')}"
        return hashlib.sha256(what.encode()).hexdigest()[:10]

    def prompt(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """The tokens of a conversation (role, content), up to where the answer begins. Blocking, 2 ms and more."""
        return self.tokens(self.server.render(messages))

    def tokens(self, text: str) -> list[int]:
        """The tokens of a whole prompt. Blocking. Of a text far beyond the context only the first part is looked at,
        so that the number of tokens is then a lower bound, which is over the context as well."""
        server = self.server
        head = text[: server.context * _CHARACTERS_PER_TOKEN]
        known = server.tokenise(head, special=True)
        return known if head == text or len(known) > server.context else server.tokenise(text, special=True)

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator["Slot"]:
        """One of the model's slots, first come, first served. Raises Overloaded when too many wait already."""
        lease = await self.queue.acquire()
        try:
            yield Slot(self, lease)
        finally:
            lease.drop()

    def run(self, generation: Generation, lease: Lease, inbox: "_Inbox") -> None:
        """Starts a thread that generates into `inbox` and holds the lease until the model has stopped."""
        thread = threading.Thread(target=self._work, args=(generation, lease, inbox), name="llama", daemon=True)
        lease.hold()
        self._working.add(thread)
        try:
            thread.start()
        except RuntimeError:
            self._working.discard(thread)
            lease.drop()
            raise

    def _work(self, generation: Generation, lease: Lease, inbox: "_Inbox") -> None:
        def on_event(event: dict[str, Any]) -> bool:
            return self._closing.is_set() or inbox.put(event)

        end: Exception | None = None
        try:
            self.server.complete(generation.body(), on_event)
            if self._closing.is_set():
                end = LlamaFailure("the model was closed while it generated")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the caller's, who waits on another thread
            end = error
        finally:
            self._working.discard(threading.current_thread())
            lease.drop()
        inbox.put(end)


class _Inbox:
    """Carries events from a thread to the event loop of the caller, until the caller has gone."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[dict[str, Any] | Exception | None] = asyncio.Queue()
        self.gone = False

    def put(self, event: dict[str, Any] | Exception | None) -> bool:
        """From the thread: one event, or the end (None or what went wrong). True when nobody listens any more."""
        if not self.gone:
            try:
                self._loop.call_soon_threadsafe(self._events.put_nowait, event)
            except RuntimeError:
                self.gone = True  # The loop was closed.
        return self.gone

    async def get(self) -> dict[str, Any] | None:
        """The next event, None at the end. Raises what went wrong."""
        event = await self._events.get()
        if isinstance(event, Exception):
            raise event
        return event


class Slot:
    """One of the engine's slots, for as long as the `async with` lasts."""

    def __init__(self, engine: LlamaEngine, lease: Lease) -> None:
        self._engine = engine
        self._lease = lease

    async def generate(self, generation: Generation) -> AsyncGenerator[Piece]:
        """Yields a piece for each token, then the last piece. Raises LlamaFailure when llama.cpp fails."""
        if not generation.max_tokens:
            yield Piece("", 0, finish_reason="length")
            return
        inbox = _Inbox()
        self._engine.run(generation, self._lease, inbox)
        try:
            finish_reason = None
            while (event := await inbox.get()) is not None:
                if "error" in event:
                    raise LlamaFailure(str(event["error"]))
                if finish_reason is None and (piece := _piece(event)) is not None:
                    finish_reason = piece.finish_reason
                    yield piece
        finally:
            inbox.gone = True

    async def logprobs(self, prompt: Sequence[int], tokens: Sequence[int]) -> list[float]:
        """How likely the model holds each of `tokens` after the prompt and those before: natural logarithms."""
        grammar = "root ::= " + " ".join(f"<[{token}]>" for token in tokens)
        forced = Generation([*prompt], len(tokens), temperature=0.0, repeat_penalty=1.0, grammar=grammar, logprobs=0)
        async with contextlib.aclosing(self.generate(forced)) as pieces:
            return [float(entry["logprob"]) async for piece in pieces for entry in piece.logprobs]


def _piece(event: Mapping[str, Any]) -> Piece | None:
    """What an event of llama.cpp's stream says of the text; None for one that tells only how far the prompt is."""
    if "prompt_progress" in event or not event["choices"]:
        return None
    choice = event["choices"][0]
    timings = event.get("timings") or {}
    return Piece(
        choice["text"],
        timings.get("predicted_n", 0),
        timings.get("cache_n", 0),
        tuple((choice["logprobs"] or {}).get("content", ())),
        choice["finish_reason"],
    )
