"""Flags as a flagd file.

flagd's targeting is exact for contexts whose attributes are of the kinds that the operators ask for. What JsonLogic
cannot say at all, such as patterns, networks and prerequisites, is a problem.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping

from features import loose
from features.conditions import AnyOf, Condition, InSegment, Segment, Test
from features.definitions import TARGETING_KEY, FlagDefinition, FlagState, Json, Rule, Split
from features.flagd_conditions import TIME
from features.flagd_targeting import FLAG_KEY
from features.importing import Exported, Importer
from features.operands import EPOCH, MICROSECOND

ORDERS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
VERSIONS = {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "major": "^", "minor": "~"}
ANSWER_ALL = ("truthy", *loose.ORDERS)
"""Operators that have an answer to whatever an attribute is."""
SCHEMA = "https://flagd.dev/schema/v0/flags.json"


def write(
    flags: Iterable[FlagDefinition], segments: Iterable[Segment], environment: str, *, approximate: bool = False
) -> Exported:
    """The flags as they are in `environment`. What flagd cannot hold is a problem, told by Invalid; with `approximate`,
    a condition of that kind never holds, and the rest is left out. Segments become `$evaluators`."""
    reader = Importer(approximate)
    segments = tuple(segments)
    writer = Writer(reader, {segment.key for segment in segments})
    table: dict[str, Json] = {"$schema": SCHEMA, "flags": {}}
    evaluators: dict[str, Json] = {}
    for segment in segments:
        with reader.at("$evaluators", segment.key):
            evaluators[segment.key] = writer.all_of(segment.conditions)
    if evaluators:
        table["$evaluators"] = evaluators
    for flag in flags:
        with reader.at("flags", flag.key):
            table["flags"][flag.key] = writer.flag(flag, flag.environments.get(environment, FlagState()))
    approximations = reader.result([]).approximations
    return Exported(json.dumps(table, indent=2, ensure_ascii=False) + "\n", approximations)


class Writer:
    """Writes flags; what cannot be held is told."""

    def __init__(self, reader: Importer, segments: Collection[str]) -> None:
        self.reader, self.segments = reader, segments

    def flag(self, flag: FlagDefinition, state: FlagState) -> Json:
        if state.prerequisites:
            self.reader.inexact("flagd knows no prerequisites; left out", "prerequisites")
        if state.off_variant is not None and not state.enabled:
            self.reader.inexact("a flag that is off has no value in flagd; left out", "off_variant")
        found: dict[str, Json] = {
            "state": "ENABLED" if state.enabled else "DISABLED",
            "variants": dict(flag.variants),
            "defaultVariant": state.default_variant,
        }
        if state.rules:
            found["targeting"] = self.targeting(flag, state.rules)
        if flag.metadata:
            found["metadata"] = dict(flag.metadata)
        return found

    def targeting(self, flag: FlagDefinition, rules: tuple[Rule, ...]) -> Json:
        """One `if` with a condition and an answer for each rule."""
        branches: list[Json] = []
        for place, rule in enumerate(rules):
            with self.reader.at("rules", place):
                branches += [self.condition(rule), self.answer(flag, rule)]
        return {"if": [*branches, None]}

    def condition(self, rule: Rule) -> Json:
        tests = [self.test(test, at) for at, test in enumerate(rule.conditions)]
        for name, edge, operator in (("from", rule.starts, ">="), ("until", rule.ends, "<")):
            if edge is not None:
                if edge.microsecond:
                    self.reader.inexact("flagd's time has whole seconds; cut off", name)
                seconds = (edge - EPOCH) // MICROSECOND // 1_000_000
                tests.append({operator: [{"var": TIME}, seconds]})
        if rule.split and rule.split.attribute != TARGETING_KEY:
            tests.append(there(rule.split.attribute))
        return joined("and", tests)

    def answer(self, flag: FlagDefinition, rule: Rule) -> Json:
        if rule.split is None:
            return rule.variant
        if (rule.split.algorithm or flag.algorithm) != "flagd-v2":
            self.reader.inexact("flagd has no other algorithm than flagd-v2; callers are spread anew", "split")
        return {
            "fractional": [*self.by(flag, rule.split), *([variant, weight] for variant, weight in rule.split.weights)]
        }

    def by(self, flag: FlagDefinition, split: Split) -> list[Json]:
        salt = flag.salt if split.salt is None else split.salt
        variable = {"var": split.attribute}
        if salt == flag.key:
            return [] if split.attribute == TARGETING_KEY else [{"cat": [{"var": FLAG_KEY}, variable]}]
        return [{"cat": [salt, variable]}]

    def all_of(self, tests: tuple[Test, ...]) -> Json:
        return joined("and", [self.test(test, place) for place, test in enumerate(tests)])

    def test(self, test: Test, place: int) -> Json:
        if isinstance(test, AnyOf):
            with self.reader.at("conditions", place):
                return joined("or", [self.all_of(group) for group in test.groups])
        if isinstance(test, InSegment) and test.segment not in self.segments:
            self.reader.inexact(f"there is no segment {test.segment}; never holds", "conditions", place)
            return False
        if isinstance(test, InSegment):
            inside = {"$ref": test.segment}
            return {"!": [inside]} if test.negate else inside
        with self.reader.at("conditions", place):
            return self.leaf(test)

    def leaf(self, test: Condition) -> Json:
        """The operation, turned round if negated, and with what holds where the attribute is missing, which flagd's
        orders would take for 0."""
        writes = WRITES.get(test.operator)
        if writes is None or test.ignore_case:
            what = f"{test.operator} without regard to case" if test.ignore_case else test.operator
            self.reader.inexact(f"flagd cannot ask for {what}; never holds")
            return False
        found = writes(test)
        if test.operator == "exists":
            return found
        negate = test.negate is not (test.operator == "not_in")
        turned = {"!": [found]} if negate else found
        if test.operator in ANSWER_ALL or (negate is test.otherwise and test.operator not in ORDERS):
            return turned
        if test.otherwise:
            return {"or": [turned, {"!": [usable(test)]}]}
        return {"and": [usable(test), turned]}


def there(attribute: str) -> Json:
    return {"!==": [{"var": attribute}, None]}


def usable(test: Condition) -> Json:
    """The attribute is there and, where that can be asked, of the kind that the operator takes."""
    if test.operator in ("starts_with", "ends_with"):
        return {"starts_with": [{"var": test.attribute}, ""]}
    if "semver" in test.operator:
        return {"sem_ver": [{"var": test.attribute}, ">=", "0.0.0-0"]}
    return there(test.attribute)


def joined(operator: str, tests: list[Json]) -> Json:
    if not tests:
        return True
    return tests[0] if len(tests) == 1 else {operator: tests}


def each(write: Callable[[Json, Json], Json]) -> Callable[[Condition], Json]:
    """One operation for each value, of which one must be true."""
    return lambda test: joined("or", [write({"var": test.attribute}, value) for value in test.values])


def simple(operator: str) -> Callable[[Condition], Json]:
    return each(lambda variable, value: {operator: [variable, value]})


def version(operator: str) -> Callable[[Condition], Json]:
    return each(lambda variable, value: {"sem_ver": [variable, operator, value]})


WRITES: Mapping[str, Callable[[Condition], Json]] = {
    "in": lambda test: {"in": [{"var": test.attribute}, list(test.values)]},
    "not_in": lambda test: {"in": [{"var": test.attribute}, list(test.values)]},
    "equals": simple("==="),
    "loose_equals": simple("=="),
    "contains": each(lambda variable, value: {"in": [value, variable]}),
    "starts_with": simple("starts_with"),
    "ends_with": simple("ends_with"),
    "exists": lambda test: {"===" if test.negate else "!==": [{"var": test.attribute}, None]},
    "truthy": lambda test: {"!!": [{"var": test.attribute}]},
    **{name: simple(operator) for name, operator in ORDERS.items()},
    **{f"loose_{name}": simple(operator) for name, operator in ORDERS.items()},
    **{f"semver_{name}": version(operator) for name, operator in VERSIONS.items()},
    **{f"loose_semver_{name}": version(operator) for name, operator in VERSIONS.items()},
}
