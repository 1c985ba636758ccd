"""Random texts of a GBNF grammar: what a model that only keeps to the grammar might say."""

import random
import re
from collections.abc import Callable
from typing import Any

TOKEN = re.compile(r'\s*("(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|\{\d+(?:,\d+)?\}|[()|?*+]|[a-zA-Z0-9-]+)')
ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
ALPHABET = [chr(code) for code in range(128)] + ["é", "漢", "🙂"]
MANY = 3

Node = tuple[Any, ...]


class Grammar:
    """`Grammar(text).sample(random)` is a text of it; beyond a depth, the one that ends soonest."""

    def __init__(self, text: str) -> None:
        self.rules: dict[str, Node] = {}
        for line in text.splitlines():
            name, body = line.split(" ::= ", 1)
            self.rules[name] = _Parser(body).parse()
        self.heights: dict[str, float] = dict.fromkeys(self.rules, float("inf"))
        while True:
            heights = {name: self.height(node) + 1 for name, node in self.rules.items()}
            if heights == self.heights:
                return
            self.heights = heights

    def height(self, node: Node) -> float:
        kind = node[0]
        if kind == "rule":
            return self.heights[node[1]]
        if kind == "either":
            return min(map(self.height, node[1]))
        if kind == "all":
            return max(map(self.height, node[1]), default=0)
        if kind == "repeat":
            return self.height(node[1]) if node[2] else 0
        return 0

    def sample(self, chance: random.Random, depth: int = 25) -> str:
        return self._sample(("rule", "root"), chance, depth)

    def _sample(self, node: Node, chance: random.Random, depth: int) -> str:
        kind = node[0]
        if kind == "text":
            return str(node[1])
        if kind == "class":
            return chance.choice([character for character in ALPHABET if node[1](character)])
        if kind == "rule":
            return self._sample(self.rules[node[1]], chance, depth - 1)
        if kind == "all":
            return "".join(self._sample(one, chance, depth) for one in node[1])
        if kind == "either":
            chosen = chance.choice(node[1]) if depth > 0 else min(node[1], key=self.height)
            return self._sample(chosen, chance, depth)
        least, most = node[2], node[3]
        times = chance.randint(least, min(most, least + MANY)) if depth > 0 else least
        times = most if depth > 0 and most - least > MANY and chance.random() < 0.02 else times
        return "".join(self._sample(node[1], chance, depth) for _ in range(times))


class _Parser:
    def __init__(self, body: str) -> None:
        self.tokens: list[str] = []
        at = 0
        while at < len(body.rstrip()):
            found = TOKEN.match(body, at)
            assert found, f"not GBNF: {body[at : at + 40]!r}"
            self.tokens.append(found[1])
            at = found.end()
        self.at = 0

    def parse(self) -> Node:
        node = self.either()
        assert self.at == len(self.tokens)
        return node

    def either(self) -> Node:
        options = [self.all()]
        while self.peek() == "|":
            self.at += 1
            options.append(self.all())
        return ("either", options) if len(options) > 1 else options[0]

    def all(self) -> Node:
        parts = []
        while self.peek() not in ("", "|", ")"):
            parts.append(self.repeated())
        return ("all", parts)

    def repeated(self) -> Node:
        node = self.one()
        while (sign := self.peek()) and sign[0] in "?*+{":
            self.at += 1
            if sign[0] == "{":
                least, _, most = sign[1:-1].partition(",")
                node = ("repeat", node, int(least), int(most or least))
            else:
                node = ("repeat", node, int(sign == "+"), 1 if sign == "?" else 20)
        return node

    def one(self) -> Node:
        token = self.tokens[self.at]
        self.at += 1
        if token == "(":
            node = self.either()
            assert self.peek() == ")"
            self.at += 1
            return node
        if token[0] == '"':
            return ("text", "".join(_characters(token[1:-1])))
        if token[0] == "[":
            return ("class", _class(token[1:-1]))
        return ("rule", token)

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""


def _characters(body: str) -> list[str]:
    found = []
    for escape in re.finditer(r"\\x([0-9a-f]{2})|\\(.)|(.)", body, re.DOTALL):
        code, escaped, plain = escape.groups()
        found.append(chr(int(code, 16)) if code else ESCAPES.get(escaped, escaped) if escaped else plain)
    return found


def _class(body: str) -> Callable[[str], bool]:
    negated = body.startswith("^")
    ranges, characters = [], _characters(body[negated:])
    while characters:
        first = characters.pop(0)
        last = first
        if len(characters) > 1 and characters[0] == "-":
            last = characters[1]
            characters = characters[2:]
        ranges.append((first, last))
    return lambda character: any(low <= character <= high for low, high in ranges) != negated
