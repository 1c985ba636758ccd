"""Flags of one organisation and environment, compiled for evaluation: closures over their rules, made once.

Everything that can be decided beforehand is: texts are encoded, sets and bounds are made, each answer exists already.
Evaluating makes no SQL, takes no lock, and raises for no context. A Ruleset is never changed; a newer one takes its
place.
"""

import gc
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import accumulate
from time import time_ns

from features import prerequisites
from features.bucketing import PLACES, identity
from features.conditions import AnyOf, InSegment, Segment, Test
from features.definitions import TARGETING_KEY, FlagDefinition, FlagState, Rule, Split
from features.evaluation import INVALID_CONTEXT, Evaluation, Reason, failure, not_found
from features.operands import EPOCH, MICROSECOND, Unreadable
from features.operators import Context, Holds, finder, predicate

Memo = dict[str, Evaluation]
"""What the prerequisites of one evaluation answered, so that each is asked once."""
Answer = Callable[[Context, int, Memo], Evaluation]
"""A flag: context and time, in microseconds since 1970, to its answer."""
Ruling = Callable[[Context, int], Evaluation | None]
"""A rule: likewise; None where it does not answer."""

CIRCLE = failure("GENERAL", "the prerequisites of this flag form a circle, or depend on flags that do")
TOO_DEEP = failure("GENERAL", f"more than {prerequisites.DEEPEST} prerequisites stand behind each other")
BROKEN = failure("GENERAL", "the flag cannot be evaluated: it was not stored by this version, or was damaged")
NO_STATE = FlagState()


class Ruleset:
    """What `compile_ruleset` makes. `flags` and `segments` are what it was made from; `raw` are the keys of those flags
    that ask for raw exposures."""

    __slots__ = ("_answers", "_edges", "environment", "flags", "raw", "segments")

    def __init__(
        self,
        environment: str,
        flags: Mapping[str, FlagDefinition],
        segments: Mapping[str, Segment],
        answers: Mapping[str, Answer],
        edges: list[int],
    ) -> None:
        self.environment, self.flags, self.segments = environment, flags, segments
        self._answers, self._edges = answers, edges
        self.raw = frozenset(key for key, flag in flags.items() if flag.raw_exposures)

    def evaluate(self, key: str, context: object, now: datetime | None = None) -> Evaluation:
        """The flag's answer to this context, which may be anything that JSON holds. Never raises for it."""
        answer = self._answers.get(key)
        if answer is None:
            return not_found()
        if not isinstance(context, Mapping):
            return INVALID_CONTEXT
        if now is not None:
            return answer(context, microseconds(now), {})
        return answer(context, time_ns() // 1000 if self._edges else 0, {})

    def evaluate_all(self, context: object, now: datetime | None = None) -> dict[str, Evaluation]:
        """The answers of all flags, at one moment."""
        at = now or EPOCH + timedelta(microseconds=time_ns() // 1000)
        return {key: self.evaluate(key, context, at) for key in self._answers}

    def next_change(self, now: datetime | None = None) -> datetime | None:
        """When the next window of any flag opens or closes, after `now`; None if none does."""
        at = time_ns() // 1000 if now is None else microseconds(now)
        place = bisect_right(self._edges, at)
        return EPOCH + timedelta(microseconds=self._edges[place]) if place < len(self._edges) else None

    def state(self, key: str) -> FlagState:
        """A flag's state here; switched off, where it has none."""
        return self.flags[key].environments.get(self.environment, NO_STATE)


def microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def compile_ruleset(flags: Iterable[FlagDefinition], segments: Iterable[Segment], environment: str) -> Ruleset:
    """Compiles all flags of an organisation for one environment. A flag that cannot be compiled answers with an error,
    and keeps no other from answering."""
    with uncollected():
        return _compile({flag.key: flag for flag in flags}, segments, environment)


@contextmanager
def uncollected() -> Iterator[None]:
    """Without garbage collection: going through ten thousand new flags again and again, to find that all are needed,
    takes four times as long as making them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _compile(by_key: Mapping[str, FlagDefinition], segments: Iterable[Segment], environment: str) -> Ruleset:
    known = {segment.key: segment for segment in segments}
    holds = {key: together(segment.conditions, {}) for key, segment in known.items()}
    edges = prerequisites.graph(by_key, environment)
    depths = prerequisites.in_order(edges)
    answers: dict[str, Answer] = {}
    moments: set[int] = set()
    for key, flag in by_key.items():
        if key not in edges:
            answers[key] = compile_flag(flag, environment, holds, answers)
    for key in edges:
        answers.setdefault(key, constant(CIRCLE))
    for key, depth in depths.items():
        deep = depth > prerequisites.DEEPEST
        answers[key] = constant(TOO_DEEP) if deep else compile_flag(by_key[key], environment, holds, answers)
    for flag in by_key.values():
        for rule in flag.environments.get(environment, NO_STATE).rules:
            moments.update(microseconds(edge) for edge in (rule.starts, rule.ends) if edge)
    ordered = {key: answers[key] for key in by_key}
    return Ruleset(environment, by_key, known, ordered, sorted(moments))


def constant(evaluation: Evaluation) -> Answer:
    return lambda context, now, memo: evaluation


def compile_flag(
    flag: FlagDefinition, environment: str, segments: Mapping[str, Holds], answers: Mapping[str, Answer]
) -> Answer:
    """One flag. `answers` has those that it depends on, as far as they exist."""
    state = flag.environments.get(environment, NO_STATE)
    try:
        off = outcome(flag, state.off_variant, "DISABLED")
        if not state.enabled:
            return constant(off)
        answer = compile_rules(flag, state, segments)
    except (KeyError, Unreadable):
        return constant(BROKEN)
    return gated(state, off, answer, answers) if state.prerequisites else answer


def outcome(flag: FlagDefinition, variant: str | None, reason: Reason, rule: int | None = None) -> Evaluation:
    value = None if variant is None else flag.variants[variant]
    return Evaluation(value, variant, reason, rule, metadata=flag.metadata)


def gated(state: FlagState, off: Evaluation, answer: Answer, answers: Mapping[str, Answer]) -> Answer:
    """A flag whose prerequisites must hold; the error of one is its own."""
    gates = [(item.flag, answers.get(item.flag), frozenset(item.variants)) for item in state.prerequisites]

    def behind_gates(context: Context, now: int, memo: Memo) -> Evaluation:
        for key, needed, variants in gates:
            if needed is None:
                return off
            found = memo.get(key)
            if found is None:
                found = memo[key] = needed(context, now, memo)
            if found.error:
                return replace(off, value=None, variant=None, reason="ERROR", error=found.error)
            if found.variant not in variants:
                return off
        return answer(context, now, memo)

    return behind_gates


def compile_rules(flag: FlagDefinition, state: FlagState, segments: Mapping[str, Holds]) -> Answer:
    """The first rule that answers, or the default variant."""
    decided = state.rules or state.prerequisites
    default = outcome(flag, state.default_variant, "DEFAULT" if decided else "STATIC")
    rulings = tuple(compile_rule(flag, place, rule, segments) for place, rule in enumerate(state.rules))
    if not rulings:
        return constant(default)

    def first(context: Context, now: int, memo: Memo) -> Evaluation:
        for ruling in rulings:
            found = ruling(context, now)
            if found is not None:
                return found
        return default

    return first


def compile_rule(flag: FlagDefinition, place: int, rule: Rule, segments: Mapping[str, Holds]) -> Ruling:
    holds = together(rule.conditions, segments)
    ruling: Ruling
    if rule.split:
        split = compile_split(flag, place, rule.split)

        def ruling(context: Context, now: int) -> Evaluation | None:
            return split(context) if holds(context) else None
    else:
        answer = outcome(flag, rule.variant, "TARGETING_MATCH", place)

        def ruling(context: Context, now: int) -> Evaluation | None:
            return answer if holds(context) else None

    return ruling if rule.starts is None and rule.ends is None else windowed(rule, ruling)


def windowed(rule: Rule, ruling: Ruling) -> Ruling:
    """The rule from its start, and before its end."""
    starts = float("-inf") if rule.starts is None else microseconds(rule.starts)
    ends = float("inf") if rule.ends is None else microseconds(rule.ends)
    return lambda context, now: ruling(context, now) if starts <= now < ends else None


def compile_split(flag: FlagDefinition, place: int, split: Split) -> Callable[[Context], Evaluation | None]:
    """Chooses by weight. Without a targeting key it is an error to ask; without another attribute, no match."""
    made: dict[str, Evaluation] = {}
    for variant, _ in split.weights:
        made.setdefault(variant, outcome(flag, variant, "SPLIT", place))
    outcomes = [made[variant] for variant, _ in split.weights]
    bounds = list(accumulate(weight for _, weight in split.weights))
    number = PLACES[split.algorithm or flag.algorithm](flag.salt if split.salt is None else split.salt, split.total)
    nobody = missing(flag, place) if split.attribute == TARGETING_KEY else None
    find = finder(split.attribute)

    def choose(context: Context) -> Evaluation | None:
        who = find(context)
        if type(who) is not str or not who:
            try:
                who = identity(who)
            except Unreadable:
                return nobody
        return outcomes[bisect_right(bounds, number(who))]

    return choose


def missing(flag: FlagDefinition, place: int) -> Evaluation:
    found = failure("TARGETING_KEY_MISSING", f"{TARGETING_KEY} is missing, and {flag.key} spreads callers by it")
    return Evaluation(None, None, found.reason, place, error=found.error, metadata=flag.metadata)


def together(tests: tuple[Test, ...], segments: Mapping[str, Holds]) -> Holds:
    """All of them. A segment that does not exist holds for nobody, and neither does its negation."""
    made = tuple(compile_test(item, segments) for item in tests)
    if not made:
        return lambda context: True
    if len(made) == 1:
        return made[0]
    if len(made) == 2:  # half the time of the general case
        one, other = made
        return lambda context: one(context) and other(context)
    return lambda context: all(holds(context) for holds in made)


def compile_test(item: Test, segments: Mapping[str, Holds]) -> Holds:
    if isinstance(item, AnyOf):
        groups = tuple(together(group, segments) for group in item.groups)
        return lambda context: any(holds(context) for holds in groups)
    if isinstance(item, InSegment):
        inside = segments.get(item.segment)
        if inside is None:
            return lambda context: False
        return inside if not item.negate else lambda context: not inside(context)
    return predicate(item)
