"""Hostile JSON, sent to every endpoint of /api/features that takes any: refused or honoured, never a crash."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from features.models import Environment, Flag
from tests import openapi
from tests.contract.test_fuzz import bodies, bounded, check_refusal
from tests.features.api.conftest import Asker, error_of, everything
from tests.features.conftest import MakeFlag

pytestmark = pytest.mark.unmeasured

ENDPOINTS = [
    (method, path, openapi.examples(operation["requestBody"]["content"]["application/json"]))
    for method, path, operation in openapi.operations()
    if path.startswith("/api/features") and "requestBody" in operation
]
RULE = {
    "name": "us",
    "conditions": [
        {"attribute": "plan", "operator": "in", "values": ["pro", "team"], "negate": True},
        {"any_of": [[{"attribute": "version", "operator": "semver_gte", "values": ["1.2.3"]}], [{"segment": "staff"}]]},
    ],
    "split": {"weights": [{"variant": "on", "weight": 1}, {"variant": "off", "weight": 9}], "attribute": "company"},
    "from": "2026-03-01T00:00:00Z",
    "until": "2026-04-01T00:00:00Z",
}
STATE = {"enabled": True, "off_variant": "off", "default_variant": "on", "rules": [RULE, {"variant": "on"}]}
WHOLE: dict[str, Any] = {
    "kind": "boolean",
    "variants": {"on": True, "off": False},
    "tags": ["ui"],
    "metadata": {"team": "web", "cost": 0.5},
    "environments": {"production": {**STATE, "prerequisites": [{"flag": "base", "variants": ["on"]}]}},
}


@pytest.mark.parametrize(("method", "path", "examples"), ENDPOINTS, ids=[f"{each[0]} {each[1]}" for each in ENDPOINTS])
def test_whatever_comes_in_is_refused_whole_or_honoured(
    admin: Asker, make_flag: MakeFlag, method: str, path: str, examples: dict[str, Any]
) -> None:
    make_flag("dark")
    make_flag("base")
    flag = method == "patch" or path == "/api/features"
    good = [*examples.values(), *([{**WHOLE, **({"key": "new"} if method == "post" else {})}] if flag else [])]
    where = path.removeprefix("/api/features").replace("{key}", "dark")
    outcomes: list[int] = []
    before = everything()

    @bounded(150)
    @given(body=bodies(good))
    def attack(body: bytes) -> None:
        nonlocal before
        answer = admin(method.upper(), where, content=body, headers={"Content-Type": "application/json"})
        outcomes.append(answer.status_code)
        if answer.status_code in (200, 201):
            told = answer.json()
            beside = told.get("object") in ("feature.guard", "feature.ramp")
            assert beside or "ETag" in answer.headers or "reason" in told
            made = told["feature"] if beside else told["key"]
            Flag.objects.exclude(key__in=("dark", "base")).delete()
            assert made
            before = everything()
        else:
            check_refusal(answer.status_code, answer.headers, answer.content)
            assert everything() == before

    attack()
    assert outcomes.count(400) > 50
    assert max(outcomes) < 500


DEEP: dict[str, Callable[[], Any]] = {
    "lists": lambda: nested(lambda inner: [inner], 100),
    "objects": lambda: nested(lambda inner: {"a": inner}, 100),
}


def nested(wrap: Callable[[Any], Any], depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = wrap(value)
    return value


@pytest.mark.parametrize("kind", DEEP)
def test_a_value_that_nests_deeply_is_refused_with_its_place(admin: Asker, environment: Environment, kind: str) -> None:
    body = {"key": "a", "kind": "object", "variants": {"it": {"deep": DEEP[kind]()}}}
    error_of(admin.post("", body), 400, "invalid_value", "variants.it")
    assert not Flag.objects.exists()


def test_hundreds_of_flags_are_listed_and_each_page_is_a_page(admin: Asker, environment: Environment) -> None:
    Flag.objects.bulk_create(
        Flag(organization=environment.organization, key=f"f{number}", kind="boolean", variants={"on": True})
        for number in range(300)
    )
    seen: list[str] = []
    while True:
        after = {"after": seen[-1]} if seen else {}
        page = admin.get(params={"limit": 100, **after}).json()
        seen += [each["id"] for each in page["data"]]
        if not page["has_more"]:
            break
    assert seen == [f"f{number}" for number in reversed(range(300))]
