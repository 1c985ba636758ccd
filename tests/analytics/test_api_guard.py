"""/api/features/{key}/guard. Who may: `tests/features/api/test_matrix.py`."""

from decimal import Decimal
from typing import Any

import pytest

from accounts.alerts.signing import secret_of
from accounts.models import AuditEvent, Role
from analytics.models import RolloutGuard
from analytics.rollout_guard import watch
from features.models import Environment, FlagState
from tests import openapi
from tests.analytics.guarded import KEY, NEXT, NOON, NOW, make_guard, make_state, used
from tests.features.api.conftest import (
    Asker,
    AsKey,
    AsPerson,
    admin,
    error_of,
    key,
    person,
    protected,
    staging,
    unhurried,
)
from tests.features.conftest import environment

__all__ = ["admin", "environment", "key", "person", "protected", "staging", "unhurried"]
GUARD = f"/{KEY}/guard"
HOOK = "https://hooks.example.com/x"
PATH = openapi.document()["paths"]["/api/features/{key}/guard"]


@pytest.fixture(autouse=True)
def state(database: None) -> Any:
    return make_state()


def put(asker: Asker, path: str = GUARD, **body: Any) -> Any:
    return asker("PUT", path, json={"thresholds": {"error_rate_most": 5}, **body})


def shaped(answer: Any, method: str) -> Any:
    """The body of a good answer, of the document's shape."""
    assert answer.status_code == 200, answer.text
    openapi.check(answer.json(), PATH[method]["responses"]["200"]["content"]["application/json"]["schema"])
    return answer.json()


def test_a_guard_is_set_shown_replaced_and_taken_away(admin: Asker) -> None:
    error_of(admin.get(GUARD), 404, "not_found")
    thresholds = {"error_rate_above": 2, "latency_p95_times": 1.5, "cost_most": 0.0001, "cost_times": None}
    told = shaped(put(admin, thresholds=thresholds, minutes=10, recipients=["ann@example.com"]), "put")
    assert told["thresholds"] == {"error_rate_above": 2, "latency_p95_times": 1.5, "cost_most": 0.0001}
    assert (told["control"], told["minutes"], told["min_requests"]) == ("current", 10, 100)
    assert (told["recipients"], told["webhook"], told["looked"], told["turned_back"]) == (
        ["ann@example.com"], False, None, [],
    )  # fmt: skip
    assert shaped(admin.get(GUARD), "get") == told
    told = shaped(put(admin, control="third"), "put")
    assert (told["thresholds"], told["minutes"], told["control"]) == ({"error_rate_most": 5}, 5, "third")
    shaped(admin.delete(GUARD), "delete")
    error_of(admin.delete(GUARD), 404, "not_found")
    kinds = list(AuditEvent.objects.filter(type__startswith="rollout_guard.").values_list("type", flat=True))
    assert sorted(kinds) == ["rollout_guard.created", "rollout_guard.deleted", "rollout_guard.updated"]


def test_the_secret_of_a_webhook_is_shown_once_and_its_address_never(admin: Asker) -> None:
    answer = put(admin, webhook_url=HOOK)
    told = shaped(answer, "put")
    assert told["webhook_secret"] == secret_of(RolloutGuard.objects.get())
    assert answer.headers["cache-control"] == "no-store"
    for answer in (put(admin), admin.get(GUARD)):
        assert (answer.json()["webhook"], "webhook_secret" in answer.json()) == (True, False)
        assert HOOK not in answer.text
    assert shaped(put(admin, webhook_url=""), "put")["webhook"] is False


def test_what_it_turned_back_is_shown_with_the_numbers_and_people_are_not_to_keys(admin: Asker, key: AsKey) -> None:
    RolloutGuard.objects.all().delete()
    guard = make_guard(FlagState.objects.get(), recipients=["ann@example.com"])
    used(NEXT, 30, failed=30)
    watch(RolloutGuard.objects.with_flags().get(pk=guard.pk), NOW)
    told = shaped(admin.get(GUARD), "get")
    (turned,) = told["turned_back"]
    assert (turned["variant"], turned["metric"], turned["value"], turned["limit"]) == (NEXT, "error_rate", 100, 5)
    assert (turned["control_value"], turned["end"]) == (None, int(NOON.timestamp()))
    assert told["looked"].startswith("the error rate of next was 100.0 %")
    assert shaped(key("flags.read").get(GUARD), "get")["recipients"] is None


BAD: list[Any] = [
    ({"thresholds": {}}, "invalid_value", "thresholds"),
    ({"thresholds": {"error_rate_most": -1}}, "invalid_value", "thresholds.error_rate_most"),
    ({"thresholds": {"error_rate_most": "5"}}, "invalid_value", "thresholds.error_rate_most"),
    ({"thresholds": {"error_rate_most": True}}, "invalid_value", "thresholds.error_rate_most"),
    ({"thresholds": {"error_rate_most": 1e300}}, "invalid_value", "thresholds.error_rate_most"),
    ({"thresholds": {"cost_times": 0.5}}, "invalid_value", "thresholds.cost_times"),
    ({"thresholds": {"speed": 5}}, "unknown_parameter", "thresholds.speed"),
    ({"thresholds": [5]}, "invalid_value", "thresholds"),
    ({"minutes": 61}, "invalid_value", "minutes"),
    ({"minutes": "5"}, "invalid_value", "minutes"),
    ({"min_requests": 1}, "invalid_value", "min_requests"),
    ({"control": "gone"}, "invalid_value", "control"),
    ({"control": 5}, "invalid_value", "control"),
    ({"recipients": "ann@example.com"}, "invalid_value", "recipients"),
    ({"recipients": ["nobody"]}, "invalid_value", "recipients"),
    ({"subject_prefix": "a\nb"}, "invalid_value", "subject_prefix"),
    ({"webhook_url": "ftp://example.com"}, "invalid_value", "webhook_url"),
    ({"webhook_url": "http://169.254.169.254/"}, "invalid_value", "webhook_url"),
    ({"colour": 1}, "unknown_parameter", "colour"),
]


def test_a_guard_that_makes_no_sense_is_refused_with_its_place_and_changes_nothing(
    admin: Asker, staging: Environment
) -> None:
    put(admin, thresholds={"error_rate_most": 7})
    before = list(RolloutGuard.objects.values())
    for body, code, param in BAD:
        error_of(put(admin, **body), 400, code, param)
    error_of(admin("PUT", GUARD, json={}), 400, "missing_required_parameter", "thresholds")
    error_of(put(admin, f"{GUARD}?environment=staging"), 400, "invalid_value", "environment")
    error_of(put(admin, f"{GUARD}?environment=gone"), 404, "not_found")
    error_of(put(admin, "/nothing/guard"), 404, "not_found")
    assert list(RolloutGuard.objects.values()) == before
    assert before[0]["error_rate_most"] == Decimal(7)


def test_in_a_protected_environment_people_do_and_keys_do_not(
    person: AsPerson, key: AsKey, protected: Environment
) -> None:
    robot = key("flags.read", "flags.write")
    error_of(put(robot), 403, "environment_protected")
    shaped(put(person(Role.ADMIN)), "put")
    before = list(RolloutGuard.objects.values())
    error_of(put(robot, minutes=60), 403, "environment_protected")
    error_of(robot.delete(GUARD), 403, "environment_protected")
    assert list(RolloutGuard.objects.values()) == before
