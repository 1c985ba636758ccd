"""By which weights everybody is split, where that is so."""

from typing import Any

import pytest

from features.models import Flag, FlagState
from features.shares import weights_of

HALVES = [{"variant": "on", "weight": 1}, {"variant": "off", "weight": 1}]


def state(*rules: Any, **fields: Any) -> FlagState:
    return FlagState(flag=Flag(key="dark"), rules=list(rules), **{"enabled": True, **fields})


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ({"split": {"weights": HALVES}}, {"on": 1, "off": 1}),
        ({"name": "halves", "split": {"weights": HALVES, "total": 2}}, {"on": 1, "off": 1}),
        ({"split": {"weights": [*HALVES, {"variant": "on", "weight": 8}]}}, {"on": 9, "off": 1}),
        ({"split": {"weights": HALVES, "attribute": "targetingKey"}}, {"on": 1, "off": 1}),
        ({"split": {"weights": HALVES, "attribute": "company"}}, None),
        ({"split": {"weights": HALVES}, "from": "2026-01-01T00:00:00Z"}, None),
        ({"split": {"weights": HALVES}, "conditions": [{"segment": "few"}]}, None),
        ({"variant": "on"}, None),
    ],
)
def test_the_weights_are_those_of_a_first_rule_that_splits_everybody(rule: Any, found: dict[str, int] | None) -> None:
    assert weights_of(state(rule, {"variant": "on"})) == found


@pytest.mark.parametrize(
    "other",
    [
        state(),
        state({"split": {"weights": HALVES}}, enabled=False),
        state({"split": {"weights": HALVES}}, prerequisites=[{"flag": "base", "variants": ["on"]}]),
        state({"variant": "on"}, {"split": {"weights": HALVES}}),
    ],
)
def test_elsewhere_there_are_none(other: FlagState) -> None:
    assert weights_of(other) is None
