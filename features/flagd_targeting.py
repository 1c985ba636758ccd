"""flagd's targeting into ordered rules.

Targeting is a tree: `if` chooses a branch, and a branch is the name of a variant, another `if`, or a `fractional`
split. Each way through the tree becomes rules, in order, so that the first that holds is the branch that JsonLogic
would take. A branch without a result means the default variant, and ends the search like any other.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from features.bucketing import flagd_v2
from features.conditions import Condition
from features.definitions import TARGETING_KEY, Json, Rule, Split
from features.flagd_conditions import FLIPPED, Conditions, Guard, attribute, operation
from features.importing import Importer

CONDITIONS = (*FLIPPED, "!", "!!", "and", "or", "in")
"""Operations that are true or false, and so can be the name of a variant."""
UNSURE = ("starts_with", "ends_with", "sem_ver")
"""Likewise, but without a result where the attribute is no text or version."""
FLAG_KEY = "$flagd.flagKey"
MOST_WEIGHT = 2**31 - 1
A_KEY = (
    Condition(TARGETING_KEY, "starts_with", ("",)),
    Condition(TARGETING_KEY, "equals", ("",), negate=True),
)
"""The targeting key is a text, and not an empty one."""


@dataclass(frozen=True, slots=True)
class Bucketing:
    """What callers are told apart by. `always` holds where the attribute being missing makes an empty text of it."""

    attribute: str
    salt: str
    always: bool


class Targeting:
    """Reads the targeting of one flag."""

    def __init__(self, reader: Importer, key: str, variants: Mapping[str, Any], default: str | None) -> None:
        self.reader, self.key, self.variants, self.default = reader, key, variants, default
        self.conditions = Conditions(reader)

    def rules(self, logic: Json) -> tuple[Rule, ...]:
        found = [rule for rule in self.branch(logic, Guard()) if rule]
        while found and found[-1].name == "default":  # what no rule answers is the default variant in any case
            found.pop()
        if self.default is None and any(rule.name == "default" for rule in found):
            self.reader.inexact("a branch without a result needs a default variant; taken as not being there")
            found = [rule for rule in found if rule.name != "default"]
        return tuple(found)

    def branch(self, logic: Json, guard: Guard) -> Iterator[Rule | None]:
        """The rules of a branch that is reached where the guard holds. One of them answers wherever it does."""
        found = operation(logic)
        if logic is None:
            yield self.fallen(guard)
        elif found is None:
            yield self.named(logic, guard)
        else:
            name, arguments = found
            if name in ("if", "?:"):
                with self.reader.at(name):
                    yield from self.choice(arguments, guard)
            elif name == "fractional":
                with self.reader.at(name):
                    yield from self.fractional(arguments, guard)
            elif name in CONDITIONS or name in UNSURE:
                yield from self.truth(logic, guard, name in UNSURE)
            else:
                self.reader.inexact("is not known here; the default variant answers", name)
                yield self.fallen(guard)

    def rule(self, guard: Guard, **answer: Any) -> Rule | None:
        """None where the guard can never hold."""
        return None if guard.is_never else Rule(guard.tests, starts=guard.starts, ends=guard.ends, **answer)

    def fallen(self, guard: Guard) -> Rule | None:
        return self.rule(guard, variant=self.default, name="default")

    def named(self, logic: Json, guard: Guard) -> Rule | None:
        return self.rule(guard, variant=self.variant(logic))

    def variant(self, logic: Json) -> str:
        """The variant that a result names; true and false name those of their name."""
        name = ("true" if logic else "false") if isinstance(logic, bool) else logic
        if not isinstance(name, str):
            self.reader.wrong("must be the name of a variant")
        elif name not in self.variants:
            self.reader.wrong(f"{name} is none of the variants")
        return str(name)

    def choice(self, arguments: list[Json], guard: Guard) -> Iterator[Rule | None]:
        """Condition, branch, condition, branch, and at the end perhaps what else."""
        for place in range(0, len(arguments) - 1, 2):
            with self.reader.at(place):
                condition = self.conditions.read(arguments[place])
            with self.reader.at(place + 1):
                yield from self.branch(arguments[place + 1], guard.and_also(condition))
        last = len(arguments) - 1
        with self.reader.at(max(last, 0)):
            yield from self.branch(arguments[last] if last % 2 == 0 else None, guard)

    def truth(self, logic: Json, guard: Guard, unsure: bool) -> Iterator[Rule | None]:
        """A condition as the result: the variants `true` and `false`."""
        condition = self.conditions.read(logic)
        yield self.rule(guard.and_also(condition), variant=self.variant(True))
        if unsure:
            leaves = (test for test in condition.tests if isinstance(test, Condition))
            contrary = Guard(tuple(replace(leaf, negate=not leaf.negate) for leaf in leaves))
            yield self.rule(guard.and_also(contrary), variant=self.variant(False))
            yield self.fallen(guard)
        else:
            yield self.rule(guard, variant=self.variant(False))

    def fractional(self, arguments: list[Json], guard: Guard) -> Iterator[Rule | None]:
        """Variants by weight, by the targeting key or by what the first argument says."""
        by = self.bucketing(arguments)
        weights = self.weights(arguments if by is None else arguments[1:], 0 if by is None else 1)
        if weights is None:
            yield self.fallen(guard)
            return
        by = by or Bucketing(TARGETING_KEY, self.key, False)
        split = Split(weights, by.attribute, "flagd-v2", by.salt)
        there = Guard(A_KEY if by.attribute == TARGETING_KEY else (Condition(by.attribute, "exists"),))
        yield self.rule(guard.and_also(there), split=split)
        if by.always:
            yield self.rule(guard, variant=chosen(split, by.salt))
        else:
            yield self.fallen(guard)

    def bucketing(self, arguments: list[Json]) -> Bucketing | None:
        """What the first argument says; None where it is a weight already, and the targeting key decides."""
        first = arguments[0] if arguments else []
        if isinstance(first, list):
            return None
        if (name := attribute(first)) is not None:
            return Bucketing(name, "", always=False)
        found = operation(first)
        *texts, last = [*found[1]] if found and found[0] == "cat" and found[1] else [None]
        name = attribute(last)
        words = [self.key if attribute(text) == FLAG_KEY else text for text in texts]
        if name is not None and name != FLAG_KEY and all(isinstance(word, str) for word in words):
            return Bucketing(name, "".join(map(str, words)), always=True)
        with self.reader.at(0):
            self.reader.inexact(
                "must be an attribute, or texts with one attribute at the end; the targeting key decides"
            )
        return Bucketing(TARGETING_KEY, self.key, always=False)

    def weights(self, arguments: list[Json], start: int) -> tuple[tuple[str, int], ...] | None:
        """Variants and weights, of which one left out is 1 and a negative one 0; None where there is no result."""
        found = []
        for place, item in enumerate(arguments, start):
            with self.reader.at(place):
                if not isinstance(item, list) or not 1 <= len(item) <= 2:
                    self.reader.wrong("must be a list of a variant and a weight")
                    continue
                weight = item[1] if len(item) == 2 else 1
                if isinstance(weight, bool) or not isinstance(weight, int):
                    self.reader.wrong("must be a whole number", 1)
                    continue
                with self.reader.at(0):
                    found.append((self.variant(item[0]), max(0, weight)))
        return tuple(found) if 0 < sum(weight for _, weight in found) <= MOST_WEIGHT else None


def chosen(split: Split, who: str) -> str:
    """The variant of the caller whose hashed text is exactly this."""
    bounds = list(accumulate(weight for _, weight in split.weights))
    return split.weights[bisect_right(bounds, flagd_v2("", split.total)(who))][0]
