"""Every answer can be explained, without a value of the context."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from features.conditions import Segment
from features.definitions import FlagDefinition
from features.evaluation import Step
from features.explaining import explain
from tests.features.flags import condition, flag, on_if, ruleset, split, untimed
from tests.features.test_compiling import CONTEXTS, EVERYTHING

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def trace(made: FlagDefinition, context: object, *others: FlagDefinition, **known: Any) -> list[str]:
    rules = ruleset(made, *others, **known)
    found = explain(rules, made.key, context, NOON)
    plain = rules.evaluate(made.key, context, NOON)
    assert (found.value, found.variant, found.reason, found.rule, found.error) == (
        plain.value,
        plain.variant,
        plain.reason,
        plain.rule,
        plain.error,
    )
    return [f"{step.place} {'+' if step.held else '-'} {step.why}" for step in found.trace]


def test_a_flag_that_is_off_says_so() -> None:
    assert trace(flag(on_if(), enabled=False), {}) == ["enabled - off in production"]


def test_a_flag_without_rules_says_so() -> None:
    assert trace(flag(), {}) == ["enabled + on in production", "default_variant + there are no rules"]


@pytest.mark.parametrize(
    ("test", "context", "step"),
    [
        (condition("gt", 17), {"a": 18}, "+ a is greater than 17: it does"),
        (condition("gt", 17), {"a": 17}, "- a is greater than 17: it does not"),
        (condition("gt", 17), {}, "- a is greater than 17: a is missing"),
        (condition("gt", 17), {"a": "18"}, "- a is greater than 17: a is a text that this cannot be asked of"),
        (condition("gt", 17), {"a": True}, "- a is greater than 17: a is a switch that this cannot be asked of"),
        (condition("starts_with", "x"), {"a": 5}, "- a starts with x: a is a number that this cannot be asked of"),
        (condition("in", "x"), {"a": {}}, "- a is one of x: a is a list or an object that this cannot be asked of"),
        (condition("in", "x", "y", negate=True), {"a": "z"}, "+ not: a is one of x or y: it does not"),
        (condition("in", *"abcdefg"), {"a": "z"}, "- a is one of a, b, c, d or e or 2 more: it does not"),
        (condition("exists"), {"a": 0}, "+ a is there: it is there"),
        (condition("exists", negate=True), {}, "+ not: a is there: it is missing"),
        (condition("loose_lt", 5), {}, "+ a is, loosely, less than 5: a is missing"),
    ],
)
def test_a_condition_says_whether_it_held_and_why(test: dict[str, Any], context: dict[str, Any], step: str) -> None:
    assert trace(flag(on_if(test)), context)[1] == f"rules[0].conditions[0] {step}"


def test_steps_end_where_the_answer_was_found() -> None:
    made = flag(on_if(condition("exists"), condition("exists", attribute="b")), on_if(), on_if())
    assert trace(made, {}) == [
        "enabled + on in production",
        "rules[0].conditions[0] - a is there: it is missing",
        "rules[1].variant + answers on",
    ]


def test_windows_tell_when_they_open_and_when_they_closed() -> None:
    made = flag(on_if(**{"from": "2026-02-01T00:00:00Z"}), on_if(until="2026-01-01T00:00:00Z"))
    assert trace(made, {}) == [
        "enabled + on in production",
        "rules[0].from - starts at 2026-02-01T00:00:00+00:00",
        "rules[1].until - ended at 2026-01-01T00:00:00+00:00",
        "default_variant + no rule answered",
    ]


def test_any_of_tells_of_each_group_up_to_the_one_that_holds() -> None:
    groups = {"any_of": [[condition("exists"), condition("exists")], [condition("exists", attribute="b")]]}
    assert trace(flag(on_if(groups)), {"b": 1})[1:] == [
        "rules[0].conditions[0].any_of[0][0] - a is there: it is missing",
        "rules[0].conditions[0].any_of[1][0] + b is there: it is there",
        "rules[0].conditions[0] + group 2 of 2 holds",
        "rules[0].variant + answers on",
    ]
    assert "rules[0].conditions[0] - no group holds" in trace(flag(on_if(groups)), {})


def test_a_segment_tells_of_its_conditions() -> None:
    staff = Segment.from_data({"key": "staff", "conditions": [condition("exists"), condition("gt", 1)]})
    made = flag(on_if({"segment": "staff"}), on_if({"segment": "staff", "negate": True}))
    assert trace(made, {}, segments=(staff,))[1:] == [
        "rules[0].conditions[0].staff[0] - a is there: it is missing",
        "rules[0].conditions[0] - must be in segment staff, and is not",
        "rules[1].conditions[0].staff[0] - a is there: it is missing",
        "rules[1].conditions[0] + must not be in segment staff, and is not",
        "rules[1].variant + answers on",
    ]
    assert "rules[0].conditions[0] + must be in segment staff, and is" in trace(made, {"a": 2}, segments=(staff,))
    assert trace(made, {})[1] == "rules[0].conditions[0] - there is no segment staff"


def test_a_split_tells_the_callers_place_and_not_who_it_is() -> None:
    steps = trace(flag({"split": split(on=1, off=99)}), {"targetingKey": "alice@example.com"})
    assert steps[1].startswith("rules[0].split + targetingKey is at ")
    assert steps[1].endswith(" of 100 by flagd-v2")
    assert "alice" not in str(steps)
    made = flag({"split": {**split(on=1), "attribute": "company", "salt": "s", "algorithm": "unleash"}})
    assert trace(made, {"company": "acme"})[1] == "rules[0].split + company is at 0 of 1 by unleash"


def test_a_caller_that_cannot_be_placed_is_told() -> None:
    said = "must be a text that is not empty, or a number"
    assert trace(flag({"split": split(on=1)}), {})[1:] == [f"rules[0].split - targetingKey {said}"]
    made = flag({"split": {**split(on=1), "attribute": "company"}})
    assert trace(made, {})[1:] == [f"rules[0].split - company {said}", "default_variant + no rule answered"]


def test_prerequisites_tell_what_they_answered() -> None:
    shop = flag(on_if(condition("exists")), {"split": split(on=1)}, key="shop", default_variant=None)
    bank = flag(key="bank", enabled=False, off_variant=None)
    needed = [{"flag": "bank", "variants": ["on", "off"]}, {"flag": "shop", "variants": ["on"]}]
    made = flag(on_if(), prerequisites=needed[::-1])
    assert trace(made, {"a": 1}, shop, bank)[1:] == [
        "prerequisites[0] + shop must answer on, and answers on",
        "prerequisites[1] - bank must answer on or off, and answers with no value",
    ]
    error = "targetingKey is missing, and shop spreads callers by it"
    assert trace(made, {}, shop, bank)[1] == f"prerequisites[0] - shop must answer on, and is an error: {error}"


def test_a_flag_that_cannot_be_evaluated_says_why() -> None:
    made = flag(prerequisites=[{"flag": "b", "variants": ["on"]}])
    other = flag(key="b", prerequisites=[{"flag": "new-ui", "variants": ["on"]}])
    steps = trace(made, {}, other)
    assert steps[1] == " - the prerequisites of this flag form a circle, or depend on flags that do"


def test_what_was_not_looked_at_has_no_trace() -> None:
    assert explain(ruleset(), "gone", {}).trace == ()
    assert explain(ruleset(flag()), "new-ui", []).trace == ()


def test_a_step_is_json() -> None:
    assert Step("enabled", True, "on").to_data() == {"place": "enabled", "held": True, "why": "on"}


@given(CONTEXTS)
@untimed
def test_an_explanation_is_always_of_the_same_answer(context: dict[str, Any]) -> None:
    made = flag(*EVERYTHING[::3], {"split": {**split(on=1, off=1), "attribute": "a"}}, {"split": split(on=1, off=1)})
    assert trace(made, context)
