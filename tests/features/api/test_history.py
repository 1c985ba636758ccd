"""GET /api/features/{key}/history."""

from typing import Any

from accounts.models import Role
from features.models import Environment, FlagState
from tests import openapi
from tests.features.api.conftest import Asker, AsKey, AsPerson, error_of
from tests.features.conftest import MakeFlag

OPERATION = openapi.document()["paths"]["/api/features/{key}/history"]["get"]


def history(asker: Asker, key: str = "dark", **params: Any) -> list[dict[str, Any]]:
    answer = asker.get(f"/{key}/history", params=params)
    assert answer.status_code == 200, answer.text
    openapi.check(answer.json(), OPERATION["responses"]["200"]["content"]["application/json"]["schema"])
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def types(asker: Asker, **params: Any) -> list[tuple[str, str | None]]:
    return [(each["type"], each["environment"]) for each in history(asker, **params)]


def test_every_change_is_told_with_both_sides_the_latest_first(admin: Asker, environment: Environment) -> None:
    admin.post("", {"key": "dark"})
    admin.patch("/dark", {"description": "New.", "environments": {"production": {"enabled": True}}})
    admin.post("/dark/kill", {"reason": "It hurts."})
    told = history(admin)
    assert [(each["type"], each["environment"]) for each in told] == [
        ("flag.state.updated", "production"),
        ("flag.updated", None),
        ("flag.state.updated", "production"),
        ("flag.state.created", "production"),
        ("flag.created", None),
    ]
    killed, worded = told[:2]
    assert (killed["before"]["enabled"], killed["after"]["enabled"]) == (True, False)
    assert (killed["changed"], killed["reason"]) == (["enabled"], "It hurts.")
    assert set(killed["after"]) == {"enabled", "off_variant", "default_variant", "rules", "prerequisites"}
    assert (worded["before"]["description"], worded["after"]["description"]) == ("", "New.")
    assert (worded["changed"], worded["reason"], worded["source"]) == (["description"], None, "api")
    assert worded["actor"]["type"] == "user"
    assert worded["actor"]["name"].endswith("@example.com")
    assert (told[-1]["before"], told[-1]["after"]["variants"]) == (None, {"on": True, "off": False})


def test_other_flags_have_their_own(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark")
    make_flag("other")
    assert len(history(admin)) == 2
    assert len(history(admin, "other")) == 2


def test_a_flag_that_is_made_again_begins_anew(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark")
    admin.delete("/dark")
    make_flag("dark")
    assert types(admin) == [("flag.state.created", "production"), ("flag.created", None)]


def test_states_that_are_gone_are_told_of_still(admin: Asker, make_flag: MakeFlag, staging: Environment) -> None:
    FlagState.objects.create(flag=make_flag("dark"), environment=staging)
    FlagState.objects.filter(environment=staging).delete()
    assert types(admin)[:2] == [("flag.state.deleted", "staging"), ("flag.state.created", "staging")]
    staging.delete()
    assert types(admin)[:2] == [("flag.state.deleted", None), ("flag.state.created", None)]


def test_only_the_environment_that_is_named_is_told_of(
    admin: Asker, key: AsKey, make_flag: MakeFlag, staging: Environment
) -> None:
    FlagState.objects.create(flag=make_flag("dark"), environment=staging)
    FlagState.objects.filter(environment=staging).delete()
    expected = [("flag.state.deleted", "staging"), ("flag.state.created", "staging"), ("flag.created", None)]
    assert types(admin, environment="staging") == expected
    ours = [("flag.state.created", "production"), ("flag.created", None)]
    assert types(key("flags.read")) == ours
    error_of(key("flags.read").get("/dark/history", params={"environment": "staging"}), 404, "not_found")


def test_a_projects_key_sees_no_names(key: AsKey, person: AsPerson, admin: Asker, environment: Environment) -> None:
    admin.post("", {"key": "dark"})
    assert {each["actor"]["name"] for each in history(key("flags.read"))} == {None}
    assert all(each["actor"]["name"] for each in history(person(Role.VIEWER)))


def test_whoever_was_nobody_has_no_name(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark")
    assert history(admin)[0]["actor"] == {"type": "system", "name": None}


def test_pages_follow_each_other(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark")
    for enabled in (False, True, False):
        admin.patch("/dark", {"environments": {"production": {"enabled": enabled}}})
    whole = [each["id"] for each in history(admin)]
    assert [each["id"] for each in history(admin, limit=2)] == whole[:2]
    assert [each["id"] for each in history(admin, limit=2, after=whole[1])] == whole[2:4]
    error_of(admin.get("/dark/history", params={"after": "audit_log-none"}), 400, "invalid_value", "after")


def test_what_is_not_there_has_none(admin: Asker) -> None:
    error_of(admin.get("/nothing/history"), 404, "not_found")
