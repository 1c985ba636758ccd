"""GBNF, the form of llama.cpp's grammars, and the rules that every JSON value is made of."""

import json
from typing import Any

from api.engines.llama_numerals import number

_MOST_RULES = 5_000
_MOST_CHARACTERS = 250_000

_ANY = {
    "value": 'object | array | string | number | "true" | "false" | "null"',
    "object": '"{" (pair (", " pair)*)? "}"',
    "pair": 'string ": " value',
    "array": '"[" (value (", " value)*)? "]"',
    "string": '"\\"" char* "\\""',
    "number": number(None, None),
    "char": r'[^"\\\x00-\x1f\x7f] | "\\" ["\\/bfnrt]',
}

Path = tuple[str, ...]


class SchemaNotHeld(ValueError):
    """The schema is none, or a grammar cannot hold it. `path` leads to the place in it."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"In context=({', '.join(repr(step) for step in path)}), {reason}.")
        self.path = path


def literal(text: str) -> str:
    """A GBNF literal of exactly this text."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def compact(value: Any) -> str:
    """A JSON value as the grammars write it: on one line, a space after each comma and colon."""
    return json.dumps(value, ensure_ascii=False)


class Rules:
    """The named rules of one grammar, to which several schemas may add. There from the start: `value`, `object`,
    `array`, `string` and `number` of JSON, and `char`, one of a string."""

    def __init__(self) -> None:
        self._rules = dict(_ANY)
        self._characters = 0

    def add(self, body: str = "") -> str:
        """The name of a new rule; without a body, one that `define` completes. Raises SchemaNotHeld when there are
        too many."""
        if len(self._rules) >= _MOST_RULES:
            raise SchemaNotHeld((), "the schema is too large")
        name = f"r{len(self._rules)}"
        self.define(name, body)
        return name

    def define(self, name: str, body: str) -> None:
        """Completes a rule."""
        self._characters += len(body)
        if self._characters > _MOST_CHARACTERS:
            raise SchemaNotHeld((), "the schema is too large")
        self._rules[name] = body

    def grammar(self, root: str) -> str:
        """The grammar whose texts are those of the expression `root`."""
        return "\n".join(f"{name} ::= {body}" for name, body in {"root": root, **self._rules}.items())
