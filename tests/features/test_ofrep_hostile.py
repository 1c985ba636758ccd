"""Contexts of every shape, against flags of every operator: answered or refused, and never a 5xx."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from features.conditions import OPERATORS
from features.models import Environment, Flag, FlagState, Segment
from tests.contract.test_fuzz import DEEP, HOSTILE
from tests.features.conftest import BOOLEAN
from tests.features.ofrep import EVALUATE, checked
from tests.features.test_ofrep_flag import SPLIT

pytestmark = pytest.mark.unmeasured

VALUES: dict[str, Any] = {
    "regex": "^(a+)+$",
    "before": "2026-01-31T12:00:00Z",
    "after": "2026-01-31T12:00:00Z",
    "cidr": "10.0.0.0/8",
    "sha256_in": "0" * 64,
    **dict.fromkeys(("gt", "gte", "lt", "lte"), 3),
    **{name: "1.2.3" for name in OPERATORS if "semver" in name},
}
ATTRIBUTES = ("targetingKey", "a", "a.b", "", "__proto__")
"""What contexts have, odd names included."""
hostile = st.sampled_from([value for value in HOSTILE if value != DEEP])
contexts = st.dictionaries(st.sampled_from(ATTRIBUTES) | st.text(max_size=3), hostile | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
), max_size=5)  # fmt: skip


@pytest.fixture
def flags(environment: Environment) -> list[str]:
    """One flag for each operator, and some that split, in the wildest ways."""
    organization = environment.organization
    conditions = [{"attribute": "a", "operator": "exists", "negate": True}]
    Segment.objects.create(organization=organization, key="s", conditions=conditions)
    by_a = {**SPLIT[0]["split"], "attribute": "a"}
    rules: dict[str, list[Any]] = {
        **{name: [{"variant": "on", "conditions": [{"any_of": everywhere(name)}]}] for name in OPERATORS},
        "by-key": SPLIT,
        "by-a": [{"split": by_a, "conditions": [{"segment": "s"}]}],
        "needy": [],
    }
    made = Flag.objects.bulk_create(
        Flag(organization=organization, key=key, kind="boolean", variants=BOOLEAN) for key in rules
    )
    FlagState.objects.bulk_create(
        FlagState(flag=flag, environment=environment, enabled=True, default_variant="off", rules=rules[flag.key])
        for flag in made
    )
    FlagState.objects.filter(flag__key="needy").update(prerequisites=[{"flag": "by-key", "variants": ["on"]}])
    return list(rules)


def everywhere(name: str) -> list[Any]:
    """Groups of a condition with this operator, each of another attribute."""
    values = [] if OPERATORS[name].most == 0 else [VALUES.get(name, "x")]
    return [[{"attribute": each, "operator": name, "values": values}] for each in ("targetingKey", "a", "a.b")]


def test_no_context_is_answered_with_a_crash(client: httpx.Client, flags: list[str]) -> None:
    statuses: list[int] = []

    @seed(20251129)
    @settings(
        max_examples=300,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(context=contexts | hostile, flag=st.sampled_from(flags))
    def attack(context: Any, flag: str) -> None:
        body = json.dumps({"context": context}).encode()
        for path in (EVALUATE, f"{EVALUATE}/{flag}"):
            answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code in (200, 400, 413), (answer.text, body)
            checked(answer, bulk=path == EVALUATE)
            statuses.append(answer.status_code)

    attack()
    assert {200, 400, 413} <= set(statuses)
    assert statuses.count(200) > 100
    assert FlagState.objects.count() == len(flags)


@pytest.mark.parametrize(
    "value", ["a" * 60_000 + "!", "1." * 30_000, "9" * 60_000, "2026-01-01T" * 5_000, "::" * 30_000]
)
def test_a_long_text_is_no_burden_to_any_operator(client: httpx.Client, flags: list[str], value: str) -> None:
    answer = client.post(EVALUATE, json={"context": {"targetingKey": "ada", "a": value}}, timeout=10)
    assert answer.status_code == 200
    assert len(checked(answer, bulk=True)["flags"]) == len(flags)


def test_a_deeply_nested_context_is_refused_and_not_followed(client: httpx.Client, flags: list[str]) -> None:
    for depth, status in ((100, 200), (5_000, 400)):
        body = b'{"context": {"a": ' + b"[" * depth + b"]" * depth + b"}}"
        answer = client.post(EVALUATE, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == status
