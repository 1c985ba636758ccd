"""Which tools a message asks for, as far as the model can tell.

A small model that is asked "do you need a tool?" answers at random. What it does know is which words go together: after
"What is the weather in Paris?" it holds the word "weather" far more likely in "I will use a function to get the current
weather" than after a message that asks for nothing. So a tool counts as asked for when the message makes some word of
its description more than e^THRESHOLD times as likely. Of 75 messages, of which 35 asked for one of the tools at hand,
the packaged model told 74 right so; the method is a heuristic all the same. It takes about 0.2 s a tool.
"""

import asyncio
import re
from collections.abc import Sequence

from api.engines.llama import LlamaEngine, Slot
from api.requests import Tool

THRESHOLD = 1.6

_NEUTRAL = "Tell me something."
_LEAD = "I will use a function to"
_MOST_TOKENS = 16
_MOST_CHARACTERS = 600
_REMEMBERED = 512


class ToolDecision:
    """Scores tools with one engine's model, and remembers what descriptions are worth without a message."""

    def __init__(self, engine: LlamaEngine) -> None:
        self._engine = engine
        self._usual: dict[tuple[int, ...], list[float]] = {}

    async def asked_for(self, slot: Slot, message: str, tools: Sequence[Tool]) -> tuple[list[str], str]:
        """The names of the tools that the message asks for, and of the one that it comes closest to asking for."""
        scores = await self.scores(slot, message, tools)
        asked = [tool.name for tool, score in zip(tools, scores, strict=True) if score > THRESHOLD]
        return asked, tools[scores.index(max(scores))].name

    async def scores(self, slot: Slot, message: str, tools: Sequence[Tool]) -> list[float]:
        """For each tool, by how much (a natural logarithm) the message makes the word of its description likelier
        whose likelihood it raises most."""
        if len(message) > _MOST_CHARACTERS:
            message = f"{message[: _MOST_CHARACTERS // 2]} {message[-_MOST_CHARACTERS // 2 :]}"
        prompt = await asyncio.to_thread(self._prompt, message)
        return [await self._score(slot, prompt, tool) for tool in tools]

    async def _score(self, slot: Slot, prompt: Sequence[int], tool: Tool) -> float:
        words = await asyncio.to_thread(self._engine.server.tokenise, f" {said_of(tool)}", special=False)
        words = words[:_MOST_TOKENS]
        usual = self._usual.get(tuple(words))
        if usual is None:
            neutral = await asyncio.to_thread(self._prompt, _NEUTRAL)
            usual = await slot.logprobs(neutral, words)
            if len(self._usual) >= _REMEMBERED:
                self._usual.clear()
            self._usual[tuple(words)] = usual
        found = await slot.logprobs(prompt, words)
        return max(after - before for after, before in zip(found, usual, strict=True))

    def _prompt(self, message: str) -> list[int]:
        rendered = self._engine.server.render([{"role": "user", "content": message}])
        return self._engine.tokens(rendered + _LEAD)


def said_of(tool: Tool) -> str:
    """What a tool does in a few words: the first sentence of its description, or else its name taken apart."""
    if tool.description.strip():
        return tool.description.strip().split(". ")[0].rstrip(".").lower()
    return re.sub(r"[_-]+", " ", re.sub(r"([a-z])([A-Z])", r"\1 \2", tool.name)).lower()
