"""Flags as data: what is read, what is refused, and where the mistake is."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.conditions import OPERATORS, Segment
from features.definitions import (
    FlagDefinition,
    Invalid,
    prerequisites_from_data,
    prerequisites_to_data,
    rules_from_data,
    rules_to_data,
)
from features.problems import Problem
from tests.features.flags import untimed

WHOLE: dict[str, Any] = {
    "key": "checkout.v2",
    "kind": "string",
    "variants": {"a": "A", "b": "B"},
    "description": "which checkout",
    "owner": "shop@example.com",
    "ticket": "SHOP-7",
    "permanent": True,
    "archived": True,
    "raw_exposures": True,
    "tags": ["shop"],
    "algorithm": "unleash",
    "salt": "old-key",
    "metadata": {"team": "shop", "tier": 1, "beta": True},
    "environments": {
        "production": {
            "enabled": True,
            "off_variant": "a",
            "default_variant": "b",
            "prerequisites": [{"flag": "shop", "variants": ["on"]}],
            "rules": [
                {
                    "name": "Germans",
                    "conditions": [
                        {"attribute": "country", "operator": "in", "values": ["DE"], "negate": True},
                        {
                            "any_of": [
                                [{"segment": "staff", "negate": True}],
                                [{"attribute": "x", "operator": "exists"}],
                            ]
                        },
                    ],
                    "split": {
                        "weights": [{"variant": "a", "weight": 1}, {"variant": "b", "weight": 9}],
                        "total": 10,
                        "attribute": "company",
                        "algorithm": "flagd-v2",
                        "salt": "",
                    },
                    "from": "2026-01-01T00:00:00+00:00",
                    "until": "2026-02-01T00:00:00+01:00",
                },
                {"conditions": [{"segment": "staff"}], "variant": "a"},
            ],
        },
        "test": {"enabled": False},
    },
}


def refused(data: object) -> dict[str, str]:
    """What is wrong, by place; the first, where it is several things."""
    with pytest.raises(Invalid) as caught:
        FlagDefinition.from_data(data)
    return {problem.place: problem.message for problem in reversed(caught.value.problems)}


def with_rule(**rule: Any) -> dict[str, Any]:
    return {
        "key": "a",
        "kind": "boolean",
        "variants": {"on": True},
        "environments": {"p": {"rules": [{"variant": "on", **rule}]}},
    }


def test_a_flag_with_everything_is_read_and_written_back_unchanged() -> None:
    flag = FlagDefinition.from_data(WHOLE)
    assert flag.to_data() == WHOLE
    assert FlagDefinition.from_data(flag.to_data()) == flag


def test_what_is_at_its_default_is_left_out_and_the_key_is_the_first_salt() -> None:
    flag = FlagDefinition.from_data({"key": "a", "kind": "boolean", "variants": {"on": True}})
    assert flag.to_data() == {
        "key": "a",
        "kind": "boolean",
        "variants": {"on": True},
        "algorithm": "flagd-v2",
        "salt": "a",
        "environments": {},
    }


def test_rules_and_prerequisites_are_read_from_their_columns() -> None:
    state = FlagDefinition.from_data(WHOLE).environments["production"]
    assert rules_from_data(rules_to_data(state.rules)) == state.rules
    assert [rule.variants for rule in state.rules] == [("a", "b"), ("a",)]
    assert prerequisites_from_data(prerequisites_to_data(state.prerequisites)) == state.prerequisites


def test_columns_with_mistakes_tell_their_places() -> None:
    with pytest.raises(Invalid, match=r"rules\[0\]: must be an object"):
        rules_from_data([1])
    with pytest.raises(Invalid, match=r"prerequisites: must be a list"):
        prerequisites_from_data({})


def test_a_segment_is_read_and_written_back_unchanged() -> None:
    data = {"key": "staff", "description": "us", "conditions": [{"attribute": "a", "operator": "exists"}]}
    assert Segment.from_data(data).to_data() == data
    assert Segment.from_data({"key": "all", "conditions": []}).to_data() == {"key": "all", "conditions": []}


def test_a_segment_cannot_name_another_segment() -> None:
    with pytest.raises(Invalid, match=r"conditions\[0\]\.any_of\[0\]\[0\]\.segment: a segment cannot name"):
        Segment.from_data({"key": "staff", "conditions": [{"any_of": [[{"segment": "other"}]]}]})


def test_the_whole_and_each_part_of_a_flag_are_proven() -> None:
    assert refused([]) == {"": "must be an object"}
    assert refused({}) == {"key": "is missing", "kind": "is missing", "variants": "is missing"}
    wrong = {
        "key": "a b",
        "kind": "int",
        "variants": {"ö": 1, "deep": [], "c": "\x00"},
        "environments": [],
        "tags": ["", 1, "\ud800"],
        "permanent": 1,
        "owner": 1,
        "description": "x" * 2001,
        "algorithm": "dice",
        "metadata": {"a": None, "b": "\x00"},
        "colour": "red",
    }
    found = refused(wrong)
    assert set(found) == {
        "key",
        "kind",
        "variants.ö",
        "variants.c",
        "environments",
        "tags[0]",
        "tags[1]",
        "tags[2]",
        "permanent",
        "owner",
        "description",
        "algorithm",
        "metadata.a",
        "metadata.b",
        "colour",
    }
    assert found["colour"] == "is not known here"
    assert found["metadata.a"] == "must be a text, a number, true or false"


@pytest.mark.parametrize(
    ("kind", "fits", "does_not"),
    [("boolean", True, 1), ("string", "", True), ("number", 1.5, True), ("object", {"a": [None, 1]}, [])],
)
def test_a_variants_value_is_of_the_flags_kind(kind: str, fits: object, does_not: object) -> None:
    assert FlagDefinition.from_data({"key": "a", "kind": kind, "variants": {"v": fits}}).variants == {"v": fits}
    assert refused({"key": "a", "kind": kind, "variants": {"v": does_not}}) == {"variants.v": f"must be a {kind}"}


def deep(levels: int) -> object:
    return {"a": deep(levels - 1)} if levels else 1


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": float("nan")}, "is not finite"),
        ({"a": 2**53}, "is beyond ±9007199254740991"),
        ({"a": [object()]}, "is not JSON (object)"),
        ({"a": "x" * 65537}, "has more than 65536 characters"),
        ({1: 1}, "has a name that is not a text"),
        (deep(40), "nests deeper than 32 levels"),
    ],
)
def test_a_value_must_be_what_every_json_reader_keeps(value: object, message: str) -> None:
    assert refused({"key": "a", "kind": "object", "variants": {"v": value}}) == {"variants.v": message}


@pytest.mark.parametrize(
    ("rule", "place", "message"),
    [
        ({"variant": None}, "", "must answer with a variant or a split, and not with both"),
        ({"split": {"weights": [{"variant": "on", "weight": 1}]}}, "", "must answer with a variant or a split"),
        ({"variant": "o n"}, ".variant", "must be 1 to 100 letters, digits, dots, hyphens or underscores"),
        ({"from": "2026-01-01"}, ".from", "must be a date and time with an offset"),
        ({"from": "2026-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, ".until", "must be after from"),
        ({"conditions": {}}, ".conditions", "must be a list"),
        ({"conditions": [{}] * 201}, ".conditions", "has more than 200 entries"),
        ({"conditions": [1]}, ".conditions[0]", "must be an object with attribute, any_of or segment"),
        ({"conditions": [{"any_of": []}]}, ".conditions[0].any_of", "must hold a group"),
        ({"conditions": [{"any_of": [[]]}]}, ".conditions[0].any_of[0]", "must be a list of conditions"),
        ({"conditions": [{"any_of": [[1] * 201]}]}, ".conditions[0].any_of[0]", "has more than 200 entries"),
        ({"conditions": [{"segment": "a b"}]}, ".conditions[0].segment", "must be 1 to 100"),
        ({"conditions": [{"operator": "in", "attribute": ""}]}, ".conditions[0].attribute", "must name an attribute"),
        ({"conditions": [{"attribute": "a"}]}, ".conditions[0].operator", "is missing"),
        (
            {"conditions": [{"attribute": "a", "operator": "is"}]},
            ".conditions[0].operator",
            "must be one of in, not_in",
        ),
    ],
)
def test_a_rule_with_a_mistake_is_refused_at_its_place(rule: dict[str, Any], place: str, message: str) -> None:
    found = refused(with_rule(**rule))
    assert found[f"environments.p.rules[0]{place}"].startswith(message)


@pytest.mark.parametrize(
    ("condition", "place", "message"),
    [
        ({"operator": "exists", "values": [1]}, "values", "must be left out"),
        ({"operator": "gt", "values": [1, 2]}, "values", "must hold one value"),
        ({"operator": "contains"}, "values", "must hold 1 to 10000 values"),
        ({"operator": "in", "values": "DE"}, "values", "must be a list"),
        ({"operator": "in", "values": [None]}, "values[0]", "must be a text, a number, true or false"),
        ({"operator": "in", "values": ["x" * 1001]}, "values[0]", "has more than 1000 characters"),
        ({"operator": "gt", "values": [True]}, "values[0]", "must be a number"),
        ({"operator": "gt", "values": [float("inf")]}, "values[0]", "must be finite"),
        ({"operator": "before", "values": ["2026-02-30T00:00:00Z"]}, "values[0]", "is no date and time that exists"),
        ({"operator": "semver_gt", "values": ["1.2"]}, "values[0]", "must be a semantic version"),
        ({"operator": "cidr", "values": ["10.0.0.0/99"]}, "values[0]", "must be a network"),
        ({"operator": "cidr", "values": [10]}, "values[0]", "must be a network"),
        ({"operator": "regex", "values": ["("]}, "values[0]", "is no pattern of RE2: missing ): ("),
        ({"operator": "regex", "values": ["(?<=a)b"]}, "values[0]", "is no pattern of RE2"),
        ({"operator": "regex", "values": ["(a?){999}(a?){999}"]}, "values[0]", "is a pattern that is too large"),
        ({"operator": "starts_with", "values": [1]}, "values[0]", "must be a text"),
        ({"operator": "gt", "values": [1], "ignore_case": True}, "ignore_case", "means nothing to gt"),
        ({"operator": "in", "values": [1], "negate": "yes"}, "negate", "must be true or false"),
    ],
)
def test_a_condition_whose_values_do_not_fit_its_operator_is_refused(
    condition: dict[str, Any], place: str, message: str
) -> None:
    found = refused(with_rule(conditions=[{"attribute": "a", **condition}]))
    assert found[f"environments.p.rules[0].conditions[0].{place}"].startswith(message)


def test_groups_nest_only_so_deep() -> None:
    test: dict[str, Any] = {"attribute": "a", "operator": "exists"}
    for _ in range(7):
        test = {"any_of": [[test]]}
    assert FlagDefinition.from_data(with_rule(conditions=[test]))
    message = "nests deeper than 8 groups"
    assert message in refused(with_rule(conditions=[{"any_of": [[{"any_of": [[test]]}]]}])).values()


@pytest.mark.parametrize(
    ("split", "place", "message"),
    [
        ({"weights": []}, "weights", "must add up to 1 to 2147483647"),
        ({"weights": [{"variant": "on", "weight": 0}]}, "weights", "must add up to 1 to 2147483647"),
        ({"weights": [{"variant": "on", "weight": -1}]}, "weights[0].weight", "must be a whole number from 0"),
        ({"weights": [{"variant": "on", "weight": 1.5}]}, "weights[0].weight", "must be a whole number from 0"),
        ({"weights": [{"variant": "on", "weight": True}]}, "weights[0].weight", "must be a whole number from 0"),
        ({"weights": [{"variant": "on"}]}, "weights[0].weight", "is missing"),
        ({"weights": [{"variant": "on", "weight": 2**31 - 1}] * 2}, "weights", "must add up to 1 to 2147483647"),
        ({"weights": [{"variant": "on", "weight": 5}], "total": 10}, "total", "is not what the weights add up to"),
        ({"weights": [{"variant": "on", "weight": 5}], "attribute": ""}, "attribute", "must name an attribute"),
        ({"weights": [{"variant": "on", "weight": 5}], "algorithm": "x"}, "algorithm", "must be one of flagd-v2"),
        ({"weights": [{"variant": "off", "weight": 5}]}, "weights[0].variant", "off is no variant of this flag"),
        ({}, "weights", "is missing"),
        ({"weights": [{"variant": "on", "weight": 1}] * 101}, "weights", "has more than 100 entries"),
    ],
)
def test_a_split_with_a_mistake_is_refused_at_its_place(split: dict[str, Any], place: str, message: str) -> None:
    found = refused(with_rule(variant=None, split=split))
    assert found[f"environments.p.rules[0].split.{place}"].startswith(message)


def test_the_parts_must_fit_together() -> None:
    state = {
        "off_variant": "gone",
        "default_variant": "gone",
        "rules": [{"variant": "gone"}, {"variant": "on", "conditions": [{"segment": "staff"}]}],
        "prerequisites": [{"flag": "a", "variants": ["on"]}],
    }
    flag = {"key": "a", "kind": "boolean", "variants": {"on": True}, "environments": {"p": state}}
    with pytest.raises(Invalid) as caught:
        FlagDefinition.from_data(flag, segments={})
    assert {problem.place: problem.message for problem in caught.value.problems} == {
        "environments.p.off_variant": "gone is no variant of this flag",
        "environments.p.default_variant": "gone is no variant of this flag",
        "environments.p.rules[0].variant": "gone is no variant of this flag",
        "environments.p.rules[1].conditions": "there is no segment staff",
        "environments.p.prerequisites[0].flag": "a flag cannot be its own prerequisite",
    }
    assert refused({"key": "a", "kind": "boolean", "variants": {}}) == {"variants": "must hold a variant"}


def test_prerequisites_name_flags_and_variants() -> None:
    with pytest.raises(Invalid) as caught:
        prerequisites_from_data([{"flag": "a b", "variants": ["x y"]}, {"flag": "a", "variants": []}, {}])
    assert [problem.place for problem in caught.value.problems] == [
        "prerequisites[0].variants[0]",
        "prerequisites[0].flag",
        "prerequisites[1].variants",
        "prerequisites[2].flag",
        "prerequisites[2].variants",
    ]


def test_tables_have_a_largest_size() -> None:
    many = {f"v{number}": True for number in range(101)}
    assert refused({"key": "a", "kind": "boolean", "variants": many})["variants"] == "has more than 100 entries"


def test_a_problem_reads_as_place_and_message() -> None:
    assert str(Problem((), "is no JSON")) == "is no JSON"
    assert str(Problem(("rules", 0, "split"), "is odd")) == "rules[0].split: is odd"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)
NAMES = st.sampled_from(
    [*WHOLE, "rules", "conditions", "any_of", "segment", "split", "weights", "attribute", "operator"]
)
NAMED = st.recursive(
    JSON | st.sampled_from([*OPERATORS, "boolean", "on"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=30,
)


@given(NAMED)
@untimed
def test_whatever_comes_is_a_flag_or_invalid(data: object) -> None:
    for read in (FlagDefinition.from_data, Segment.from_data, rules_from_data, prerequisites_from_data):
        with suppress(Invalid):
            read(data)
