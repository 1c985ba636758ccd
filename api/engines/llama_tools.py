"""Tools for a model that was never taught any: told in the prompt, called through a grammar, read back as they come.

The form is the one that the SmolLM2 family was trained on where it was trained on tools at all:
`<tool_call>[{"name": "f", "arguments": {…}}]</tool_call>`. The grammar fixes every character of it but the arguments,
so that a call can be told from text by its first two characters, and its arguments can be streamed as they are made.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from api.engines.llama_grammar import Rules, SchemaNotHeld, compact, literal
from api.engines.llama_schema import add_schema
from api.requests import Tool

MOST_CALLS = 4
"""Calls in one answer, where more than one is allowed."""

OPENING = "<tool_call>["
CLOSING = "]</tool_call>"

TEXT = r'([^<] [^\x00]* | "<" ([^t] [^\x00]*)?)?'
"""The expression of free text: anything that does not begin as a call does."""

# What stands before the arguments of the first call, and of one that follows another.
_HEAD = re.compile(r'(?:<tool_call>\[|\}, )\{"name": "([a-zA-Z0-9_-]+)", "arguments": ')


def instructions(tools: Sequence[Tool]) -> str:
    """What a system message tells the model of its tools."""
    described = [
        {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)} for tool in tools
    ]
    return (
        f"You have access to the following tools:\n<tools>{compact(described)}</tools>\n"
        f'To use a tool, answer with {OPENING}{{"name": "...", "arguments": {{...}}}}{CLOSING}. '
        "If no tool fits the question, answer it in plain text."
    )


class ParametersNotHeld(ValueError):
    """A grammar cannot hold the parameters of the tool at this index; `__cause__` is a SchemaNotHeld, or None when
    they describe no object."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(reason)
        self.index = index


class ToolGrammar:
    """The expressions of answers that call tools, over rules that are added to `rules`. Raises ParametersNotHeld.

    The parameters of a tool are held as they are written where it is `strict`, else as far as a grammar can.
    """

    def __init__(self, rules: Rules, tools: Sequence[Tool]) -> None:
        self._calls = {}
        for index, tool in enumerate(tools):
            schema = {"type": "object", **tool.parameters}
            if schema["type"] != "object":
                raise ParametersNotHeld(index, "schema must be a JSON Schema of 'type: \"object\"'.")
            try:
                arguments = add_schema(rules, schema, strict=tool.strict)
            except SchemaNotHeld as error:
                raise ParametersNotHeld(index, str(error)) from error
            head = literal(f'{{"name": "{tool.name}", "arguments": ')
            self._calls[tool.name] = rules.add(f'{head} {arguments} "}}"')

    def calls(self, names: Iterable[str], *, parallel: bool) -> str:
        """Calls of the tools named: one, or with `parallel` up to MOST_CALLS."""
        one = f"({' | '.join(self._calls[name] for name in names)})"
        more = f' (", " {one}){{0,{MOST_CALLS - 1}}}' if parallel else ""
        return f"{literal(OPENING)} {one}{more} {literal(CLOSING)}"


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of free text."""

    text: str


@dataclass(frozen=True, slots=True)
class CallStart:
    """A call begins: which one, from 0, and of which function."""

    index: int
    name: str


@dataclass(frozen=True, slots=True)
class Arguments:
    """A piece of the JSON of a call's arguments."""

    index: int
    text: str


class _State(Enum):
    UNDECIDED = auto()
    TEXT = auto()
    BETWEEN = auto()
    ARGUMENTS = auto()


class CallReader:
    """Reads an answer of a ToolGrammar as it comes."""

    def __init__(self) -> None:
        self._state = _State.UNDECIDED
        self._held = ""
        self._index = -1
        self._depth = 0
        self._in_string = False
        self._escaped = False

    @property
    def calls(self) -> int:
        """How many calls have begun."""
        return self._index + 1

    def feed(self, text: str) -> list[Text | CallStart | Arguments]:
        """What the next piece of the answer adds."""
        self._held += text
        if self._state is _State.UNDECIDED:
            if self._held in ("", "<"):
                return []
            called = self._held.startswith("<t")
            self._state = _State.BETWEEN if called else _State.TEXT
        found: list[Text | CallStart | Arguments] = []
        if self._state is _State.TEXT:
            found.append(Text(self._held))
            self._held = ""
        while self._held and self._step(found):
            pass
        return found

    def end(self) -> list[Text | CallStart | Arguments]:
        """What is left when nothing more comes: a `<` that turned out to be all there is."""
        if self._state is _State.UNDECIDED and self._held:
            return [Text(self._held)]
        return []

    def _step(self, found: list[Text | CallStart | Arguments]) -> bool:
        """Reads the head of a call, or what is there of its arguments; False when more must come first."""
        if self._state is _State.BETWEEN:
            head = _HEAD.match(self._held)
            if head is None:
                return False
            self._index += 1
            found.append(CallStart(self._index, head[1]))
            self._held = self._held[head.end() :]
            self._state = _State.ARGUMENTS
            return True
        length = self._arguments_in(self._held)
        found.append(Arguments(self._index, self._held[:length]))
        self._held = self._held[length:]
        if not self._depth:
            self._state = _State.BETWEEN
        return True

    def _arguments_in(self, text: str) -> int:
        """How many characters of the text belong to the object that is being read."""
        for at, character in enumerate(text):
            if self._in_string:
                self._in_string = self._escaped or character != '"'
                self._escaped = character == "\\" and not self._escaped
            elif character == '"':
                self._in_string = True
            elif character in "{[":
                self._depth += 1
            elif character in "}]":
                self._depth -= 1
                if not self._depth:
                    return at + 1
        return len(text)
