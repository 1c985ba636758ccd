"""What goes out to flagd answers the same there, or is told."""

import itertools
import json
from typing import Any

import pytest

from features.compiling import compile_ruleset
from features.conditions import Segment
from features.definitions import FlagDefinition, Invalid
from features.flagd import read
from features.flagd_writing import write
from tests.features import jsonlogic
from tests.features.flags import ENVIRONMENT, condition, flag, on_if, ruleset, split

LATER = "2900-01-01T00:00:00Z"
VALUES = [None, "", "DE", "de", "x.DE", "1.4.0", "2.0.0", 5, 0, True]
HELD = {
    "in": ["DE", 5],
    "not_in": ["DE"],
    "equals": ["DE"],
    "contains": ["D"],
    "starts_with": ["D"],
    "ends_with": ["E"],
}
HELD |= {"gt": [1], "gte": [5], "lt": [1], "lte": [5], "exists": [], "truthy": []}
HELD |= {f"semver_{name}": ["1.4.0"] for name in ("eq", "gt", "gte", "lt", "lte", "major", "minor")}
KINDS: dict[str, Any] = dict.fromkeys(("gt", "gte", "lt", "lte"), int)


def fits(operator: str, value: object) -> bool:
    """Is the value missing, or of the kind that the operator asks for?"""
    if value is None or operator in ("exists", "truthy"):
        return True
    if operator in KINDS:
        return type(value) is int
    return isinstance(value, str) or operator in ("in", "not_in", "equals")


@pytest.mark.parametrize("operator", HELD)
def test_an_operator_that_flagd_has_goes_out_with_its_answers(operator: str) -> None:
    for negate, otherwise in itertools.product((False, True), repeat=2):
        made = flag(on_if(condition(operator, *HELD[operator], negate=negate, otherwise=otherwise)))
        written = json.loads(write([made], [], ENVIRONMENT).text)["flags"]["new-ui"]["targeting"]
        for value in VALUES:
            if fits(operator, value):
                context = {"a": value}
                result = jsonlogic.evaluate(written, context, "new-ui")
                assert (result or "off") == ruleset(made).evaluate("new-ui", context).variant, (made, value)


def test_groups_segments_windows_and_splits_go_out() -> None:
    staff = Segment.from_data({"key": "staff", "conditions": [condition("ends_with", "@us.co", attribute="email")]})
    everyone = Segment.from_data({"key": "everyone", "conditions": []})
    groups = {"any_of": [[condition("in", "DE"), {"segment": "everyone"}], [condition("gt", 3)]]}
    made = flag(
        on_if({"segment": "staff", "negate": True}, groups),
        {"split": split(on=1, off=1), "conditions": [condition("exists", attribute="b")]},
        {"split": {**split(on=1, off=1), "attribute": "company"}},
        {
            "split": {**split(on=1, off=1), "salt": "old"},
            "from": "2026-01-01T00:00:00Z",
            "until": "2027-01-01T00:00:00Z",
        },
    )
    text = write([made], [staff, everyone], ENVIRONMENT).text
    assert json.loads(text)["$evaluators"]["everyone"] is True
    again = compile_ruleset(read(text.encode(), ENVIRONMENT).flags, [], ENVIRONMENT)
    first = ruleset(made, segments=(staff, everyone))
    for email, a, b, company, who in itertools.product(
        ("x@us.co", "y@x.co"), ("DE", 5, 1, None), (1, None), ("acme", "fox", None), ("u1", "u2", "u3")
    ):
        context = {"email": email, "a": a, "b": b, "company": company, "targetingKey": who}
        assert first.evaluate("new-ui", context).variant == again.evaluate("new-ui", context).variant


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        (on_if(condition("regex", "x")), "rules[0].conditions[0]"),
        (on_if(condition("in", "x", ignore_case=True)), "rules[0].conditions[0]"),
        (on_if({"any_of": [[condition("cidr", "10.0.0.0/8")]]}), "rules[0].conditions[0].conditions[0]"),
        (on_if({"segment": "gone"}), "rules[0].conditions[0]"),
        (on_if(**{"from": "2026-01-01T00:00:00.5Z"}), "rules[0].from"),
        (on_if(until="2026-01-01T00:00:00.5Z"), "rules[0].until"),
        ({"split": {**split(on=1), "algorithm": "unleash"}}, "rules[0].split"),
    ],
)
def test_what_flagd_cannot_say_is_told(rule: dict[str, Any], place: str) -> None:
    with pytest.raises(Invalid) as caught:
        write([flag(rule)], [], ENVIRONMENT)
    assert [problem.place for problem in caught.value.problems] == [f"flags.new-ui.{place}"]
    found = write([flag(rule)], [], ENVIRONMENT, approximate=True)
    assert [problem.place for problem in found.approximations] == [f"flags.new-ui.{place}"]
    assert read(found.text.encode(), "p").flags


def test_prerequisites_and_the_value_of_a_flag_that_is_off_are_told() -> None:
    made = flag(enabled=False, prerequisites=[{"flag": "b", "variants": ["on"]}])
    found = write([made], [], ENVIRONMENT, approximate=True)
    assert [problem.place for problem in found.approximations] == [
        "flags.new-ui.prerequisites",
        "flags.new-ui.off_variant",
    ]


def test_a_flag_without_a_state_in_the_environment_goes_out_disabled() -> None:
    made = FlagDefinition.from_data({"key": "a", "kind": "number", "variants": {"x": 1.0}, "metadata": {"t": 1}})
    assert json.loads(write([made], [], "elsewhere").text)["flags"]["a"] == {
        "state": "DISABLED",
        "variants": {"x": 1.0},
        "defaultVariant": None,
        "metadata": {"t": 1},
    }
