"""The real model, loaded once for all tests that speak to it, and short ways to ask it."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from api.backends.base import Call
from api.backends.embedded_chat import EmbeddedChatBackend
from api.catalog import Target
from api.engines.llama import Generation, LlamaEngine, Piece

TARGET = Target("lukhas-chat-1", "lukhas-chat", "embedded-chat", "", "")


@cache
def engine() -> LlamaEngine:
    """SmolLM2-135M-Instruct with two slots and a queue of two."""
    shared = LlamaEngine(slots=2, queue=2)
    shared.load()
    return shared


@cache
def backend() -> EmbeddedChatBackend:
    """The backend over it."""
    return EmbeddedChatBackend(engine())


def call(**fields: Any) -> Call:
    """A call of the embedded model."""
    return Call(Target(**{name: getattr(TARGET, name) for name in Target.__dataclass_fields__} | fields))


def prompt(text: str) -> list[int]:
    """The tokens of a conversation that has just begun."""
    return engine().prompt([{"role": "user", "content": text}])


async def generated(question: str, most: int, model: LlamaEngine | None = None, **fields: Any) -> list[Piece]:
    """All pieces of one generation."""
    model = model or engine()
    async with (
        model.slot() as slot,
        contextlib.aclosing(slot.generate(Generation(prompt(question), most, **fields))) as pieces,
    ):
        return [piece async for piece in pieces]


def text_of(pieces: list[Piece]) -> str:
    """The text that the pieces are parts of."""
    return "".join(piece.text for piece in pieces)


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> float:
    """Waits until something holds, and returns for how many seconds; fails when it takes too long."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it did not come to hold"
        await asyncio.sleep(0.001)
    return time.monotonic() - began
