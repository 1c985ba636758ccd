"""/api/features/{key}/ramp, …/pause and …/resume."""

import time
from typing import Any

import pytest

from accounts.models import AuditEvent, Role
from features.models import Environment, FlagState, Ramp
from tests import openapi
from tests.features.api.conftest import Asker, AsKey, AsPerson, error_of, everything
from tests.features.conftest import MakeFlag
from tests.features.ramped import share, two_models

PATHS = openapi.document()["paths"]
RAMP = "/model/ramp"


def shape(path: str, method: str) -> Any:
    answers = PATHS[f"/api/features/{{key}}{path}"][method]["responses"]
    return answers["200"]["content"]["application/json"]["schema"]


def wanted(*percents: float) -> dict[str, Any]:
    """A ramp whose first step is due at once, and the others hours later."""
    now = int(time.time())
    later = [{"percent": each, "at": now + 3600 * number} for number, each in enumerate(percents[1:], 1)]
    return {"variant": "next", "steps": [{"percent": percents[0]}, *later]}


@pytest.fixture(autouse=True)
def flag(make_flag: MakeFlag) -> None:
    two_models(make_flag)


def put(asker: Asker, body: Any, path: str = RAMP) -> Any:
    return asker("PUT", path, json=body)


def test_a_ramp_is_set_up_shown_paused_resumed_and_taken_away(admin: Asker) -> None:
    error_of(admin.get(RAMP), 404, "not_found")
    made = put(admin, wanted(5, 25, 100))
    assert made.status_code == 200, made.text
    openapi.check(made.json(), shape("/ramp", "put"))
    told = made.json()
    assert (told["status"], told["percent"], told["rest"], share()) == ("running", 5, "current", 5)
    assert [step["done"] for step in told["steps"]] == [True, False, False]
    assert told["next_at"] == told["steps"][1]["at"]
    assert admin.get(RAMP).json() == told
    paused = admin.post(f"{RAMP}/pause", {"reason": "Wait."})
    openapi.check(paused.json(), shape("/ramp/pause", "post"))
    assert (paused.json()["status"], paused.json()["reason"]) == ("paused", "Wait.")
    error_of(admin.post(f"{RAMP}/pause", {"reason": ""}), 409, "ramp_not_running")
    resumed = admin.post(f"{RAMP}/resume")
    openapi.check(resumed.json(), shape("/ramp/resume", "post"))
    assert resumed.json()["status"] == "running"
    error_of(admin.post(f"{RAMP}/resume"), 409, "ramp_not_stopped")
    gone = admin.delete(RAMP)
    openapi.check(gone.json(), shape("/ramp", "delete"))
    error_of(admin.delete(RAMP), 404, "not_found")
    assert share() == 5
    events = AuditEvent.objects.filter(type__startswith="ramp.").order_by("pk")
    assert [event.type.removeprefix("ramp.") for event in events] == ["created", *["updated"] * 3, "deleted"]
    assert {event.source for event in events} == {"api"}


def test_without_the_flag_being_on_it_is_not_resumed(admin: Asker) -> None:
    put(admin, wanted(5, 25))
    admin.post(f"{RAMP}/pause", {"reason": ""})
    FlagState.objects.get().kill("It hurts.")
    error_of(admin.post(f"{RAMP}/resume"), 409, "ramp_cannot_resume")


BAD: list[Any] = [
    ({}, "missing_required_parameter", "variant"),
    ({"variant": "next"}, "missing_required_parameter", "steps"),
    ({**wanted(5), "variant": 7}, "invalid_value", "variant"),
    ({**wanted(5), "variant": "gone"}, "invalid_value", "variant"),
    ({**wanted(5), "rest": "next"}, "invalid_value", "rest"),
    ({**wanted(5), "colour": 1}, "unknown_parameter", "colour"),
    ({"variant": "next", "steps": "5@now"}, "invalid_value", "steps"),
    ({"variant": "next", "steps": [{"percent": 0}]}, "invalid_value", "steps[0].percent"),
    ({"variant": "next", "steps": [{"percent": 5, "at": 1}]}, "invalid_value", "steps[0].at"),
    ({"variant": "next", "steps": [{"percent": 5, "when": 1}]}, "unknown_parameter", "steps[0].when"),
    (wanted(25, 5), "invalid_value", "steps[1]"),
]


def test_a_ramp_that_cannot_be_is_refused_with_its_place_and_changes_nothing(admin: Asker) -> None:
    before = everything()
    for body, code, param in BAD:
        error_of(put(admin, body), 400, code, param)
    error_of(put(admin, [5]), 400)
    error_of(put(admin, wanted(5), f"{RAMP}?environment=staging"), 404, "not_found")
    error_of(put(admin, wanted(5), "/nothing/ramp"), 404, "not_found")
    error_of(admin("PUT", RAMP, json=wanted(5), headers={"If-Match": '"old"'}), 412, "precondition_failed")
    error_of(admin.post(f"{RAMP}/pause", {"reason": ""}), 404, "not_found")
    put(admin, wanted(5))
    error_of(admin.post(f"{RAMP}/pause", {"reason": "x" * 501}), 400, "invalid_value", "reason")
    Ramp.objects.all().delete()
    FlagState.objects.update(rules=[])
    assert [row["rules"] for row in everything()[2]] == [row["rules"] for row in before[2]]


def test_where_the_flag_is_off_there_is_no_ramp(admin: Asker, staging: Environment) -> None:
    error_of(put(admin, wanted(5), f"{RAMP}?environment=staging"), 400, "invalid_value", "environment")


def test_in_a_protected_environment_people_do_and_keys_do_not(
    person: AsPerson, key: AsKey, protected: Environment
) -> None:
    robot, owner = key("flags.read", "flags.write"), person(Role.OWNER)
    before = everything()
    error_of(put(robot, wanted(5)), 403, "environment_protected")
    assert (everything(), Ramp.objects.count()) == (before, 0)
    assert put(owner, wanted(5, 25)).status_code == 200
    stored = list(Ramp.objects.values())
    for answer in (
        robot.post(f"{RAMP}/pause", {"reason": ""}), robot.delete(RAMP), put(robot, wanted(10)),
    ):  # fmt: skip
        error_of(answer, 403, "environment_protected")
    assert list(Ramp.objects.values()) == stored
    assert robot.get(RAMP).json()["status"] == "running"
