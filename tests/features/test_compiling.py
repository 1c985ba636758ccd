"""How a flag answers, and that it always does."""

import gc
import json
import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.compiling import compile_ruleset, uncollected
from features.conditions import OPERATORS, Condition, Segment
from features.definitions import FlagDefinition, FlagState, Rule
from features.evaluation import Evaluation
from tests.features.flags import ENVIRONMENT, condition, flag, on_if, ruleset, split, untimed

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
GERMANS = condition("in", "DE", attribute="country")


def answer(made: FlagDefinition, context: object = MappingProxyType({}), **known: Any) -> tuple[str | None, str]:
    found = ruleset(made, **known).evaluate(made.key, context)
    return found.variant, found.reason


def code(found: Evaluation) -> str:
    assert found.reason == "ERROR"
    assert found.error is not None
    assert (found.value, found.variant) == (None, None)
    return found.error.code


def test_a_flag_without_rules_is_static() -> None:
    found = ruleset(flag(default_variant="on")).evaluate("new-ui", {})
    assert found == Evaluation(True, "on", "STATIC")


def test_a_flag_that_is_off_answers_with_its_off_variant() -> None:
    assert answer(flag(on_if(), enabled=False)) == ("off", "DISABLED")


def test_no_variant_is_no_value() -> None:
    assert ruleset(flag(enabled=False, off_variant=None)).evaluate("new-ui", {}).value is None
    assert answer(flag(default_variant=None)) == (None, "STATIC")


def test_a_flag_without_a_state_in_the_environment_is_off() -> None:
    elsewhere = compile_ruleset([flag(on_if())], [], "test")
    assert elsewhere.evaluate("new-ui", {}) == Evaluation(None, None, "DISABLED")
    assert elsewhere.state("new-ui") == FlagState()


def test_the_first_rule_that_holds_answers() -> None:
    made = flag({"conditions": [GERMANS], "variant": "off"}, on_if(GERMANS), on_if(condition("exists")))
    rules = ruleset(made)
    assert rules.evaluate("new-ui", {"country": "DE"}) == Evaluation(False, "off", "TARGETING_MATCH", 0)
    assert rules.evaluate("new-ui", {"a": 1}) == Evaluation(True, "on", "TARGETING_MATCH", 2)
    assert rules.evaluate("new-ui", {}) == Evaluation(False, "off", "DEFAULT")


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4])
def test_all_conditions_of_a_rule_must_hold(number: int) -> None:
    made = flag(on_if(*(condition("exists", attribute=f"a{place}") for place in range(number))))
    whole = {f"a{place}": True for place in range(number)}
    assert answer(made, whole) == ("on", "TARGETING_MATCH")
    for name in whole:
        assert answer(made, {**whole, name: None}) == ("off", "DEFAULT")


def test_one_group_of_any_of_must_hold_whole() -> None:
    groups = {"any_of": [[GERMANS, condition("gt", 17, attribute="age")], [condition("exists", attribute="staff")]]}
    made = flag(on_if(groups))
    assert answer(made, {"country": "DE", "age": 18}) == ("on", "TARGETING_MATCH")
    assert answer(made, {"staff": True}) == ("on", "TARGETING_MATCH")
    assert answer(made, {"country": "DE", "age": 17}) == ("off", "DEFAULT")


def test_a_segment_holds_for_who_is_in_it_and_its_negation_for_who_is_not() -> None:
    staff = Segment.from_data(
        {"key": "staff", "conditions": [condition("ends_with", "@us.example", attribute="email")]}
    )
    inside, outside = flag(on_if({"segment": "staff"})), flag(on_if({"segment": "staff", "negate": True}))
    us, them = {"email": "a@us.example"}, {"email": "a@them.example"}
    known = {"segments": (staff,)}
    assert [answer(inside, who, **known)[0] for who in (us, them)] == ["on", "off"]
    assert [answer(outside, who, **known)[0] for who in (us, them)] == ["off", "on"]


def test_a_segment_that_is_not_there_holds_for_nobody_nor_does_its_negation() -> None:
    assert answer(flag(on_if({"segment": "gone"}), on_if({"segment": "gone", "negate": True}))) == ("off", "DEFAULT")


def test_a_window_opens_at_its_start_and_is_closed_at_its_end_without_anything_being_written() -> None:
    day = timedelta(days=1)
    made = flag(on_if(**{"from": NOON.isoformat(), "until": (NOON + day).isoformat()}))
    rules = ruleset(made)
    tick = timedelta(microseconds=1)
    moments = [NOON - tick, NOON, NOON + day - tick, NOON + day]
    assert [rules.evaluate("new-ui", {}, now).variant for now in moments] == ["off", "on", "on", "off"]
    assert [rules.next_change(now) for now in moments] == [NOON, NOON + day, NOON + day, None]
    assert rules.evaluate_all({}, NOON) == {"new-ui": rules.evaluate("new-ui", {}, NOON)}


def test_a_window_may_be_open_at_one_side_and_the_clock_is_read_where_no_time_is_given() -> None:
    past, future = "2000-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
    for window, variant in (({"from": past}, "on"), ({"until": past}, "off"), ({"from": future}, "off")):
        made = flag(on_if(**window))
        assert answer(made)[0] == variant
        assert ruleset(made).evaluate_all({})["new-ui"].variant == variant
    assert ruleset(flag(on_if(**{"from": future}))).next_change() == datetime(2999, 1, 1, tzinfo=UTC)
    assert ruleset(flag(on_if())).next_change() is None


def test_a_split_shares_out_by_weight_and_the_same_caller_stays() -> None:
    rules = ruleset(flag({"split": split(on=10_000, off=90_000)}))
    callers = [{"targetingKey": f"user-{number}"} for number in range(10_000)]
    first = [rules.evaluate("new-ui", caller) for caller in callers]
    shares = Counter(found.variant for found in first)
    assert abs(shares["on"] - 1000) <= 3 * math.sqrt(10_000 * 0.1 * 0.9)
    assert {(found.reason, found.rule) for found in first} == {("SPLIT", 0)}
    assert [rules.evaluate("new-ui", caller) for caller in reversed(callers)] == first[::-1]


def test_growing_a_split_takes_nobody_out() -> None:
    def those_in(weight: int) -> set[int]:
        rules = ruleset(flag({"split": split(on=weight, off=100_000 - weight)}))
        return {n for n in range(2000) if rules.evaluate("new-ui", {"targetingKey": f"u{n}"}).value}

    assert those_in(0) == set()
    assert those_in(5_000) < those_in(20_000) < those_in(100_000) == set(range(2000))


def test_a_variant_with_weight_zero_is_never_chosen() -> None:
    weights = [{"variant": "on", "weight": 0}, {"variant": "off", "weight": 1}, {"variant": "on", "weight": 0}]
    rules = ruleset(flag({"split": {"weights": weights}}))
    assert {rules.evaluate("new-ui", {"targetingKey": str(n)}).variant for n in range(500)} == {"off"}


def test_a_flag_that_is_renamed_keeps_everyone_where_they_are() -> None:
    made = flag({"split": split(on=1, off=1)})
    renamed = FlagDefinition.from_data({**made.to_data(), "key": "newest-ui"})
    for number in range(200):
        who = {"targetingKey": f"user-{number}"}
        assert ruleset(renamed).evaluate("newest-ui", who).value == ruleset(made).evaluate("new-ui", who).value


def test_a_splits_own_algorithm_and_salt_count_before_the_flags() -> None:
    who = [{"targetingKey": f"user-{number}"} for number in range(300)]

    def answers(**own: str) -> list[Any]:
        rules = ruleset(flag({"split": {**split(on=50, off=50), **own}}))
        return [rules.evaluate("new-ui", caller).value for caller in who]

    assert len({tuple(answers(**own)) for own in ({}, {"salt": ""}, {"salt": "x"}, {"algorithm": "unleash"})}) == 4


@pytest.mark.parametrize("key", [None, "", [], {}, math.nan])
def test_without_a_targeting_key_a_split_by_it_is_an_error(key: object) -> None:
    found = ruleset(flag({"split": split(on=1, off=1)})).evaluate("new-ui", {"targetingKey": key})
    assert code(found) == "TARGETING_KEY_MISSING"
    assert found.rule == 0


def test_a_targeting_key_that_is_no_text_is_read_as_its_digits() -> None:
    rules = ruleset(flag({"split": split(on=1, off=1)}))
    for number in range(50):
        assert rules.evaluate("new-ui", {"targetingKey": number}) == rules.evaluate(
            "new-ui", {"targetingKey": str(number)}
        )


def test_without_the_attribute_that_a_split_is_by_the_rule_does_not_match() -> None:
    made = flag({"split": {**split(on=1), "attribute": "company.id"}})
    assert answer(made, {"company": {"id": "acme"}}) == ("on", "SPLIT")
    assert answer(made, {"company": {"id": ["acme"]}}) == ("off", "DEFAULT")
    assert answer(made, {"targetingKey": "a"}) == ("off", "DEFAULT")


def test_a_flag_that_is_not_there_is_not_found() -> None:
    assert code(ruleset().evaluate("gone", {})) == "FLAG_NOT_FOUND"


@pytest.mark.parametrize("context", [None, [], "x", 1, True])
def test_a_context_that_is_no_object_is_invalid(context: object) -> None:
    assert code(ruleset(flag()).evaluate("new-ui", context)) == "INVALID_CONTEXT"


def test_a_prerequisite_must_answer_with_one_of_its_variants() -> None:
    needed = flag(on_if(condition("exists")), key="shop")
    made = flag(on_if(), prerequisites=[{"flag": "shop", "variants": ["on"]}])
    rules = ruleset(made, needed)
    assert rules.evaluate("new-ui", {"a": 1}) == Evaluation(True, "on", "TARGETING_MATCH", 0)
    assert rules.evaluate("new-ui", {}) == Evaluation(False, "off", "DISABLED")
    assert answer(flag(prerequisites=[{"flag": "gone", "variants": ["on"]}])) == ("off", "DISABLED")


def test_a_flag_whose_prerequisites_hold_and_that_has_no_rules_answers_by_default() -> None:
    made = flag(default_variant="on", prerequisites=[{"flag": "shop", "variants": ["off"]}])
    assert ruleset(made, flag(key="shop")).evaluate("new-ui", {}) == Evaluation(True, "on", "DEFAULT")


def test_an_error_of_a_prerequisite_is_the_flags_own() -> None:
    needed = flag({"split": split(on=1)}, key="shop")
    made = flag(on_if(), prerequisites=[{"flag": "shop", "variants": ["on"]}])
    found = ruleset(needed, made).evaluate("new-ui", {})
    assert code(found) == "TARGETING_KEY_MISSING"
    assert found.rule is None


def test_prerequisites_in_a_circle_are_an_error_for_all_that_depend_on_it() -> None:
    def needs(key: str, *needed: str) -> FlagDefinition:
        return flag(on_if(), key=key, prerequisites=[{"flag": other, "variants": ["on"]} for other in needed])

    rules = ruleset(needs("a", "b"), needs("b", "c"), needs("c", "a"), needs("d", "a"), needs("e", "f"), flag(key="f"))
    for key in "abcd":
        assert code(rules.evaluate(key, {})) == "GENERAL"
    assert rules.evaluate("e", {}).reason == "DISABLED"


def test_prerequisites_stand_behind_each_other_only_so_deep_and_each_is_asked_once() -> None:
    # Each flag needs the one before twice over: asked anew each time, the last would ask for 2 ** 8 of the first.
    asked = []

    class Counted(dict[str, object]):
        def get(self, name: str, default: object = None) -> object:
            asked.append(name)
            return super().get(name, default)

    flags = [flag(on_if(condition("exists")), key="f0")]
    for number in range(1, 11):
        before = {"flag": f"f{number - 1}", "variants": ["on"]}
        first = {"flag": f"f{max(number - 2, 0)}", "variants": ["on"]}
        flags.append(flag(on_if(condition("exists")), key=f"f{number}", prerequisites=[before, first]))
    rules = ruleset(*reversed(flags))
    context = Counted(a=1)
    assert rules.evaluate("f8", context).variant == "on"
    assert len(asked) == 9
    assert code(rules.evaluate("f9", {"a": 1})) == "GENERAL"
    assert code(rules.evaluate("f10", {"a": 1})) == "GENERAL"


def test_a_damaged_flag_is_an_error_and_keeps_no_other_from_answering() -> None:
    damaged = [
        FlagDefinition("a", "boolean", {}, {ENVIRONMENT: FlagState(True, "off", "off")}),
        FlagDefinition("b", "boolean", {"on": True}, {ENVIRONMENT: FlagState(True, rules=(Rule(variant="gone"),))}),
        FlagDefinition("c", "boolean", {"on": True}, {ENVIRONMENT: FlagState(True, rules=(Rule((BAD,), "on"),))}),
    ]
    rules = ruleset(*damaged, flag())
    assert [code(rules.evaluate(key, {})) for key in "abc"] == ["GENERAL"] * 3
    assert rules.evaluate("new-ui", {}).variant == "off"


BAD = Condition("a", "regex", ("(",))


def test_metadata_goes_with_every_answer_but_that_of_no_flag() -> None:
    data = {**flag(on_if(condition("exists")), {"split": split(on=1)}).to_data(), "metadata": {"team": "shop"}}
    rules = ruleset(FlagDefinition.from_data(data))
    for context in ({}, {"a": 1}, {"targetingKey": "x"}):
        assert rules.evaluate("new-ui", context).metadata == {"team": "shop"}


def test_compiling_leaves_garbage_collection_as_it_was() -> None:
    with uncollected():
        assert not gc.isenabled()
        with uncollected():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=10,
)
VALUES: dict[str, Any] = {"before": "2026-01-01T00:00:00Z", "after": "2026-01-01T00:00:00Z", "cidr": "10.0.0.0/8"}
VALUES |= dict.fromkeys(("gt", "gte", "lt", "lte"), 1)
EVERYTHING = [
    on_if(
        condition(name, *([] if name in ("exists", "truthy") else [VALUES.get(name, "1.0.0")]), attribute=attribute),
        condition("exists", attribute="never"),
    )
    for name in OPERATORS
    for attribute in ("a", "a.b", "targetingKey")
]
WORDS = ["1.0.0", "2026-01-01T00:00:00Z", "10.0.0.1", "a@b.co", "\ud800", "9" * 5000]
CONTEXTS = st.dictionaries(st.sampled_from(["a", "a.b", "targetingKey", "é", ""]), JSON | st.sampled_from(WORDS))


@given(CONTEXTS | JSON)
@untimed
def test_evaluating_raises_for_no_context(context: object) -> None:
    made = flag(*EVERYTHING, {"split": {**split(on=1, off=1), "attribute": "a"}}, {"split": split(on=1, off=1)})
    found = RULES.setdefault("all", ruleset(made)).evaluate("new-ui", context)
    assert found.reason in ("SPLIT", "ERROR")


RULES: dict[str, Any] = {}


def test_a_context_as_deep_and_as_large_as_a_request_may_be_is_answered() -> None:
    deep: object = "x"
    for _ in range(900):
        deep = [deep]
    context = {"a": deep, "a.b": ["x"] * 20_000, **json.loads('{"b": ' + "[" * 500 + "]" * 500 + "}")}
    assert answer(flag(*EVERYTHING), context) == ("off", "DEFAULT")
