"""POST /api/features/{key}/kill."""

from typing import Any

import pytest

from accounts.models import AuditEvent, Project, Role
from features.models import Environment, FlagState, ProjectEnvironment
from tests import openapi
from tests.features.api.conftest import Asker, AsKey, AsPerson, error_of, everything
from tests.features.conftest import MakeFlag

WHY = {"reason": "Checkout fails."}
OPERATION = openapi.document()["paths"]["/api/features/{key}/kill"]["post"]


def test_anybody_who_sees_the_flag_switches_it_off_where_it_is_protected(
    person: AsPerson, make_flag: MakeFlag, protected: Environment
) -> None:
    make_flag("dark")
    viewer = person(Role.VIEWER)
    answer = viewer.post("/dark/kill", WHY)
    assert answer.status_code == 200, answer.text
    openapi.check(answer.json(), OPERATION["responses"]["200"]["content"]["application/json"]["schema"])
    assert answer.json()["environments"]["production"]["enabled"] is False
    assert answer.headers["etag"] == viewer.get("/dark").headers["etag"]
    assert viewer.post("/dark/evaluate", {"context": {}}).json()["reason"] == "DISABLED"
    event = AuditEvent.objects.latest("pk")
    assert (event.type, event.actor_kind, event.source) == ("flag.state.updated", "user", "api")
    assert (event.after or {})["reason"] == "Checkout fails."


@pytest.mark.parametrize("scope", ["flags.read", "flags.write"])
def test_so_does_a_key_that_reads(key: AsKey, make_flag: MakeFlag, protected: Environment, scope: str) -> None:
    make_flag("dark")
    answer = key(scope).post("/dark/kill", WHY)
    assert answer.status_code == (200 if scope == "flags.read" else 403)
    assert FlagState.objects.get().enabled is (scope == "flags.write")


def test_it_goes_off_only_where_it_is_meant(
    admin: Asker, key: AsKey, make_flag: MakeFlag, staging: Environment, project: Project
) -> None:
    flag = make_flag("dark")
    FlagState.objects.create(flag=flag, environment=staging, enabled=True)

    def on() -> list[str]:
        return list(FlagState.objects.filter(enabled=True).values_list("environment__key", flat=True))

    ours = key("flags.read")
    error_of(ours.post("/dark/kill?environment=staging", WHY), 404, "not_found")
    assert list(admin.post("/dark/kill?environment=staging", WHY).json()["environments"]) == ["staging"]
    assert on() == ["production"]
    FlagState.objects.update(enabled=True)
    ProjectEnvironment.objects.create(project=project, environment=staging)
    assert ours.post("/dark/kill", WHY).status_code == 200
    assert on() == ["production"]


def test_what_is_off_or_was_never_on_there_stays_so(admin: Asker, make_flag: MakeFlag, staging: Environment) -> None:
    make_flag("dark", enabled=False)
    before, events = everything(), AuditEvent.objects.count()
    assert admin.post("/dark/kill", WHY).json()["environments"]["production"]["enabled"] is False
    assert admin.post("/dark/kill?environment=staging", WHY).json()["environments"] == {}
    assert (everything(), AuditEvent.objects.count()) == (before, events)


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "missing_required_parameter", "reason"),
        ({"reason": ""}, "invalid_value", "reason"),
        ({"reason": " \n"}, "invalid_value", "reason"),
        ({"reason": None}, "invalid_type", "reason"),
        ({"reason": 7}, "invalid_type", "reason"),
        ({"reason": "x" * 501}, "invalid_value", "reason"),
        ({"reason": "\x00"}, "invalid_value", "reason"),
        ({**WHY, "enabled": True}, "unknown_parameter", "enabled"),
    ],
)
def test_without_a_reason_that_can_be_kept_it_stays_on(
    admin: Asker, make_flag: MakeFlag, body: dict[str, Any], code: str, param: str
) -> None:
    make_flag("dark")
    before = everything()
    error_of(admin.post("/dark/kill", body), 400, code, param)
    error_of(admin.post("/dark/kill?environment=production", body), 400, code, param)
    assert everything() == before


def test_a_kill_can_be_made_to_depend_on_what_was_read(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark")
    error_of(admin.post("/dark/kill", WHY, headers={"If-Match": '"old"'}), 412, "precondition_failed")
    assert FlagState.objects.get().enabled


def test_what_is_not_there_is_not_killed(admin: Asker, environment: Environment) -> None:
    error_of(admin.post("/nothing/kill", WHY), 404, "not_found")
