"""What a rule answers with, and when: rules, splits and prerequisites, as data. See `features.definitions`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from features import operands
from features.conditions import Json, Test, read_tests
from features.problems import Reader, is_key

Algorithm = Literal[
    "flagd-v2",
    "lukhas-v1",
    "unleash",
    "unleash-variants",
    "flagsmith",
    "growthbook-v2",
    "launchdarkly",
    "posthog",
    "posthog-variants",
]
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)
"""How a caller is placed in a split. `features.bucketing` says what each does."""
DEFAULT_ALGORITHM: Algorithm = "flagd-v2"
TARGETING_KEY = "targetingKey"
"""The attribute that says who is asking, as OpenFeature names it."""
DEFAULT_TOTAL = 100_000
"""What weights add up to where nothing else is asked for: thousandths of a per cent."""
MOST_WEIGHT = 2**31 - 1
MOST_VARIANTS = 100
MOST_RULES = 500
MOST_PREREQUISITES = 20


@dataclass(frozen=True, slots=True)
class Split:
    """Callers are spread over variants by weight; the same caller always gets the same one.

    `weights` are pairs of variant and whole number, in the order in which they take up the range; a variant may have
    several. `total` is their sum. `attribute` is what callers are told apart by. `algorithm` and `salt` are the flag's
    own where they are None.
    """

    weights: tuple[tuple[str, int], ...]
    attribute: str = TARGETING_KEY
    algorithm: Algorithm | None = None
    salt: str | None = None

    @property
    def total(self) -> int:
        return sum(weight for _, weight in self.weights)

    def to_data(self) -> dict[str, Json]:
        weights = [{"variant": variant, "weight": weight} for variant, weight in self.weights]
        data: dict[str, Json] = {"weights": weights, "total": self.total}
        if self.attribute != TARGETING_KEY:
            data["attribute"] = self.attribute
        return data | there(algorithm=self.algorithm, salt=self.salt)

    @classmethod
    def read(cls, data: object, reader: Reader) -> "Split":
        table = reader.table(data, ("weights", "total", "attribute", "algorithm", "salt"), ("weights",))
        weights = []
        for item in reader.items(table, "weights", MOST_VARIANTS):
            pair = reader.table(item, ("variant", "weight"), ("variant", "weight"))
            weights.append((reader.key(pair, "variant"), reader.whole(pair, "weight", MOST_WEIGHT)))
        split = cls(
            tuple(weights),
            TARGETING_KEY if table.get("attribute") is None else reader.text(table, "attribute"),
            reader.choice(table, "algorithm", ALGORITHMS) if table.get("algorithm") is not None else None,
            reader.optional_text(table, "salt"),
        )
        if not split.attribute:
            reader.wrong("must name an attribute", "attribute")
        if "weights" in table and not 0 < split.total <= MOST_WEIGHT:
            reader.wrong(f"must add up to 1 to {MOST_WEIGHT}", "weights")
        if "total" in table and reader.whole(table, "total", MOST_WEIGHT) != split.total:
            reader.wrong(f"is not what the weights add up to, which is {split.total}", "total")
        return split


@dataclass(frozen=True, slots=True)
class Rule:
    """Where all conditions hold, and the time is in [`starts`, `ends`), the rule answers: with `variant`, or with one
    that `split` chooses. Exactly one of the two is there. `name` is for people."""

    conditions: tuple[Test, ...] = ()
    variant: str | None = None
    split: Split | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    name: str = ""

    @property
    def variants(self) -> tuple[str, ...]:
        """Every variant that it can answer with."""
        chosen = () if self.variant is None else (self.variant,)
        return chosen + (tuple(variant for variant, _ in self.split.weights) if self.split else ())

    def to_data(self) -> dict[str, Json]:
        """`from` and `until` are what `starts` and `ends` are called in JSON."""
        data: dict[str, Json] = {"name": self.name} if self.name else {}
        if self.conditions:
            data["conditions"] = [test.to_data() for test in self.conditions]
        return data | there(
            variant=self.variant,
            split=self.split and self.split.to_data(),
            **{"from": self.starts and self.starts.isoformat(), "until": self.ends and self.ends.isoformat()},
        )

    @classmethod
    def read(cls, data: object, reader: Reader) -> "Rule":
        table = reader.table(data, ("name", "conditions", "variant", "split", "from", "until"))
        split = None
        if table.get("split") is not None:
            with reader.at("split"):
                split = Split.read(table["split"], reader)
        rule = cls(
            read_tests(table, "conditions", reader),
            reader.optional_key(table, "variant"),
            split,
            reader.parsed(table, "from", operands.moment),
            reader.parsed(table, "until", operands.moment),
            reader.text(table, "name"),
        )
        if isinstance(data, Mapping) and (rule.variant is None) == (rule.split is None):
            reader.wrong("must answer with a variant or a split, and not with both")
        if rule.starts and rule.ends and rule.starts >= rule.ends:
            reader.wrong("must be after from", "until")
        return rule


@dataclass(frozen=True, slots=True)
class Prerequisite:
    """Another flag, of the same organisation and environment, must answer with one of these variants."""

    flag: str
    variants: tuple[str, ...]

    def to_data(self) -> dict[str, Json]:
        return {"flag": self.flag, "variants": list(self.variants)}

    @classmethod
    def read(cls, data: object, reader: Reader) -> "Prerequisite":
        table = reader.table(data, ("flag", "variants"), ("flag", "variants"))
        variants = []
        for item in reader.items(table, "variants", MOST_VARIANTS):
            variants.append(str(item))
            if not is_key(item):
                reader.wrong("must be the key of a variant")
        if "variants" in table and not variants:
            reader.wrong("must name a variant", "variants")
        return cls(reader.key(table, "flag"), tuple(variants))


def there(**found: Json) -> dict[str, Json]:
    """Those that are not None."""
    return {name: value for name, value in found.items() if value is not None}


def rules_to_data(rules: Iterable[Rule]) -> list[Json]:
    return [rule.to_data() for rule in rules]


def rules_from_data(data: object) -> tuple[Rule, ...]:
    """The rules of one environment, from their list; raises Invalid."""
    reader = Reader()
    rules = tuple(Rule.read(item, reader) for item in reader.items({"rules": data}, "rules", MOST_RULES))
    reader.finish()
    return rules


def prerequisites_to_data(prerequisites: Iterable[Prerequisite]) -> list[Json]:
    return [prerequisite.to_data() for prerequisite in prerequisites]


def prerequisites_from_data(data: object) -> tuple[Prerequisite, ...]:
    """The prerequisites of one environment, from their list; raises Invalid."""
    reader = Reader()
    items = reader.items({"prerequisites": data}, "prerequisites", MOST_PREREQUISITES)
    prerequisites = tuple(Prerequisite.read(item, reader) for item in items)
    reader.finish()
    return prerequisites
