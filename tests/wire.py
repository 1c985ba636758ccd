"""What clients may rely on, as facts that only grow; `make check` tells which of them a change takes back.

`wire.txt` holds the facts of the API document since the last release, by operation. A change that takes one back needs
a line under "Breaking" of the changelog that names the operation. A fact stays in the file though it no longer holds,
so that whoever has only the newest commit sees it too; `python -m tests.wire --release` forgets such facts.

    takes query.limit        a parameter, or a property of the body
    without query.limit      may be left out
    takes body.n: integer    a type, or one of the values where only certain ones are taken
    within body.n: integer maximum 9
                             no more than that; a further bound, or a closer one, is what no client expects
    gives 200 .id            an answer may have it
    always 200 .id           does have it
    may 200 .id: null        a type; a further one is what no client expects
"""

import argparse
import math
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
FILE = Path(__file__).with_name("wire.txt")
METHODS = ("get", "post", "put", "patch", "delete")
UPPER = ("maxLength", "maxItems", "maxProperties", "maximum")
BOUNDS = (*UPPER, "minLength", "minItems", "minProperties", "minimum", "pattern")
FREE = ("may ", "within ")
"""How facts begin that may cease to hold, and must not be new."""
Fact = tuple[str, str]
"""An operation, such as `POST /v1/embeddings`, and what holds for it."""


class Document:
    """An OpenAPI 3.0 document, asked for what clients may rely on."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def facts(self) -> set[Fact]:
        found: set[Fact] = set()
        for path, item in self._document["paths"].items():
            for method in METHODS:
                if method in item:
                    name = f"{method.upper()} {path}"
                    found.add((name, ""))
                    shared = item.get("parameters", [])
                    found |= {(name, fact) for fact in self._of_operation(item[method], shared)}
        return found

    def _of_operation(self, operation: Mapping[str, Any], shared: list[Any]) -> Iterator[str]:
        for scheme in {name for choice in operation.get("security", []) for name in choice}:
            yield f"signed {scheme}"
        for parameter in map(self._resolved, [*shared, *operation.get("parameters", [])]):
            place = f"{parameter['in']}.{parameter['name']}"
            yield f"takes {place}"
            if not parameter.get("required"):
                yield f"without {place}"
            yield from self._taken(parameter.get("schema", {}), place)
        if body := self._resolved(operation.get("requestBody", {})):
            yield "takes body"
            if not body.get("required"):
                yield "without body"
            for kind, content in body["content"].items():
                yield f"reads {kind}"
                yield from self._taken(content.get("schema", {}), "body")
        for status, answer in operation["responses"].items():
            yield from self._of_answer(status, self._resolved(answer))

    def _of_answer(self, status: str, answer: Mapping[str, Any]) -> Iterator[str]:
        yield f"gives {status}"
        if status >= "4":
            return  # errors have one envelope, which tests/api/test_errors.py states
        for header in answer.get("headers", {}):
            yield f"sends {status} {header}"
        for kind, content in answer.get("content", {}).items():
            yield f"sends {status} {kind}"
            yield from self._given(content.get("schema", {}), status, "")

    def _taken(self, schema: Any, place: str, within: tuple[str, ...] = ()) -> Iterator[str]:
        for part, within_part in self._parts(schema, within):
            for kind in types(part):
                if kind != "null" and "enum" in part:
                    yield from (f"takes {place}: {value!r}" for value in part["enum"] if value is not None)
                else:
                    yield f"takes {place}: {kind}"
                    yield from (f"within {place}: {kind} {bound} {part[bound]}" for bound in BOUNDS if bound in part)
            for name, inner, required in members(part, place):
                yield f"takes {name}"
                if not required:
                    yield f"without {name}"
                yield from self._taken(inner, name, within_part)

    def _given(self, schema: Any, status: str, place: str, within: tuple[str, ...] = ()) -> Iterator[str]:
        for part, within_part in self._parts(schema, within):
            yield from (f"may {status} {place}: {kind}" for kind in types(part))
            for name, inner, required in members(part, place):
                yield f"gives {status} {name}"
                if required:
                    yield f"always {status} {name}"
                yield from self._given(inner, status, name, within_part)

    def _parts(self, schema: Any, within: tuple[str, ...]) -> Iterator[tuple[Any, tuple[str, ...]]]:
        """The schemas that one consists of, each way of combining them alike; one that holds itself is left once."""
        if reference := schema.get("$ref"):
            if reference not in within:
                yield from self._parts(self._resolved(schema), (*within, reference))
            return
        combined = [each for word in ("allOf", "anyOf", "oneOf") for each in schema.get(word, [])]
        for each in combined:
            yield from self._parts(each, within)
        if not combined or "properties" in schema:
            yield schema, within
        elif schema.get("nullable"):
            yield {"enum": [None]}, within

    def _resolved(self, node: Any) -> Any:
        if "$ref" not in node:
            return node
        found: Any = self._document
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return found


def types(schema: Mapping[str, Any]) -> list[str]:
    """The JSON types of values of a schema that combines no others."""
    values = schema.get("enum", [])
    known = [schema["type"]] if "type" in schema else ["anything"] if not values or values != [None] else []
    return [*known, *(["null"] if schema.get("nullable") or None in values else [])]


def members(schema: Mapping[str, Any], place: str) -> Iterator[tuple[str, Any, bool]]:
    """What objects and lists of a schema hold: places, schemas, and whether they must be there."""
    for name, inner in schema.get("properties", {}).items():
        yield f"{place}.{name}", inner, name in schema.get("required", [])
    for word, sign in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(schema.get(word), dict):
            yield f"{place}{sign}", schema[word], False


def taken_back(kept: set[Fact], now: set[Fact]) -> set[Fact]:
    """The facts of `kept` that hold no longer; of an operation that is gone, only that."""
    gone = {(name, "") for name, fact in kept - now if not fact}
    lost = {(name, fact) for name, fact in kept - now if (name, "") not in gone and not fact.startswith(FREE)}
    return gone | {(name, fact) for name, fact in lost if not any((name, wider) in now for wider in wider_than(fact))}


def unexpected(kept: set[Fact], now: set[Fact]) -> set[Fact]:
    """The facts of `now` that a client which knows `kept` does not expect: what must be sent where nothing had to be,
    values of a type that there was not, and bounds that were not there or not so close."""
    bounds = closest(kept)
    return {
        (name, fact)
        for name, fact in now - kept
        if any((name, known) in kept for known in known_by(name, fact, now))
        and not any((name, wider) in kept for wider in wider_than(fact))
        and not _within(name, fact, bounds)
    }


def closest(facts: set[Fact]) -> dict[Fact, float]:
    """The closest of the bounds that are numbers, by the operation and what stands before the number; upper ones
    negated, so that the greatest is the closest."""
    found: dict[Fact, float] = {}
    for name, fact in facts:
        if bound := _bound(fact):
            found[name, bound[0]] = max(found.get((name, bound[0]), bound[1]), bound[1])
    return found


def _bound(fact: str) -> tuple[str, float] | None:
    said, _, number = fact.rpartition(" ")
    word = said.rpartition(" ")[2]
    if not fact.startswith("within ") or word not in BOUNDS or word == "pattern":
        return None
    return said, -float(number) if word in UPPER else float(number)


def _within(name: str, fact: str, bounds: Mapping[Fact, float]) -> bool:
    bound = _bound(fact)
    return bound is not None and bounds.get((name, bound[0]), -math.inf) >= bound[1]


def grown(kept: set[Fact], now: set[Fact]) -> set[Fact]:
    """What is to be kept from now on. What no client expects is not: that would hide it."""
    return kept | (now - unexpected(kept, now))


def wider_than(fact: str) -> Iterator[str]:
    """The facts that say at least as much, where this one is of a type or a value."""
    place, sign, kind = fact.partition(": ")
    if sign and not fact.startswith("within "):
        yield f"{place}: anything"
        if kind == "integer":
            yield f"{place}: number"
        if kind.startswith(("'", '"')):
            yield f"{place}: string"
        elif kind in ("True", "False"):
            yield f"{place}: boolean"
        elif kind[-1].isdigit():
            yield from (f"{place}: integer", f"{place}: number")


def known_by(name: str, fact: str, now: set[Fact]) -> Iterator[str]:
    """Where a fact must not be new: the fact by whose side it would be."""
    if fact.startswith("may "):
        place = fact.partition(": ")[0].removeprefix("may ")
        yield f"gives {place.rstrip()}"
    elif fact.startswith("within "):
        place, _, bound = fact.removeprefix("within ").partition(": ")
        yield f"takes {place}: {bound.partition(' ')[0]}"
    elif fact.startswith("takes ") and ": " not in fact:
        place = fact.removeprefix("takes ")
        if (name, f"without {place}") not in now:
            holder = re.sub(r"(\.[^.]+|\[\]|\{\})$", "", place)
            yield "" if holder == place or place.partition(".")[0] != "body" else f"takes {holder}"


# --- The file and the changelog --------------------------------------------------------------------------------


def written(facts: set[Fact]) -> str:
    lines: list[str] = []
    for name, fact in sorted(facts):
        lines.append(f"  {fact}" if fact else name)
    return "\n".join(lines) + "\n"


def read(text: str) -> set[Fact]:
    facts: set[Fact] = set()
    name = ""
    for line in text.splitlines():
        name = name if line.startswith(" ") else line
        facts.add((name, line.strip() if line.startswith(" ") else ""))
    return facts


def declared(changelog: str) -> str:
    """What stands under "Breaking" of what is not released yet."""
    unreleased = re.search(r"^## Unreleased$(.*?)(^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    breaking = unreleased and re.search(r"^### Breaking$(.*?)(^### |\Z)", unreleased[1], re.MULTILINE | re.DOTALL)
    return breaking[1] if breaking else ""


def problems(kept: set[Fact], now: set[Fact], changelog: str) -> list[str]:
    """What is the matter, a line each; empty where nothing is."""
    told = declared(changelog)
    strange = unexpected(kept, now)
    breaking = [
        *((name, fact, "holds no longer") for name, fact in sorted(taken_back(kept, now))),
        *((name, fact, "is what no client expects") for name, fact in sorted(strange)),
    ]
    found = [
        f"{name}: {fact or 'the operation'} {what}, and no line under Breaking of the changelog names `{name}`"
        for name, fact, what in breaking
        if f"`{name}`" not in told
    ]
    if new := now - kept - strange:
        found.append(f"{len(new)} facts are not in {FILE.name} yet: run `make schema`")
    return found


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.wire", description="Whether clients may go on as they are.")
    parser.add_argument("--write", action="store_true", help="add what is new")
    parser.add_argument("--release", action="store_true", help="forget what holds no longer")
    options = parser.parse_args(arguments)
    loaded = yaml.load((ROOT / "openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
    now = Document(loaded).facts()
    kept = read(FILE.read_text()) if FILE.exists() and not options.release else set()
    if options.write or options.release:
        kept = grown(kept, now)
        FILE.write_text(written(kept))
    found = problems(kept, now, (ROOT / "CHANGELOG.md").read_text())
    sys.stdout.writelines(f"{line}\n" for line in found)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
