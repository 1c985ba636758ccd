"""POST /api/features/{key}/evaluate and …/explain."""

from typing import Any

import pytest

from accounts.models import AuditEvent, Project
from features.models import Environment, FlagState, ProjectEnvironment
from tests import openapi
from tests.features.api.conftest import Asker, AsKey, error_of, everything
from tests.features.conftest import MakeFlag
from tests.features.exposing import written

ENDPOINTS = ("evaluate", "explain")
SECRET = "ada.lovelace@example.com"
SPLIT = [{"split": {"weights": [{"variant": "on", "weight": 1}, {"variant": "off", "weight": 1}]}}]
both = pytest.mark.parametrize("endpoint", ENDPOINTS)


def ask(asker: Asker, endpoint: str = "evaluate", key: str = "dark", query: str = "", **context: Any) -> dict[str, Any]:
    answer = asker.post(f"/{key}/{endpoint}{query}", {"context": context})
    assert answer.status_code == 200, answer.text
    operation = openapi.document()["paths"][f"/api/features/{{key}}/{endpoint}"]["post"]
    openapi.check(answer.json(), operation["responses"]["200"]["content"]["application/json"]["schema"])
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


def test_a_context_comes_in_and_value_variant_and_reason_go_out(admin: Asker, make_flag: MakeFlag) -> None:
    rule = {"conditions": [{"attribute": "plan", "operator": "equals", "values": ["pro"]}], "variant": "off"}
    make_flag("dark", rules=[rule], metadata={"team": "web"})
    assert ask(admin, plan="pro") == {
        "object": "feature.evaluation",
        "key": "dark",
        "environment": "production",
        "value": False,
        "variant": "off",
        "reason": "TARGETING_MATCH",
        "metadata": {"team": "web"},
        "error": None,
    }
    assert (ask(admin)["value"], ask(admin)["reason"]) == (True, "DEFAULT")


def test_trying_a_flag_out_is_no_exposure(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark")
    for endpoint in ENDPOINTS:
        ask(admin, endpoint)
    assert written() == {}


def test_the_answer_is_explained_step_by_step(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark", rules=SPLIT)
    explained = ask(admin, "explain", targetingKey="ada")
    answer = ask(admin, targetingKey="ada")
    assert {name: explained[name] for name in answer} == answer
    assert explained["rule"] == 0
    assert [step["place"] for step in explained["trace"]] == ["enabled", "rules[0].split"]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("string", "é"), ("number", 0.5), ("number", 3), ("object", {"a": [1, None]}), ("boolean", True)],
)
def test_every_kind_is_answered(admin: Asker, make_flag: MakeFlag, kind: str, value: Any) -> None:
    make_flag("dark", kind=kind, variants={"it": value}, default_variant="it")
    assert (ask(admin)["value"], ask(admin)["variant"], ask(admin)["reason"]) == (value, "it", "STATIC")


def test_what_is_off_says_so(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark", enabled=False)
    make_flag("nothing", enabled=False, off_variant="")
    assert (ask(admin)["value"], ask(admin)["reason"]) == (False, "DISABLED")
    assert (ask(admin, key="nothing")["value"], ask(admin, key="nothing")["variant"]) == (None, None)


@both
def test_who_is_asking_must_be_known_only_where_callers_are_spread(
    admin: Asker, make_flag: MakeFlag, endpoint: str
) -> None:
    make_flag("dark", rules=SPLIT)
    found = ask(admin, endpoint, plan="pro")
    assert (found["value"], found["variant"], found["reason"]) == (None, None, "ERROR")
    assert found["error"]["code"] == "TARGETING_KEY_MISSING"


@both
def test_it_is_evaluated_where_it_is_asked_for(
    admin: Asker, key: AsKey, make_flag: MakeFlag, staging: Environment, project: Project, endpoint: str
) -> None:
    FlagState.objects.create(flag=make_flag("dark"), environment=staging, off_variant="off")
    ours = key("flags.read")
    assert (ask(admin, endpoint)["environment"], ask(admin, endpoint)["value"]) == ("production", True)
    assert ask(admin, endpoint, query="?environment=staging")["value"] is False
    assert ask(ours, endpoint)["value"] is True
    ProjectEnvironment.objects.create(project=project, environment=staging)
    assert ask(admin, endpoint, query=f"?project={project.public_id}")["environment"] == "staging"
    assert (ask(ours, endpoint)["environment"], ask(ours, endpoint)["value"]) == ("staging", False)
    error_of(ours.post(f"/dark/{endpoint}?environment=production", {"context": {}}), 404, "not_found")
    error_of(admin.post(f"/dark/{endpoint}?environment=none", {"context": {}}), 404, "not_found")


@both
@pytest.mark.parametrize("key", ["nothing", "a%20b", "%00", "x" * 3000])
def test_a_flag_that_is_not_there_is_not_evaluated(admin: Asker, make_flag: MakeFlag, endpoint: str, key: str) -> None:
    make_flag("dark")
    error_of(admin.post(f"/{key}/{endpoint}", {"context": {}}), 404, "not_found")


@both
@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({}, 400, "missing_required_parameter", "context"),
        ({"context": None}, 400, "invalid_type", "context"),
        ({"context": [1]}, 400, "invalid_type", "context"),
        ({"context": "ada"}, 400, "invalid_type", "context"),
        ({"context": {}, "colour": 1}, 400, "unknown_parameter", "colour"),
        ({"context": {"a": "x" * 64 * 1024}}, 413, "request_too_large", None),
        ([], 400, None, None),
    ],
)
def test_a_body_without_a_context_is_refused(
    admin: Asker, make_flag: MakeFlag, endpoint: str, body: Any, status: int, code: str | None, param: str | None
) -> None:
    make_flag("dark")
    error_of(admin.post(f"/dark/{endpoint}", body), status, code, param)


@both
def test_a_context_may_have_64_kib(admin: Asker, make_flag: MakeFlag, endpoint: str) -> None:
    make_flag("dark")
    shell = len(b'{"context":{"a":""}}')
    whole = b'{"context":{"a":"' + b"x" * (64 * 1024 - shell) + b'"}}'
    for content, status in ((whole, 200), (whole + b" ", 413)):
        headers = {"Content-Type": "application/json"}
        assert admin("POST", f"/dark/{endpoint}", content=content, headers=headers).status_code == status


@both
def test_nothing_of_a_context_is_answered_logged_or_kept(
    admin: Asker,
    make_flag: MakeFlag,
    endpoint: str,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    conditions = [{"attribute": "email", "operator": "ends_with", "values": ["@example.org"]}]
    make_flag("dark", rules=[{"conditions": conditions, "variant": "on"}, *SPLIT])
    before, events = everything(), AuditEvent.objects.count()
    context = {"targetingKey": SECRET, "email": SECRET, SECRET: {"deep": [SECRET]}}
    answers = [
        admin.post(f"/dark/{endpoint}", {"context": context}),
        admin.post(f"/none/{endpoint}", {"context": context}),
        admin.post(f"/dark/{endpoint}", {"context": [context]}),
        admin.post(f"/dark/{endpoint}", {"context": {**context, "a": "x" * 70_000}}),
    ]
    assert [answer.status_code for answer in answers] == [200, 404, 400, 413]
    told = capfd.readouterr()
    for text in (*(answer.text for answer in answers), told.out, told.err, caplog.text):
        assert SECRET not in text
        assert "lovelace" not in text
    assert (everything(), AuditEvent.objects.count()) == (before, events)
