"""POST /api/features/{key}/restore."""

from typing import Any

import httpx
import pytest

from accounts.models import AuditEvent, Role
from features.models import Environment, FlagState
from tests import openapi
from tests.features.api.conftest import Asker, AsKey, error_of, everything
from tests.features.conftest import MakeFlag

OPERATION = openapi.document()["paths"]["/api/features/{key}/restore"]["post"]
RULES = [{"conditions": [{"attribute": "age", "operator": "gt", "values": [17.5]}], "variant": "on"}]


def latest(**wanted: Any) -> str:
    return AuditEvent.objects.filter(**wanted).latest("pk").public_id


def test_what_a_change_replaced_comes_back(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark", rules=RULES)
    shown = admin.get("/dark").json()
    admin.patch("/dark", {"environments": {"production": {"rules": [], "enabled": False}}})
    answer = admin.post("/dark/restore", {"event": latest()})
    assert answer.status_code == 200, answer.text
    openapi.check(answer.json(), OPERATION["responses"]["200"]["content"]["application/json"]["schema"])
    assert answer.json() == {**shown, "changed_at": answer.json()["changed_at"]}
    assert answer.headers["etag"] == admin.get("/dark").headers["etag"]
    event = AuditEvent.objects.latest("pk")
    assert (event.type, event.source, sorted(event.changed())) == ("flag.state.updated", "api", ["enabled", "rules"])


def test_only_what_that_change_replaced_comes_back(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark", description="First.")
    admin.patch("/dark", {"description": "Second."})
    event = latest()
    admin.patch("/dark", {"owner": "ann"})
    restored = admin.post("/dark/restore", {"event": event}).json()
    assert (restored["description"], restored["owner"]) == ("First.", "ann")


def test_a_state_that_is_gone_is_made_again(admin: Asker, make_flag: MakeFlag) -> None:
    flag = make_flag("dark", rules=RULES)
    flag.states.get().delete()
    restored = admin.post("/dark/restore", {"event": latest(type="flag.state.deleted")}).json()
    assert restored["environments"]["production"]["rules"] == RULES


def test_what_cannot_come_back_is_refused_with_the_reason(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark")
    made = latest(type="flag.created")
    rules = {"environments": {"production": {"rules": [{"variant": "off"}]}}}
    admin.patch("/dark", rules)
    admin.patch("/dark", {"environments": {"production": {"rules": []}}})
    event = latest()
    variants = {"variants": {"on": True}, "environments": {"production": {"off_variant": None}}}
    assert admin.patch("/dark", variants).status_code == 200
    before = everything()
    assert "Nothing was there before" in error_of(admin.post("/dark/restore", {"event": made}), 409, "cannot_restore")
    assert "It would not be valid now" in error_of(admin.post("/dark/restore", {"event": event}), 409, "cannot_restore")
    assert everything() == before


def test_a_change_of_another_flag_is_not_there(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark")
    make_flag("other")
    admin.patch("/other", {"owner": "ann"})
    before = everything()
    for event in (latest(), latest(target_type="features.environment"), "audit_log-none", "\x00", "\u2028", ""):
        error_of(admin.post("/dark/restore", {"event": event}), 404, "not_found")
    assert everything() == before


def test_a_projects_key_restores_only_where_its_project_is(
    key: AsKey, make_flag: MakeFlag, staging: Environment
) -> None:
    FlagState.objects.create(flag=make_flag("dark"), environment=staging)
    FlagState.objects.filter(environment=staging).update(enabled=True)
    event = latest()
    before = everything()
    error_of(key("flags.write").post("/dark/restore", {"event": event}), 404, "not_found")
    error_of(key("flags.write").post("/dark/restore?environment=staging", {"event": event}), 404, "not_found")
    assert everything() == before


def test_what_is_protected_stays_so(
    key: AsKey, admin_key: AsKey, admin: Asker, make_flag: MakeFlag, protected: Environment
) -> None:
    make_flag("dark")
    admin.post("/dark/kill", {"reason": "It hurts."})
    event, before = latest(type="flag.state.updated"), everything()
    for ask in (key("flags.write"), admin_key(Role.OWNER)):
        error_of(ask.post("/dark/restore", {"event": event}), 403, "environment_protected")
    assert everything() == before
    assert admin.post("/dark/restore", {"event": event}).json()["environments"]["production"]["enabled"] is True


def test_what_was_changed_meanwhile_is_not_restored(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark")
    admin.patch("/dark", {"owner": "ann"})
    body = {"event": latest()}
    error_of(admin.post("/dark/restore", body, headers={"If-Match": '"old"'}), 412, "precondition_failed")
    assert admin.post("/dark/restore", body, headers={"If-Match": "*"}).json()["owner"] == ""


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "missing_required_parameter", "event"),
        ({"event": 7}, "invalid_type", "event"),
        ({"event": "a", "colour": 1}, "unknown_parameter", "colour"),
    ],
)
def test_a_body_without_a_change_is_refused(
    admin: Asker, make_flag: MakeFlag, body: dict[str, Any], code: str, param: str
) -> None:
    make_flag("dark")
    error_of(admin.post("/dark/restore", body), 400, code, param)


def test_a_deleted_flag_comes_back_at_api_audit_without_its_states(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark", description="Dark mode.")
    admin.delete("/dark")
    event = latest(type="flag.deleted")
    headers = {"Authorization": f"Bearer {admin.token}"}
    answer = httpx.post(f"{admin.url}/api/audit/{event}/restore", headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    shown = admin.get("/dark").json()
    assert (shown["description"], shown["environments"]) == ("Dark mode.", {})


def test_the_way_through_api_audit_is_no_way_around_the_protection(
    admin_key: AsKey, admin: Asker, make_flag: MakeFlag, protected: Environment
) -> None:
    make_flag("dark")
    admin.post("/dark/kill", {"reason": "It hurts."})
    event, before, ask = latest(type="flag.state.updated"), everything(), admin_key(Role.OWNER)
    headers = {"Authorization": f"Bearer {ask.token}"}
    error_of(
        httpx.post(f"{ask.url}/api/audit/{event}/restore", headers=headers, timeout=30), 403, "environment_protected"
    )
    assert everything() == before
