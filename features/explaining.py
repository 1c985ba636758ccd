"""Why a flag answered as it did: the same tests as in evaluating, asked one by one, and written down.

No step holds a value of the context. Steps end where the answer was found.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from features.bucketing import PLACES, identity
from features.compiling import Ruleset, compile_test
from features.conditions import OPERATORS, AnyOf, Condition, InSegment, Test
from features.definitions import FlagDefinition, Rule, Split
from features.evaluation import Evaluation, Step
from features.operands import Unreadable
from features.operators import Context, comparison, finder

FEW = 5
"""How many values of a condition are shown."""


def explain(ruleset: Ruleset, key: str, context: object, now: datetime | None = None) -> Evaluation:
    """What `ruleset.evaluate` gives, with the trace."""
    moment = now or datetime.now(UTC)
    found = ruleset.evaluate(key, context, moment)
    if key not in ruleset.flags or not isinstance(context, Mapping):
        return found
    return replace(found, trace=tuple(_steps(ruleset, key, found, context, moment)))


def _steps(ruleset: Ruleset, key: str, found: Evaluation, context: Context, now: datetime) -> Iterator[Step]:
    flag, state = ruleset.flags[key], ruleset.state(key)
    yield Step("enabled", state.enabled, f"{'on' if state.enabled else 'off'} in {ruleset.environment}")
    if not state.enabled:
        return
    if found.error and found.error.code == "GENERAL":
        yield Step("", False, found.error.details)
        return
    for place, prerequisite in enumerate(state.prerequisites):
        step = _prerequisite(ruleset, f"prerequisites[{place}]", prerequisite.flag, prerequisite.variants, context, now)
        yield step
        if not step.held:
            return
    for place, rule in enumerate(state.rules):
        yield from _rule(ruleset, flag, rule, f"rules[{place}]", context, now)
        if place == found.rule:
            return
    yield Step("default_variant", True, "no rule answered" if state.rules else "there are no rules")


def _prerequisite(
    ruleset: Ruleset, place: str, key: str, variants: tuple[str, ...], context: Context, now: datetime
) -> Step:
    found = ruleset.evaluate(key, context, now)
    answer = f"is an error: {found.error.details}" if found.error else f"answers {found.variant or 'with no value'}"
    return Step(place, found.variant in variants, f"{key} must answer {_listed(variants, 'or')}, and {answer}")


def _rule(
    ruleset: Ruleset, flag: FlagDefinition, rule: Rule, place: str, context: Context, now: datetime
) -> Iterator[Step]:
    if rule.starts and now < rule.starts:
        yield Step(f"{place}.from", False, f"starts at {rule.starts.isoformat()}")
        return
    if rule.ends and now >= rule.ends:
        yield Step(f"{place}.until", False, f"ended at {rule.ends.isoformat()}")
        return
    for number, item in enumerate(rule.conditions):
        steps = list(_test(ruleset, item, f"{place}.conditions[{number}]", context))
        yield from steps
        if not steps[-1].held:
            return
    if rule.split:
        yield _split(flag, rule.split, f"{place}.split", context)
    else:
        yield Step(f"{place}.variant", True, f"answers {rule.variant}")


def _test(ruleset: Ruleset, item: Test, place: str, context: Context) -> Iterator[Step]:
    """The steps of a test; the last is the test itself."""
    if isinstance(item, Condition):
        yield _condition(item, place, context)
    elif isinstance(item, InSegment):
        yield from _segment(ruleset, item, place, context)
    else:
        yield from _any_of(ruleset, item, place, context)


def _condition(item: Condition, place: str, context: Context) -> Step:
    held = compile_test(item, {})(context)
    values = _listed([str(value) for value in item.values[:FEW]], "or")
    more = f" or {len(item.values) - FEW} more" if len(item.values) > FEW else ""
    asked = f"{item.attribute} {OPERATORS[item.operator].meaning} {values}{more}".rstrip()
    value = finder(item.attribute)(context)
    if item.operator == "exists":
        said = "it is missing" if value is None else "it is there"
    elif value is None:
        said = f"{item.attribute} is missing"
    elif (found := comparison(item)(value)) is None:
        said = f"{item.attribute} is {_kind(value)} that this cannot be asked of"
    else:
        said = "it does" if found else "it does not"
    return Step(place, held, f"{'not: ' if item.negate else ''}{asked}: {said}")


def _segment(ruleset: Ruleset, item: InSegment, place: str, context: Context) -> Iterator[Step]:
    segment = ruleset.segments.get(item.segment)
    if segment is None:
        yield Step(place, False, f"there is no segment {item.segment}")
        return
    inside = True
    for number, test in enumerate(segment.conditions):
        steps = list(_test(ruleset, test, f"{place}.{item.segment}[{number}]", context))
        yield from steps
        inside = steps[-1].held
        if not inside:
            break
    asked = f"must not be in segment {item.segment}" if item.negate else f"must be in segment {item.segment}"
    yield Step(place, inside is not item.negate, f"{asked}, and {'is' if inside else 'is not'}")


def _any_of(ruleset: Ruleset, item: AnyOf, place: str, context: Context) -> Iterator[Step]:
    for number, group in enumerate(item.groups):
        for at, test in enumerate(group):
            steps = list(_test(ruleset, test, f"{place}.any_of[{number}][{at}]", context))
            yield from steps
            if not steps[-1].held:
                break
        else:
            yield Step(place, True, f"group {number + 1} of {len(item.groups)} holds")
            return
    yield Step(place, False, "no group holds")


def _split(flag: FlagDefinition, split: Split, place: str, context: Context) -> Step:
    try:
        who = identity(finder(split.attribute)(context))
    except Unreadable as error:
        return Step(place, False, f"{split.attribute} {error}")
    algorithm = split.algorithm or flag.algorithm
    number = PLACES[algorithm](flag.salt if split.salt is None else split.salt, split.total)(who)
    return Step(place, True, f"{split.attribute} is at {number} of {split.total} by {algorithm}")


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "a switch"
    if isinstance(value, int | float):
        return "a number"
    return "a text" if isinstance(value, str) else "a list or an object"


def _listed(items: tuple[str, ...] | list[str], word: str) -> str:
    return f" {word} ".join(filter(None, (", ".join(items[:-1]), *items[-1:])))
