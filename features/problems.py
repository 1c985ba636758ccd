"""What is wrong with flags that come as data: every problem with its place, and the reader that collects them."""

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
C = TypeVar("C", bound=str)
Path = tuple[str | int, ...]

MAX_NUMBER = 2**53 - 1
"""The largest whole number that every JSON reader keeps exactly."""
MAX_DEPTH = 32
"""How deep a value may nest."""
MAX_KEY = 100
KEY = re.compile(rf"[A-Za-z0-9._-]{{1,{MAX_KEY}}}")
UNKNOWN, MISSING = "is not known here", "is missing"
KEY_RULE = f"must be 1 to {MAX_KEY} letters, digits, dots, hyphens or underscores"
"""Keys of flags, environments, segments and variants: they are parts of URLs."""


def is_key(text: object) -> bool:
    return isinstance(text, str) and KEY.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and where: `("rules", 0, "split")` reads `rules[0].split`; empty for the whole."""

    path: Path
    message: str

    @property
    def place(self) -> str:
        text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return text.removeprefix(".")

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.path else self.message


class Invalid(ValueError):
    """The data is no valid flag, rule or segment. `problems` has one entry for each thing that is wrong."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


def text_problem(text: str, longest: int) -> str | None:
    """Why a text cannot be kept: a database takes no NUL, and UTF-8 no half of a surrogate pair."""
    if len(text) > longest:
        return f"has more than {longest} characters"
    if "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        return "has a character that cannot be stored"
    return None


def value_problem(value: object, depth: int = 0) -> str | None:
    """Why a value is none that JSON holds and gives back unchanged."""
    if depth > MAX_DEPTH:
        return f"nests deeper than {MAX_DEPTH} levels"
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return text_problem(value, 65536)
    if isinstance(value, int):
        return None if abs(value) <= MAX_NUMBER else f"is beyond ±{MAX_NUMBER}"
    if isinstance(value, float):
        return None if math.isfinite(value) else "is not finite"
    if isinstance(value, list):
        return next(filter(None, (value_problem(item, depth + 1) for item in value)), None)
    if isinstance(value, dict):
        return next(
            filter(None, (value_problem(item, depth + 1) for pair in value.items() for item in pair)),
            None if all(isinstance(key, str) for key in value) else "has a name that is not a text",
        )
    return f"is not JSON ({type(value).__name__})"


@dataclass(slots=True)
class Reader:
    """Reads data piece by piece. What is wrong is collected, and reading goes on with a stand-in, so that all of it
    is told at once; `finish` raises it. Nothing that a Reader with problems returned may be used."""

    path: Path = ()
    problems: list[Problem] = field(default_factory=list)

    def wrong(self, message: str, *steps: str | int) -> None:
        self.problems.append(Problem((*self.path, *steps), message))

    @contextmanager
    def at(self, *steps: str | int) -> Iterator[None]:
        """What is read inside is at these steps below."""
        before, self.path = self.path, (*self.path, *steps)
        try:
            yield
        finally:
            self.path = before

    def finish(self) -> None:
        """Raises Invalid if anything was wrong."""
        if self.problems:
            raise Invalid(self.problems)

    def table(self, data: object, known: Collection[str], required: Collection[str] = ()) -> Mapping[str, Any]:
        """An object with these names only; an empty one if it is none."""
        if not isinstance(data, Mapping):
            self.wrong("must be an object")
            return {}
        for name in data:
            if name not in known:
                self.wrong(UNKNOWN, str(name))
        for name in required:
            if name not in data:
                self.wrong(MISSING, name)
        return data

    def named(self, data: Mapping[str, Any], name: str, most: int) -> Iterator[tuple[str, Any]]:
        """The pairs of the object `data[name]`, whose names must be keys, with the path set to each."""
        found = data.get(name, {})
        if not isinstance(found, Mapping):
            self.wrong("must be an object", name)
            return
        if len(found) > most:
            self.wrong(f"has more than {most} entries", name)
            return
        for key, value in found.items():
            with self.at(name, str(key)):
                if not is_key(key):
                    self.wrong(f"the name {KEY_RULE}")
                yield str(key), value

    def items(self, data: Mapping[str, Any], name: str, most: int) -> Iterator[Any]:
        """The items of the list `data[name]`, with the path set to each."""
        found = data.get(name, [])
        if not isinstance(found, list | tuple):
            self.wrong("must be a list", name)
            return
        if len(found) > most:
            self.wrong(f"has more than {most} entries", name)
            return
        for place, item in enumerate(found):
            with self.at(name, place):
                yield item

    def text(self, data: Mapping[str, Any], name: str, longest: int = 200) -> str:
        """A text; an empty one if there is none or null."""
        return self.optional_text(data, name, longest) or ""

    def optional_text(self, data: Mapping[str, Any], name: str, longest: int = 200) -> str | None:
        """A text, which may be empty; None if there is none or null."""
        found = data.get(name)
        if found is None:
            return None
        if not isinstance(found, str):
            self.wrong("must be a text", name)
            return None
        if problem := text_problem(found, longest):
            self.wrong(problem, name)
        return found

    def key(self, data: Mapping[str, Any], name: str) -> str:
        """A key that must be there."""
        found = data.get(name)
        if name in data and not is_key(found):
            self.wrong(KEY_RULE, name)
        return str(found)

    def optional_key(self, data: Mapping[str, Any], name: str) -> str | None:
        return None if data.get(name) is None else self.key(data, name)

    def flag(self, data: Mapping[str, Any], name: str, default: bool = False) -> bool:
        found = data.get(name, default)
        if not isinstance(found, bool):
            self.wrong("must be true or false", name)
            return default
        return found

    def parsed(self, data: Mapping[str, Any], name: str, parse: Callable[[object], T]) -> T | None:
        """What `parse` makes of it, which raises ValueError with what is wrong; None if there is none or null."""
        if data.get(name) is None:
            return None
        try:
            return parse(data[name])
        except ValueError as error:
            self.wrong(str(error), name)
            return None

    def whole(self, data: Mapping[str, Any], name: str, most: int) -> int:
        """A whole number from 0; 0 if it is none."""
        found = data.get(name)
        if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= most:
            if name in data:
                self.wrong(f"must be a whole number from 0 to {most}", name)
            return 0
        return found

    def choice(self, data: Mapping[str, Any], name: str, options: Sequence[C]) -> C:
        """One of the options; the first if it is none."""
        for option in options:
            if data.get(name) == option:
                return option
        if name in data:
            self.wrong(f"must be one of {', '.join(map(str, options))}", name)
        return options[0]

    def word(self, item: object) -> str:
        """An item of a list that must be a text, and not an empty one."""
        if not isinstance(item, str) or not item:
            self.wrong("must be a text that is not empty")
        elif problem := text_problem(item, 200):
            self.wrong(problem)
        return str(item)

    def plain(self, data: Mapping[str, Any], name: str) -> dict[str, str | int | float | bool]:
        """An object of texts, numbers, true and false; an empty one if there is none."""
        found = {}
        for key, value in self.named(data, name, 50):
            if isinstance(value, str | int | float):
                found[key] = value
            else:
                self.wrong("must be a text, a number, true or false")
        return found
