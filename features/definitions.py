"""A feature flag as data: immutable, complete in itself, knowing neither database nor request.

`FlagDefinition` is what `features.compiling` compiles, what importers make and exporters write. Every class has a form
in plain JSON: `to_data()` gives it, leaving out what is at its default, and `from_data(data)` reads it back, equal.
`from_data` raises `features.problems.Invalid` with every problem and its place, such as
`environments.production.rules[2].split.weights[0].weight`. A database keeps the parts:

    rules_to_data(state.rules)                      the list of one environment's rules, for a JSON column
    rules_from_data(data)                           and back
    prerequisites_to_data, prerequisites_from_data  likewise
    Segment.to_data, Segment.from_data              in `features.conditions`
    flag.problems(segments)                         what does not fit together: variants, kinds, segments

Reading proves the form of each part. `FlagDefinition.from_data` also proves that the parts fit together; whoever builds
a flag by hand calls `problems`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from features import operands
from features.conditions import AnyOf, Condition, InSegment, Json, Scalar, Segment, Test, walk
from features.problems import Invalid, Path, Problem, Reader, value_problem
from features.rules import (
    ALGORITHMS,
    DEFAULT_ALGORITHM,
    DEFAULT_TOTAL,
    MOST_PREREQUISITES,
    MOST_RULES,
    MOST_VARIANTS,
    TARGETING_KEY,
    Algorithm,
    Prerequisite,
    Rule,
    Split,
    prerequisites_from_data,
    prerequisites_to_data,
    rules_from_data,
    rules_to_data,
    there,
)

__all__ = [
    "ALGORITHMS",
    "DEFAULT_ALGORITHM",
    "DEFAULT_TOTAL",
    "KINDS",
    "TARGETING_KEY",
    "Algorithm",
    "AnyOf",
    "Condition",
    "FlagDefinition",
    "FlagState",
    "InSegment",
    "Invalid",
    "Json",
    "Kind",
    "Prerequisite",
    "Problem",
    "Rule",
    "Scalar",
    "Segment",
    "Split",
    "Test",
    "prerequisites_from_data",
    "prerequisites_to_data",
    "rules_from_data",
    "rules_to_data",
]

Kind = Literal["boolean", "string", "number", "object"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MOST_ENVIRONMENTS = 100
MOST_METADATA = 50
MOST_TAGS = 50


@dataclass(frozen=True, slots=True)
class FlagState:
    """A flag in one environment.

    Switched off, or with a prerequisite that does not hold, it answers with `off_variant`; where no rule answers, with
    `default_variant`. None is no value: the client's own default counts.
    """

    enabled: bool = False
    off_variant: str | None = None
    default_variant: str | None = None
    rules: tuple[Rule, ...] = ()
    prerequisites: tuple[Prerequisite, ...] = ()

    def to_data(self) -> dict[str, Json]:
        data: dict[str, Json] = {"enabled": self.enabled}
        data |= there(off_variant=self.off_variant, default_variant=self.default_variant)
        if self.rules:
            data["rules"] = rules_to_data(self.rules)
        if self.prerequisites:
            data["prerequisites"] = prerequisites_to_data(self.prerequisites)
        return data

    @classmethod
    def read(cls, data: object, reader: Reader) -> "FlagState":
        table = reader.table(data, ("enabled", "off_variant", "default_variant", "rules", "prerequisites"))
        return cls(
            reader.flag(table, "enabled"),
            reader.optional_key(table, "off_variant"),
            reader.optional_key(table, "default_variant"),
            tuple(Rule.read(item, reader) for item in reader.items(table, "rules", MOST_RULES)),
            tuple(Prerequisite.read(item, reader) for item in reader.items(table, "prerequisites", MOST_PREREQUISITES)),
        )


@dataclass(frozen=True, slots=True)
class FlagDefinition:
    """A flag with its variants, and its state in each environment that has one.

    `salt` is what the flag's splits hash with each caller: the key if none is given, and kept from then on, so that a
    later change of the key moves nobody. `metadata` goes to clients with each answer. `raw_exposures` asks that who got
    which variant is kept, too.
    """

    key: str
    kind: Kind
    variants: Mapping[str, Json]
    environments: Mapping[str, FlagState] = field(default_factory=dict)
    description: str = ""
    owner: str = ""
    ticket: str = ""
    tags: tuple[str, ...] = ()
    permanent: bool = False
    archived: bool = False
    raw_exposures: bool = False
    algorithm: Algorithm = DEFAULT_ALGORITHM
    salt: str = ""
    metadata: Mapping[str, Scalar] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.salt:
            object.__setattr__(self, "salt", self.key)

    @property
    def answers_floats(self) -> bool:
        """Whether its values are floats, of which one that is whole is `1.0`: typed clients refuse an integer there."""
        return self.kind == "number" and any(isinstance(value, float) for value in self.variants.values())

    def to_data(self) -> dict[str, Json]:
        data: dict[str, Json] = {"key": self.key, "kind": self.kind, "variants": dict(self.variants)}
        words = {name: getattr(self, name) for name in PLAIN}
        data |= {name: value for name, value in words.items() if value}
        if self.tags:
            data["tags"] = list(self.tags)
        data |= {"algorithm": self.algorithm, "salt": self.salt}
        if self.metadata:
            data["metadata"] = dict(self.metadata)
        return data | {"environments": {key: state.to_data() for key, state in self.environments.items()}}

    @classmethod
    def read(cls, data: object, reader: Reader) -> "FlagDefinition":
        """The form only; `from_data` also proves that the parts fit together."""
        table = reader.table(data, FIELDS, ("key", "kind", "variants"))
        variants = {}
        for key, value in reader.named(table, "variants", MOST_VARIANTS):
            variants[key] = value
            if unfit := value_problem(value):
                reader.wrong(unfit)
        metadata = {}
        for key, value in reader.named(table, "metadata", MOST_METADATA):
            metadata[key] = value
            try:
                operands.scalar(value)
            except operands.Unreadable as error:
                reader.wrong(str(error))
        environments = {
            key: FlagState.read(state, reader) for key, state in reader.named(table, "environments", MOST_ENVIRONMENTS)
        }
        return cls(
            reader.key(table, "key"),
            reader.choice(table, "kind", KINDS),
            variants,
            environments,
            reader.text(table, "description", 2000),
            reader.text(table, "owner"),
            reader.text(table, "ticket"),
            tuple(reader.word(tag) for tag in reader.items(table, "tags", MOST_TAGS)),
            reader.flag(table, "permanent"),
            reader.flag(table, "archived"),
            reader.flag(table, "raw_exposures"),
            reader.choice(table, "algorithm", ALGORITHMS) if "algorithm" in table else DEFAULT_ALGORITHM,
            reader.text(table, "salt"),
            metadata,
        )

    @classmethod
    def from_data(cls, data: object, segments: Mapping[str, Segment] | None = None) -> "FlagDefinition":
        """Raises Invalid. Segments that rules name are looked for in `segments`, and not at all if it is None."""
        reader = Reader()
        flag = cls.read(data, reader)
        reader.finish()
        reader.problems.extend(flag.problems(segments))
        reader.finish()
        return flag

    def problems(self, segments: Mapping[str, Segment] | None = None) -> list[Problem]:
        """Whatever does not fit together. Other flags, which prerequisites name, are not known here: for those, and
        for cycles, see `features.prerequisites`."""
        return [Problem(path, message) for path, message in self._misfits(segments)]

    def _misfits(self, segments: Mapping[str, Segment] | None) -> Iterator[tuple[Path, str]]:
        if not self.variants:
            yield ("variants",), "must hold a variant"
        for key, value in self.variants.items():
            if not is_of_kind(value, self.kind):
                yield ("variants", key), f"must be a {self.kind}"
        for environment, state in self.environments.items():
            path: Path = ("environments", environment)
            for name, chosen in (("off_variant", state.off_variant), ("default_variant", state.default_variant)):
                if chosen is not None and chosen not in self.variants:
                    yield (*path, name), f"{chosen} is no variant of this flag"
            for place, rule in enumerate(state.rules):
                yield from self._rule_misfits(rule, (*path, "rules", place), segments)
            for place, prerequisite in enumerate(state.prerequisites):
                if prerequisite.flag == self.key:
                    yield (*path, "prerequisites", place, "flag"), "a flag cannot be its own prerequisite"

    def _rule_misfits(
        self, rule: Rule, path: Path, segments: Mapping[str, Segment] | None
    ) -> Iterator[tuple[Path, str]]:
        if rule.variant is not None and rule.variant not in self.variants:
            yield (*path, "variant"), f"{rule.variant} is no variant of this flag"
        for place, (key, _) in enumerate(rule.split.weights if rule.split else ()):
            if key not in self.variants:
                yield (*path, "split", "weights", place, "variant"), f"{key} is no variant of this flag"
        for test in walk(rule.conditions) if segments is not None else ():
            if isinstance(test, InSegment) and test.segment not in (segments or {}):
                yield (*path, "conditions"), f"there is no segment {test.segment}"


PLAIN = ("description", "owner", "ticket", "permanent", "archived", "raw_exposures")
"""What is left out where it is empty or false."""
FIELDS = (
    "key",
    "kind",
    "variants",
    "environments",
    "description",
    "owner",
    "ticket",
    "tags",
    "permanent",
    "archived",
    "raw_exposures",
    "algorithm",
    "salt",
    "metadata",
)


def is_of_kind(value: Json, kind: Kind) -> bool:
    """Is this what a flag of the kind may answer? true and false are no numbers."""
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str if kind == "string" else dict)
