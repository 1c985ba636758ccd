"""PATCH /api/features/{key}."""

import threading
from typing import Any

import pytest

from accounts.models import AuditEvent, Project, Role
from features.models import Environment, Flag, FlagState, FlagsVersion, ProjectEnvironment
from tests import openapi
from tests.features.api.conftest import Asker, AsKey, AsPerson, error_of, everything
from tests.features.conftest import BOOLEAN, MakeFlag

OPERATION = openapi.document()["paths"]["/api/features/{key}"]["patch"]
EXAMPLES = openapi.examples(OPERATION["requestBody"]["content"]["application/json"])
RULES = [{"conditions": [{"attribute": "plan", "operator": "equals", "values": ["pro"]}], "variant": "off"}]


def on(environment: str = "production", **state: Any) -> dict[str, Any]:
    return {"environments": {environment: state}}


@pytest.mark.parametrize("title", EXAMPLES)
def test_every_example_of_the_document_is_honoured(admin: Asker, make_flag: MakeFlag, title: str) -> None:
    make_flag("dark", enabled=False)
    answer = admin.patch("/dark", EXAMPLES[title])
    assert answer.status_code == 200, answer.text
    openapi.check(answer.json(), OPERATION["responses"]["200"]["content"]["application/json"]["schema"])
    again = admin.get("/dark")
    assert (again.json(), again.headers["etag"]) == (answer.json(), answer.headers["etag"])


def test_what_is_named_changes_and_all_else_stays(admin: Asker, make_flag: MakeFlag, staging: Environment) -> None:
    flag = make_flag("dark", description="Old.", tags=["ui"], rules=RULES)
    FlagState.objects.create(flag=flag, environment=staging)
    before = admin.get("/dark").json()
    after = admin.patch("/dark", {"description": "New.", **on(enabled=False)}).json()
    expected = {**before, "description": "New.", "changed_at": after["changed_at"]}
    expected["environments"]["production"]["enabled"] = False
    assert after == expected
    assert [event.type for event in AuditEvent.objects.order_by("-pk")[:2]] == ["flag.updated", "flag.state.updated"]


def test_variants_and_what_answers_with_them_change_together(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark")
    state = {"off_variant": None, "default_variant": "day", "rules": [{"variant": "night"}]}
    body = {"kind": "string", "variants": {"day": "light", "night": "dark"}, **on(**state)}
    changed = admin.patch("/dark", body).json()
    assert (changed["kind"], changed["variants"]) == ("string", {"day": "light", "night": "dark"})
    assert changed["environments"]["production"]["rules"] == [{"variant": "night"}]


def test_a_whole_flag_can_be_sent_back(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark", rules=RULES)
    shown = admin.get("/dark").json()
    body = {name: value for name, value in shown.items() if name not in ("id", "object", "created_at", "changed_at")}
    body["permanent"] = True
    body["raw_exposures"] = True
    patched = admin.patch("/dark", body).json()
    assert (patched["permanent"], patched["raw_exposures"]) == (True, True)


def test_a_state_is_made_where_there_was_none(admin: Asker, make_flag: MakeFlag, staging: Environment) -> None:
    make_flag("dark")
    made = admin.patch("/dark", on("staging", enabled=True, default_variant="on")).json()["environments"]["staging"]
    assert made == {
        "enabled": True, "off_variant": None, "default_variant": "on", "rules": [], "prerequisites": []
    }  # fmt: skip


@pytest.mark.parametrize("body", [{}, {"description": ""}, {"key": "dark"}, on(enabled=True), {"environments": {}}])
def test_what_changes_nothing_is_no_change(admin: Asker, make_flag: MakeFlag, body: dict[str, Any]) -> None:
    make_flag("dark")
    before, events = everything(), AuditEvent.objects.count()
    answer = admin.patch("/dark", body)
    assert (answer.status_code, answer.headers["etag"]) == (200, admin.get("/dark").headers["etag"])
    assert (everything(), AuditEvent.objects.count()) == (before, events)


# --- Lost updates ----------------------------------------------------------------------------------------------


def test_who_read_it_before_somebody_changed_it_overwrites_nothing(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark")
    mine, theirs = admin.get("/dark").headers["etag"], admin.get("/dark").headers["etag"]
    assert admin.patch("/dark", on(enabled=False), headers={"If-Match": theirs}).status_code == 200
    before, events = everything(), AuditEvent.objects.count()
    error_of(admin.patch("/dark", {"description": "Mine."}, headers={"If-Match": mine}), 412, "precondition_failed")
    assert (everything(), AuditEvent.objects.count()) == (before, events)
    fresh = admin.get("/dark").headers["etag"]
    assert admin.patch("/dark", {"description": "Mine."}, headers={"If-Match": fresh}).status_code == 200


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("*", 200),
        ("{tag}", 200),
        ("W/{tag}", 200),
        ('"other", {tag}', 200),
        ('"other"', 412),
        ("{bare}", 412),
        ('""', 412),
        ("nonsense", 412),
        (",", 412),
        ("", 200),
    ],
)
def test_if_match_is_read_as_a_list_of_tags(admin: Asker, make_flag: MakeFlag, header: str, status: int) -> None:
    make_flag("dark")
    tag = admin.get("/dark", headers={"Accept-Encoding": "identity"}).headers["etag"]
    value = header.replace("{tag}", tag).replace("{bare}", tag.strip('"'))
    assert admin.patch("/dark", {"owner": "ann"}, headers={"If-Match": value}).status_code == status


def test_a_tag_of_a_compressed_answer_is_as_good(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark", description="x" * 1500)
    answer = admin.get("/dark", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    tag = answer.headers["etag"]
    assert tag.startswith("W/")
    assert admin.patch("/dark", {"owner": "ann"}, headers={"If-Match": tag}).status_code == 200


def race(admin: Asker, bodies: list[dict[str, Any]], tag: str | None) -> list[int]:
    """The statuses of patches that are sent at the same time."""
    start, found = threading.Barrier(len(bodies)), list[int]()

    def patch(body: dict[str, Any]) -> None:
        start.wait(30)
        found.append(admin.patch("/dark", body, headers={"If-Match": tag} if tag else {}).status_code)

    threads = [threading.Thread(target=patch, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(found)


def test_of_many_at_once_with_one_tag_one_wins(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark")
    tag = admin.get("/dark").headers["etag"]
    assert race(admin, [{"owner": f"person {number}"} for number in range(6)], tag) == [200, *[412] * 5]


def test_many_at_once_who_change_other_things_all_come_through(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark")
    bodies: list[dict[str, Any]] = [{"owner": "ann"}, {"ticket": "UI-7"}, {"tags": ["ui"]}, on(rules=RULES)]
    assert race(admin, bodies, None) == [200] * 4
    shown = admin.get("/dark").json()
    assert (shown["owner"], shown["ticket"], shown["tags"]) == ("ann", "UI-7", ["ui"])
    assert shown["environments"]["production"]["rules"] == RULES


# --- What is refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"colour": 1}, "unknown_parameter", "colour"),
        ({"id": "dark"}, "unknown_parameter", "id"),
        ({"key": "light"}, "invalid_value", "key"),
        ({"key": None}, "invalid_value", "key"),
        ({"description": 7}, "invalid_value", "description"),
        ({"kind": "string"}, "invalid_value", "variants.on"),
        ({"variants": {"on": True}}, "invalid_value", "environments.production.off_variant"),
        ({"environments": 7}, "invalid_value", "environments"),
        ({"environments": None}, "invalid_value", "environments"),
        (on("nowhere", enabled=True), "invalid_value", "environments.nowhere"),
        (on("a/b", enabled=True), "invalid_value", "environments.a/b"),
        ({"environments": {"production": None}}, "invalid_value", "environments.production"),
        (on(enabled="yes"), "invalid_value", "environments.production.enabled"),
        (on(default_variant="x"), "invalid_value", "environments.production.default_variant"),
        (on(rules=[{"variant": "x"}]), "invalid_value", "environments.production.rules[0].variant"),
        (on(rules="all"), "invalid_value", "environments.production.rules"),
        (
            on(rules=[{"conditions": [{"segment": "none"}], "variant": "on"}]),
            "invalid_value",
            "environments.production.rules[0].conditions",
        ),
        (
            on(prerequisites=[{"flag": "top", "variants": ["on"]}]),
            "invalid_value",
            "environments.production.prerequisites",
        ),
        ({"variants": {"on": True, "no": False}, **on(off_variant="no")}, "invalid_value", None),
    ],
)
def test_a_rejected_patch_changes_nothing(
    admin: Asker, make_flag: MakeFlag, body: dict[str, Any], code: str, param: str | None
) -> None:
    make_flag("dark")
    make_flag("top", prerequisites=[{"flag": "dark", "variants": ["on", "off"]}])
    before, events = everything(), AuditEvent.objects.count()
    error_of(admin.patch("/dark", {"ticket": "UI-7", **body}), 400, code, param)
    assert (everything(), AuditEvent.objects.count()) == (before, events)


def test_states_in_a_patch_are_kept_all_or_none(admin: Asker, make_flag: MakeFlag, staging: Environment) -> None:
    make_flag("dark")
    before = everything()
    body = {
        "environments": {
            "production": {"enabled": False},
            "staging": {"prerequisites": [{"flag": "no", "variants": ["on"]}]},
        }
    }
    error_of(admin.patch("/dark", body), 400, "invalid_value", "environments.staging.prerequisites[0]")
    assert everything() == before


def test_another_organisations_flag_is_neither_changed_nor_told_of(
    person: AsPerson, make_flag: MakeFlag, stranger: Any
) -> None:
    make_flag("dark")
    before = everything()
    error_of(person(Role.OWNER, stranger).patch("/dark", {"owner": "me"}), 404, "not_found")
    assert everything() == before


def test_what_is_too_large_is_refused(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark")
    error_of(admin.patch("/dark", {"description": "x" * 1024 * 1024}), 413, "request_too_large")


# --- Where -----------------------------------------------------------------------------------------------------


def test_a_projects_key_changes_only_where_its_project_is(
    key: AsKey, make_flag: MakeFlag, staging: Environment, project: Project
) -> None:
    flag = make_flag("dark")
    FlagState.objects.create(flag=flag, environment=staging)
    ask = key("flags.write")
    assert ask.patch("/dark", on(enabled=False)).status_code == 200
    before = everything()
    error_of(ask.patch("/dark", on("staging", enabled=True)), 400, "invalid_value", "environments.staging")
    assert everything() == before
    ProjectEnvironment.objects.create(project=project, environment=staging)
    assert list(ask.patch("/dark", on("staging", enabled=True)).json()["environments"]) == ["staging"]
    error_of(ask.patch("/dark", on(enabled=True)), 400, "invalid_value", "environments.production")


def test_a_patch_for_one_environment_leaves_others_alone(
    admin: Asker, make_flag: MakeFlag, staging: Environment
) -> None:
    make_flag("dark")
    error_of(
        admin.patch("/dark?environment=staging", on(enabled=False)), 400, "invalid_value", "environments.production"
    )
    answer = admin.patch("/dark?environment=production", on(enabled=False)).json()
    assert list(answer["environments"]) == ["production"]


@pytest.mark.parametrize("body", [on(enabled=False), {"variants": {"on": False, "off": True}}, {"salt": "x"}])
def test_keys_change_nothing_that_is_answered_where_it_is_protected(
    key: AsKey, admin_key: AsKey, make_flag: MakeFlag, protected: Environment, body: dict[str, Any]
) -> None:
    make_flag("dark")
    before, events = everything(), AuditEvent.objects.count()
    for ask in (key("flags.write"), admin_key(Role.OWNER)):
        events = AuditEvent.objects.count()
        error_of(ask.patch("/dark", {"owner": "x", **body}), 403, "environment_protected")
        assert (everything(), AuditEvent.objects.count()) == (before, events)
    assert key("flags.write").patch("/dark", {"owner": "x"}).status_code == 200


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OWNER])
def test_people_who_may_change_what_is_protected(
    person: AsPerson, make_flag: MakeFlag, protected: Environment, role: Role
) -> None:
    make_flag("dark")
    assert person(role).patch("/dark", on(enabled=False)).status_code == 200


def test_a_change_is_answered_at_once(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark")
    for enabled, value in ((False, False), (True, True)):
        admin.patch("/dark", on(enabled=enabled))
        assert admin.post("/dark/evaluate", {"context": {}}).json()["value"] is value


def test_a_flag_moves_the_version_once(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark")
    assert Flag.objects.get().variants == BOOLEAN
    before = FlagsVersion.current()
    admin.patch("/dark", {"owner": "ann"})
    assert FlagsVersion.current() > before
