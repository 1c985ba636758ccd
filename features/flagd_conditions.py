"""JsonLogic's conditions, as flagd has them, into tests of ours.

JsonLogic is true or false for everything, and ours do not hold where an attribute is missing; `otherwise` and the loose
operators say what JsonLogic would. A condition about flagd's own time is a window.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from features import loose
from features.conditions import AnyOf, Condition, Test
from features.definitions import Json
from features.importing import Importer
from features.operands import EPOCH, Unreadable
from features.problems import MAX_DEPTH

TIME = "$flagd.timestamp"
FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!=", "===": "===", "!==": "!=="}
OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
ORDERS = {"<": "loose_lt", "<=": "loose_lte", ">": "loose_gt", ">=": "loose_gte"}
VERSIONS = {
    "=": ("loose_semver_eq", False),
    "!=": ("loose_semver_eq", True),
    "<": ("loose_semver_lt", False),
    "<=": ("loose_semver_lte", False),
    ">": ("loose_semver_gt", False),
    ">=": ("loose_semver_gte", False),
    "^": ("loose_semver_major", False),
    "~": ("loose_semver_minor", False),
}
NEVER: tuple[Test, ...] = (Condition("targetingKey", "in", ()),)
"""Holds for nobody."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What must hold for a branch: tests, and a window."""

    tests: tuple[Test, ...] = ()
    starts: datetime | None = None
    ends: datetime | None = None

    def and_also(self, other: "Guard") -> "Guard":
        starts = [moment for moment in (self.starts, other.starts) if moment]
        ends = [moment for moment in (self.ends, other.ends) if moment]
        return Guard(self.tests + other.tests, max(starts, default=None), min(ends, default=None))

    @property
    def is_timed(self) -> bool:
        return self.starts is not None or self.ends is not None

    @property
    def is_never(self) -> bool:
        return self.starts is not None and self.ends is not None and self.starts >= self.ends


def resolved(reader: Importer, logic: Json, evaluators: Mapping[str, Json], inside: tuple[str, ...] = ()) -> Json:
    """The logic with every `{"$ref": name}` replaced by what `$evaluators` has under the name."""
    if len(reader.path) > MAX_DEPTH * 2 or len(inside) > MAX_DEPTH:
        reader.wrong("nests too deep")
        return None
    if isinstance(logic, list):
        found = []
        for place, item in enumerate(logic):
            with reader.at(place):
                found.append(resolved(reader, item, evaluators, inside))
        return found
    if not isinstance(logic, dict):
        return logic
    if set(logic) == {"$ref"}:
        name = logic["$ref"]
        if not isinstance(name, str) or name not in evaluators:
            reader.wrong("there is no evaluator of this name", "$ref")
        elif name in inside:
            reader.wrong(f"evaluators form a circle: {' → '.join((*inside, name))}", "$ref")
        else:
            return resolved(reader, evaluators[name], evaluators, (*inside, name))
        return None
    result = {}
    for name, value in logic.items():
        with reader.at(name):
            result[name] = resolved(reader, value, evaluators, inside)
    return result


def operation(logic: Json) -> tuple[str, list[Json]] | None:
    """The operator and its arguments; None for a plain value."""
    if not isinstance(logic, dict) or len(logic) != 1:
        return None
    ((name, arguments),) = logic.items()
    return name, arguments if isinstance(arguments, list) else [arguments]


def attribute(logic: Json) -> str | None:
    """The name of a variable; None for anything else, and for what our attributes cannot name."""
    if (found := operation(logic)) is None or found[0] != "var" or len(found[1]) != 1:
        return None
    name = found[1][0]
    if not isinstance(name, str) or any(not part or part.isdigit() for part in name.split(".")):
        return None
    return name


def is_scalar(value: Json) -> bool:
    return isinstance(value, str | int | float)


class Conditions:
    """Reads conditions; what cannot be held is told, and then holds for nobody."""

    def __init__(self, reader: Importer) -> None:
        self.reader = reader

    def unheld(self, message: str) -> Guard:
        self.reader.inexact(f"{message}; taken as never true")
        return Guard(NEVER)

    def read(self, logic: Json, negated: bool = False) -> Guard:
        """The tests that hold exactly where the logic is true, or with `negated` where it is not."""
        if isinstance(logic, bool):
            return Guard() if logic is not negated else Guard(NEVER)
        found = operation(logic)
        if found is None:
            return self.unheld("a condition must be true, false or an operation")
        name, arguments = found
        with self.reader.at(name):
            if name in ("!", "!!"):
                return self.one(arguments, negated is (name == "!!"))
            if name in ("and", "or"):
                combine = self.all_of if (name == "and") is not negated else self.any_of
                return combine(arguments, negated)
            if name == "var":
                return self.truth(logic, negated)
            if name in FLIPPED:
                return self.compared(name, arguments, negated)
            if name in ("starts_with", "ends_with"):
                return self.affix(name, arguments, negated)
            if name == "sem_ver":
                return self.version(arguments, negated)
            if name == "in":
                return self.membership(arguments, negated)
            return self.unheld("is not known here")

    def one(self, arguments: list[Json], negated: bool) -> Guard:
        if len(arguments) != 1:
            return self.unheld("takes one argument")
        return self.read(arguments[0], negated)

    def each(self, arguments: list[Json], negated: bool) -> Iterator[Guard]:
        for place, argument in enumerate(arguments):
            with self.reader.at(place):
                yield self.read(argument, negated)

    def all_of(self, arguments: list[Json], negated: bool) -> Guard:
        if not arguments:
            return self.unheld("takes an argument")
        found = Guard()
        for guard in self.each(arguments, negated):
            found = found.and_also(guard)
        return found

    def any_of(self, arguments: list[Json], negated: bool) -> Guard:
        guards = list(self.each(arguments, negated))
        if not guards:
            return self.unheld("takes an argument")
        if len(guards) == 1:
            return guards[0]
        if any(guard.is_timed for guard in guards):
            return self.unheld(f"{TIME} can only be one of several conditions that must all hold")
        if any(not guard.tests for guard in guards):
            return Guard()
        return Guard((AnyOf(tuple(guard.tests for guard in guards)),))

    def truth(self, logic: Json, negated: bool) -> Guard:
        if (name := attribute(logic)) is None:
            return self.unheld("must name one attribute")
        return held(Condition(name, "truthy"), negated)

    def compared(self, name: str, arguments: list[Json], negated: bool) -> Guard:
        """One side is a variable. Three arguments are a value between two others."""
        if len(arguments) == 3 and name in ORDERS:
            pairs = [{name: arguments[:2]}, {name: arguments[1:]}]
            return self.any_of(pairs, True) if negated else self.all_of(pairs, False)
        if len(arguments) != 2:
            return self.unheld("takes two arguments")
        left, right = arguments
        if attribute(left) is None:
            name, left, right = FLIPPED[name], right, left
        variable = attribute(left)
        if variable is None or not (is_scalar(right) or right is None):
            return self.unheld("must compare an attribute with a text, a number, true or false")
        if variable == TIME:
            return self.window(name, right, negated)
        if name in ORDERS:
            if right is None:
                return self.unheld("must compare an attribute with a text, a number, true or false")
            return held(Condition(variable, ORDERS[name], (right,)), negated)
        negated = negated is not name.startswith("!")
        if right is None:
            return Guard((Condition(variable, "exists", negate=not negated),))
        return held(Condition(variable, "equals" if len(name) == 3 else "loose_equals", (right,)), negated)

    def window(self, name: str, moment: Json, negated: bool) -> Guard:
        """flagd's time counts whole seconds."""
        if name not in ORDERS or not isinstance(moment, int) or isinstance(moment, bool) or not 0 <= moment < 2**37:
            return self.unheld(f"{TIME} can be compared by <, <=, > and >= with whole seconds since 1970")
        name = OPPOSITE[name] if negated else name
        edge = EPOCH + timedelta(seconds=moment + (name in (">", "<=")))
        return Guard((), edge, None) if name in (">", ">=") else Guard((), None, edge)

    def affix(self, name: str, arguments: list[Json], negated: bool) -> Guard:
        if len(arguments) != 2 or (variable := attribute(arguments[0])) is None or not isinstance(arguments[1], str):
            return self.unheld("takes an attribute and a text")
        return held(Condition(variable, name, (arguments[1],)), negated)

    def version(self, arguments: list[Json], negated: bool) -> Guard:
        if len(arguments) != 3 or (variable := attribute(arguments[0])) is None or arguments[1] not in VERSIONS:
            return self.unheld(f"takes an attribute, one of {' '.join(VERSIONS)}, and a version")
        operator, differs = VERSIONS[arguments[1]]
        try:
            loose.version(arguments[2])
        except Unreadable as error:
            return self.unheld(str(error))
        compared = Condition(variable, operator, (arguments[2],), negate=differs is not negated, otherwise=negated)
        return Guard((compared,))

    def membership(self, arguments: list[Json], negated: bool) -> Guard:
        """An attribute in a list of values, or a value in an attribute that is a list or a text."""
        if len(arguments) != 2:
            return self.unheld("takes two arguments")
        needle, haystack = arguments
        variable, container = attribute(needle), attribute(haystack)
        if variable is not None and isinstance(haystack, list) and all(map(is_scalar, haystack)):
            return held(Condition(variable, "in", tuple(haystack)), negated)
        if container is not None and is_scalar(needle):
            return self.contained(container, needle, negated)
        return self.unheld("must look for an attribute in a list of values, or for a value in an attribute")

    def contained(self, container: str, needle: Json, negated: bool) -> Guard:
        """A list must have the value itself, and a text its characters."""
        inside = held(Condition(container, "contains", (needle,)), negated)
        if isinstance(needle, str):
            return inside
        a_text = held(Condition(container, "starts_with", ("",)), negated)
        written = held(Condition(container, "contains", (str(loose.plain(needle)),)), negated)
        if negated:
            return inside.and_also(Guard((AnyOf((a_text.tests, written.tests)),)))
        return Guard((AnyOf((inside.tests, a_text.tests + written.tests)),))


def held(condition: Condition, negated: bool) -> Guard:
    """Where the attribute is missing or of another kind, JsonLogic's answer is false, and its negation true."""
    return Guard((replace(condition, negate=negated, otherwise=negated),))
