"""What a rule asks of a context: conditions, groups of them, and segments, as data.

A test is one of three:

- `Condition`: an attribute of the context, an operator, and the values to compare with.
- `AnyOf`: groups of tests. It holds where all tests of at least one group hold.
- `InSegment`: all tests of a segment hold, or with `negate` do not.

Tests stand in lists, and a list holds where all of its tests do. As JSON, each is known by the name it has and the
others have not: `attribute`, `any_of`, `segment`. `from_data` raises `features.problems.Invalid`; `to_data` leaves out
what is at its default.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from features import loose, operands
from features.problems import Reader

Json = Any
"""A value as JSON has it."""
Scalar = str | int | float | bool

MOST_TESTS = 200
MOST_GROUPS = 100
MOST_VALUES = 10_000
DEEPEST = 8
"""How deep groups may nest."""


@dataclass(frozen=True, slots=True)
class Operator:
    """What an operator's values are. `most` of them can be given, and `least` must be; it holds where it does so for
    one of them. `cases` says whether ignoring case means anything to it."""

    reads: Callable[[object], object]
    least: int = 1
    most: int = MOST_VALUES
    cases: bool = False
    meaning: str = ""


def _one(reads: Callable[[object], object], meaning: str) -> Operator:
    return Operator(reads, most=1, meaning=meaning)


OPERATORS: Mapping[str, Operator] = {
    "in": Operator(operands.scalar, least=0, cases=True, meaning="is one of"),
    "not_in": Operator(operands.scalar, least=0, cases=True, meaning="is none of"),
    "equals": Operator(operands.scalar, cases=True, most=1, meaning="is"),
    "contains": Operator(operands.scalar, cases=True, meaning="contains"),
    "starts_with": Operator(operands.text, cases=True, meaning="starts with"),
    "ends_with": Operator(operands.text, cases=True, meaning="ends with"),
    "regex": Operator(operands.pattern, cases=True, most=20, meaning="matches the pattern"),
    "gt": _one(operands.number, "is greater than"),
    "gte": _one(operands.number, "is at least"),
    "lt": _one(operands.number, "is less than"),
    "lte": _one(operands.number, "is at most"),
    "before": _one(operands.microseconds, "is before"),
    "after": _one(operands.microseconds, "is after"),
    "semver_eq": Operator(operands.version, meaning="is the version"),
    "semver_gt": _one(operands.version, "is a later version than"),
    "semver_gte": _one(operands.version, "is at least the version"),
    "semver_lt": _one(operands.version, "is an earlier version than"),
    "semver_lte": _one(operands.version, "is at most the version"),
    "semver_major": Operator(operands.version, meaning="has the major version of"),
    "semver_minor": Operator(operands.version, meaning="has the major and minor version of"),
    "cidr": Operator(operands.network, meaning="is an address in"),
    "exists": Operator(operands.scalar, least=0, most=0, meaning="is there"),
    "sha256_in": Operator(operands.text, meaning="has a SHA-256 that is one of"),
    "domain_in": Operator(operands.text, meaning="is an e-mail address at"),
    "truthy": Operator(operands.scalar, least=0, most=0, meaning="is there, and neither false, 0 nor empty"),
    "loose_equals": Operator(operands.scalar, meaning="is, loosely,"),
    "loose_gt": _one(operands.scalar, "is, loosely, greater than"),
    "loose_gte": _one(operands.scalar, "is, loosely, at least"),
    "loose_lt": _one(operands.scalar, "is, loosely, less than"),
    "loose_lte": _one(operands.scalar, "is, loosely, at most"),
    "loose_semver_eq": _one(loose.version, "is, loosely, the version"),
    "loose_semver_gt": _one(loose.version, "is, loosely, a later version than"),
    "loose_semver_gte": _one(loose.version, "is, loosely, at least the version"),
    "loose_semver_lt": _one(loose.version, "is, loosely, an earlier version than"),
    "loose_semver_lte": _one(loose.version, "is, loosely, at most the version"),
    "loose_semver_major": _one(loose.version, "has, loosely, the major version of"),
    "loose_semver_minor": _one(loose.version, "has, loosely, the major and minor version of"),
}
"""Every operator, in the order people are shown them. `features.operators` says what each does. Those from `truthy` on
are for imports from flagd, see `features.loose`."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One attribute against values.

    `attribute` is a name in the context, `targetingKey` included; `a.b` is `b` of the object `a`, unless the context
    has the name `a.b` itself. `negate` turns the answer round. Where the attribute is missing, or is nothing that the
    operator can compare, the answer is `otherwise`, negated or not.
    """

    attribute: str
    operator: str
    values: tuple[Scalar, ...] = ()
    negate: bool = False
    ignore_case: bool = False
    otherwise: bool = False

    def to_data(self) -> dict[str, Json]:
        switches = {name: True for name in SWITCHES if getattr(self, name)}
        values = {"values": list(self.values)} if self.values else {}
        return {"attribute": self.attribute, "operator": self.operator, **values, **switches}

    @classmethod
    def read(cls, data: Mapping[str, Any], reader: Reader) -> "Condition":
        reader.table(data, ("attribute", "operator", "values", *SWITCHES), ("attribute", "operator"))
        attribute, name = reader.text(data, "attribute"), reader.text(data, "operator")
        if not attribute and "attribute" in data:
            reader.wrong("must name an attribute", "attribute")
        switches = {switch: reader.flag(data, switch) for switch in SWITCHES}
        operator = OPERATORS.get(name)
        if operator is None:
            if "operator" in data:
                reader.wrong(f"must be one of {', '.join(OPERATORS)}", "operator")
            return cls(attribute, name)
        if switches["ignore_case"] and not operator.cases:
            reader.wrong(f"means nothing to {name}", "ignore_case")
        values = []
        for value in reader.items(data, "values", MOST_VALUES):
            try:
                operator.reads(value)
            except operands.Unreadable as error:
                reader.wrong(str(error))
            else:
                values.append(value)
        given = data.get("values", ())
        if isinstance(given, list | tuple) and not operator.least <= len(given) <= operator.most:
            reader.wrong(_how_many(operator), "values")
        return cls(attribute, name, tuple(values), **switches)


SWITCHES = ("negate", "ignore_case", "otherwise")


def _how_many(operator: Operator) -> str:
    if operator.most == 0:
        return "must be left out: this operator compares with nothing"
    return "must hold one value" if operator.most == 1 else f"must hold {operator.least} to {operator.most} values"


@dataclass(frozen=True, slots=True)
class InSegment:
    """The context is in the segment with this key; with `negate`, it is not."""

    segment: str
    negate: bool = False

    def to_data(self) -> dict[str, Json]:
        return {"segment": self.segment, **({"negate": True} if self.negate else {})}

    @classmethod
    def read(cls, data: Mapping[str, Any], reader: Reader) -> "InSegment":
        reader.table(data, ("segment", "negate"))
        return cls(reader.key(data, "segment"), reader.flag(data, "negate"))


@dataclass(frozen=True, slots=True)
class AnyOf:
    """All tests of at least one of the groups hold."""

    groups: "tuple[tuple[Test, ...], ...]"

    def to_data(self) -> dict[str, Json]:
        return {"any_of": [[test.to_data() for test in group] for group in self.groups]}

    @classmethod
    def read(cls, data: Mapping[str, Any], reader: Reader, segments: bool, depth: int) -> "AnyOf":
        reader.table(data, ("any_of",))
        groups = []
        if depth > DEEPEST:
            reader.wrong(f"nests deeper than {DEEPEST} groups", "any_of")
            return cls(())
        for group in reader.items(data, "any_of", MOST_GROUPS):
            if not isinstance(group, list | tuple) or not group:
                reader.wrong("must be a list of conditions that is not empty")
            elif len(group) > MOST_TESTS:
                reader.wrong(f"has more than {MOST_TESTS} entries")
            else:
                groups.append(tuple(_each(group, reader, segments, depth)))
        if data.get("any_of") in ([], ()):
            reader.wrong("must hold a group", "any_of")
        return cls(tuple(groups))


Test = Condition | AnyOf | InSegment


def _each(group: list[Any] | tuple[Any, ...], reader: Reader, segments: bool, depth: int) -> Iterator[Test]:
    for place, item in enumerate(group):
        with reader.at(place):
            yield read_test(item, reader, segments, depth)


def read_tests(data: Mapping[str, Any], name: str, reader: Reader, segments: bool = True) -> tuple[Test, ...]:
    """The list of tests `data[name]`. Segments name no other segments, and so read theirs without."""
    return tuple(read_test(item, reader, segments) for item in reader.items(data, name, MOST_TESTS))


def read_test(data: object, reader: Reader, segments: bool = True, depth: int = 1) -> Test:
    if not isinstance(data, Mapping) or not {"attribute", "any_of", "segment"} & set(data):
        reader.wrong(f"must be an object with attribute, any_of{' or segment' if segments else ''}")
        return Condition("", "exists")
    if "any_of" in data:
        return AnyOf.read(data, reader, segments, depth + 1)
    if "segment" in data:
        if not segments:
            reader.wrong("a segment cannot name another segment", "segment")
        return InSegment.read(data, reader)
    return Condition.read(data, reader)


def walk(tests: tuple[Test, ...]) -> Iterator[Condition | InSegment]:
    """Every condition and segment, however deep in groups."""
    for test in tests:
        if isinstance(test, AnyOf):
            for group in test.groups:
                yield from walk(group)
        else:
            yield test


@dataclass(frozen=True, slots=True)
class Segment:
    """Conditions with a key, for rules to name. All of them must hold; a segment names no other segment."""

    key: str
    conditions: tuple[Test, ...]
    description: str = ""

    def to_data(self) -> dict[str, Json]:
        described = {"description": self.description} if self.description else {}
        return {"key": self.key, **described, "conditions": [test.to_data() for test in self.conditions]}

    @classmethod
    def read(cls, data: object, reader: Reader) -> "Segment":
        table = reader.table(data, ("key", "description", "conditions"), ("key", "conditions"))
        conditions = read_tests(table, "conditions", reader, segments=False)
        return cls(reader.key(table, "key"), conditions, reader.text(table, "description", 2000))

    @classmethod
    def from_data(cls, data: object) -> "Segment":
        reader = Reader()
        segment = cls.read(data, reader)
        reader.finish()
        return segment
