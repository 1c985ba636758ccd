"""Flags from files of other systems: all of a file, or nothing of it.

A reader makes an `Imported`, or raises Invalid with every problem and its place in the file. What our flags cannot hold
is a problem, too; with `approximate`, it is put as nearly as possible, and `Imported.approximations` lists each.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from features.definitions import FlagDefinition
from features.problems import Invalid, Problem, Reader

Format = Literal["lukhas", "flagd"]
FORMATS: tuple[Format, ...] = get_args(Format)
LARGEST_FILE = 8 * 1024 * 1024
MOST_FLAGS = 20_000


@dataclass(frozen=True, slots=True)
class Imported:
    """The flags of a file, each with its state in one environment, and what was approximated."""

    flags: tuple[FlagDefinition, ...]
    approximations: tuple[Problem, ...] = ()


class Importer(Reader):
    """Collects problems, and beside them what cannot be held exactly."""

    def __init__(self, approximate: bool) -> None:
        super().__init__()
        self.approximate = approximate
        self.approximations: list[Problem] = []

    def inexact(self, message: str, *steps: str | int) -> None:
        """What follows is not exactly what the file says: a problem, unless approximations are asked for."""
        self.approximations.append(Problem((*self.path, *steps), message))

    def proven(self, made: FlagDefinition) -> FlagDefinition | None:
        """The flag, if it is one that could be kept; its problems are told at the place of the whole flag."""
        try:
            return FlagDefinition.from_data(made.to_data(), {})
        except Invalid as error:
            for problem in error.problems:
                self.wrong(f"cannot be kept: {problem}")
            return None

    def result(self, flags: list[FlagDefinition]) -> Imported:
        """Raises Invalid if anything was wrong, or inexact without leave."""
        if not self.approximate:
            self.problems.extend(self.approximations)
        self.finish()
        return Imported(tuple(flags), tuple(self.approximations))


def file_problem(content: bytes) -> Invalid | None:
    """A file that is too large to be read whole."""
    if len(content) <= LARGEST_FILE:
        return None
    return Invalid([Problem((), f"the file has more than {LARGEST_FILE} bytes")])


def each_flag(
    reader: Importer, flags: Any, read: Callable[[str, Mapping[str, Any]], FlagDefinition | None]
) -> Imported:
    """Reads every flag of the table `flags`; those with problems are told, and then none is returned."""
    made = []
    if not isinstance(flags, Mapping):
        reader.wrong("must be an object", "flags")
        flags = {}
    if len(flags) > MOST_FLAGS:
        reader.wrong(f"has more than {MOST_FLAGS} entries", "flags")
        flags = {}
    for key, data in flags.items():
        with reader.at("flags", str(key)):
            if not isinstance(data, Mapping):
                reader.wrong("must be an object")
            elif (flag := read(str(key), data)) is not None:
                made.append(flag)
    return reader.result(made)


@dataclass(frozen=True, slots=True)
class Exported:
    """A file's text, and what of the flags is not in it, by its place among them."""

    text: str
    approximations: tuple[Problem, ...] = ()
