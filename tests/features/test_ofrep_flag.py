"""POST /ofrep/v1/evaluate/flags/{key}: one flag."""

import json
from typing import Any

import httpx
import pytest
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import OperationalError
from rest_framework.exceptions import APIException, NotAuthenticated

from accounts.exceptions import LimitsUnavailable
from accounts.models import ApiKey, Organization, Project, RateLimit, ServiceAccount
from accounts.pages import pages
from features.models import Environment, FlagState, FlagsVersion, ProjectEnvironment
from features.ofrep.errors import render
from features.ruleset import watch
from lukhas_site.http.exchange import begin
from lukhas_site.http.problems import HostNotAllowed
from tests.conftest import MakeKey
from tests.features.conftest import MakeFlag
from tests.features.ofrep import ADA, EVALUATE, checked

SPLIT = [{"split": {"weights": [{"variant": "on", "weight": 1}, {"variant": "off", "weight": 1}]}}]
LARGE = {"context": {"targetingKey": "ada", "more": "x" * 65_536}}


def ask(client: httpx.Client, key: str = "dark-mode", body: Any = ADA, **options: Any) -> httpx.Response:
    return client.post(f"{EVALUATE}/{key}", json=body, **options)


# --- Answers ---------------------------------------------------------------------------------------------------


def test_a_flag_answers_with_value_variant_and_reason(client: httpx.Client, make_flag: MakeFlag) -> None:
    make_flag()
    answer = ask(client)
    assert answer.status_code == 200
    assert checked(answer) == {"key": "dark-mode", "reason": "STATIC", "variant": "on", "value": True}


@pytest.mark.parametrize(
    ("kind", "value", "wire"),
    [
        ("boolean", False, "false"),
        ("string", "", '""'),
        ("number", 0, "0"),
        ("number", 2.5, "2.5"),
        ("number", 3.0, "3.0"),
        ("object", {"a": [1, None], "b": {}}, '{"a":[1,null],"b":{}}'),
    ],
)
def test_every_kind_comes_as_it_is(client: httpx.Client, make_flag: MakeFlag, kind: str, value: Any, wire: str) -> None:
    make_flag(kind=kind, variants={"v": value}, default_variant="v", metadata={"team": "web", "size": 3})
    answer = ask(client)
    body = checked(answer)
    assert (body["value"], body["variant"], body["metadata"]) == (value, "v", {"team": "web", "size": 3})
    assert f'"value":{wire}' in answer.text


def test_a_whole_number_of_a_flag_of_floats_is_a_float_all_the_same(client: httpx.Client, make_flag: MakeFlag) -> None:
    make_flag("rate", kind="number", variants={"half": 0.5, "all": 1}, default_variant="all")
    make_flag("count", kind="number", variants={"few": 1, "many": 100}, default_variant="few")
    assert '"value":1.0' in ask(client, "rate").text
    assert '"value":1' in ask(client, "count").text
    assert '"value":1.0' not in ask(client, "count").text


def test_each_reason_is_told(client: httpx.Client, make_flag: MakeFlag) -> None:
    pro = [{"attribute": "plan", "operator": "equals", "values": ["pro"]}]
    make_flag("rule", default_variant="off", rules=[{"variant": "on", "conditions": pro}])
    make_flag("split", rules=SPLIT)
    make_flag("dark", enabled=False)
    make_flag("needy", prerequisites=[{"flag": "dark", "variants": ["on"]}])
    found = {key: checked(ask(client, key))["reason"] for key in ("rule", "split", "dark", "needy")}
    assert found == {"rule": "DEFAULT", "split": "SPLIT", "dark": "DISABLED", "needy": "DISABLED"}
    paying = ask(client, "rule", {"context": {"plan": "pro"}})
    assert checked(paying) == {"key": "rule", "reason": "TARGETING_MATCH", "variant": "on", "value": True}


def test_without_a_variant_there_is_no_value_and_the_callers_default_counts(
    client: httpx.Client, make_flag: MakeFlag
) -> None:
    make_flag(enabled=False, off_variant="")
    assert checked(ask(client)) == {"key": "dark-mode", "reason": "DISABLED", "variant": ""}


def test_the_same_caller_gets_the_same_answer(client: httpx.Client, make_flag: MakeFlag) -> None:
    make_flag(rules=SPLIT)
    answers = {
        key: {ask(client, body={"context": {"targetingKey": key}}).text for _ in range(3)}
        for key in map(str, range(20))
    }
    assert all(len(found) == 1 for found in answers.values())
    assert len({text for found in answers.values() for text in found}) == 2


# --- Whose flags -----------------------------------------------------------------------------------------------


def test_a_key_sees_the_environment_of_its_project(client: httpx.Client, make_flag: MakeFlag, project: Project) -> None:
    flag = make_flag()
    staging = Environment.objects.create(organization=project.organization, key="staging")
    FlagState.objects.create(flag=flag, environment=staging, off_variant="off")
    assert checked(ask(client))["value"] is True
    ProjectEnvironment.objects.create(project=project, environment=staging)
    assert checked(ask(client))["value"] is False


def test_a_stranger_sees_none_of_it(client: httpx.Client, make_flag: MakeFlag, stranger: Organization) -> None:
    make_flag()
    make_flag("theirs", environment=Environment.objects.production(stranger))
    home = Project.objects.create(organization=stranger, name="Home")
    robot = ServiceAccount.objects.create(project=home, name="robot")
    _, token = ApiKey.issue(name="k", organization=stranger, project=home, service_account=robot)
    theirs = {"Authorization": f"Bearer {token}"}
    assert [ask(client, key).status_code for key in ("dark-mode", "theirs")] == [200, 404]
    assert [ask(client, key, headers=theirs).status_code for key in ("dark-mode", "theirs")] == [404, 200]


def test_a_colleague_in_the_same_project_gets_the_same_answers(
    client: httpx.Client, make_flag: MakeFlag, make_key: MakeKey
) -> None:
    make_flag()
    colleague = {"Authorization": f"Bearer {make_key('colleague')}"}
    assert ask(client, headers=colleague).json() == ask(client).json()


# --- Keys ------------------------------------------------------------------------------------------------------


def test_a_key_may_come_in_either_header(anonymous: httpx.Client, api_key: str, make_flag: MakeFlag) -> None:
    make_flag()
    for headers in ({"X-API-Key": api_key}, {"Authorization": f"Bearer {api_key}", "X-API-Key": "nonsense"}):
        assert ask(anonymous, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-API-Key": "sk-lukhas-" + "x" * 40}, {"X-API-Key": "short"}, {"X-API-Key": "a b"}, {"Authorization": "a"}],
)
def test_without_a_good_key_nobody_is_answered(
    anonymous: httpx.Client, make_flag: MakeFlag, headers: dict[str, str]
) -> None:
    make_flag()
    answer = ask(anonymous, headers=headers)
    assert answer.status_code == 401
    assert checked(answer)["errorCode"] == "GENERAL"
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_key_without_the_scope_is_refused(client: httpx.Client, make_key: MakeKey, make_flag: MakeFlag) -> None:
    make_flag()
    for other in (make_key("wrong", scopes=["flags.write"]), make_key("boss", is_admin=True, project=None)):
        answer = ask(client, headers={"Authorization": f"Bearer {other}"})
        assert answer.status_code == 403
        assert "flags.read" in checked(answer)["errorDetails"]
    right = {"Authorization": f"Bearer {make_key('right', scopes=['flags.read'])}"}
    assert ask(client, headers=right).status_code == 200


def test_a_publishable_key_works_from_its_origins_and_from_nowhere_else(
    client: httpx.Client, make_key: MakeKey, make_flag: MakeFlag
) -> None:
    make_flag()
    home = "https://app.example.com"
    key = make_key("page", is_publishable=True, origins=[home], scopes=["flags.read"])
    found = [
        ask(client, headers={"Authorization": f"Bearer {key}", **({"Origin": origin} if origin else {})})
        for origin in (home, "https://evil.example.com", "")
    ]
    assert [answer.status_code for answer in found] == [200, 403, 403]
    assert "origin" in checked(found[1])["errorDetails"]


def test_a_page_may_ask_with_either_header_and_read_the_answer(
    client: httpx.Client, make_key: MakeKey, make_flag: MakeFlag
) -> None:
    make_flag()
    home = "https://app.example.com"
    key = make_key("page", is_publishable=True, origins=[home], scopes=["flags.read"])
    pages.forget()
    asked = "x-api-key, authorization, content-type, if-none-match"
    headers = {
        "Origin": home, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": asked
    }  # fmt: skip
    preflight = client.options(EVALUATE, headers=headers)
    assert preflight.headers["access-control-allow-headers"] == asked
    answer = client.post(EVALUATE, json=ADA, headers={"Origin": home, "Authorization": "", "X-API-Key": key})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == home
    assert "etag" in answer.headers["access-control-expose-headers"]


# --- Refusals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["nothing", "a b", "a/b", "ü", "%00", "x" * 500, "dark-mode/", "..%2f"])
def test_a_flag_that_there_is_not_is_404(client: httpx.Client, make_flag: MakeFlag, key: str) -> None:
    make_flag()
    answer = ask(client, key)
    assert answer.status_code == 404
    assert checked(answer)["errorCode"] == "FLAG_NOT_FOUND"


def test_an_archived_flag_answers_as_before(client: httpx.Client, make_flag: MakeFlag) -> None:
    make_flag(archived=True)
    assert checked(ask(client))["value"] is True


@pytest.mark.parametrize("body", [{}, {"context": None}, {"context": []}, {"context": "ada"}, {"contexts": {}}])
def test_a_context_is_an_object(client: httpx.Client, make_flag: MakeFlag, body: Any) -> None:
    make_flag()
    answer = ask(client, body=body)
    assert answer.status_code == 400
    told = checked(answer)
    assert (told["key"], told["errorCode"]) == ("dark-mode", "INVALID_CONTEXT")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"context": {"a": NaN}}', b'{"context":' * 200])
def test_what_is_no_json_object_is_a_parse_error(client: httpx.Client, make_flag: MakeFlag, content: bytes) -> None:
    make_flag()
    answer = client.post(f"{EVALUATE}/dark-mode", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert checked(answer)["errorCode"] == "PARSE_ERROR"


def test_a_body_that_is_not_declared_as_json_is_refused(client: httpx.Client, make_flag: MakeFlag) -> None:
    make_flag()
    answer = client.post(f"{EVALUATE}/dark-mode", content=b'{"context": {}}', headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415
    assert checked(answer)["errorCode"] == "PARSE_ERROR"


def test_a_flag_that_spreads_callers_needs_to_know_who_is_asking(client: httpx.Client, make_flag: MakeFlag) -> None:
    make_flag(rules=SPLIT)
    make_flag("plain")
    answer = ask(client, body={"context": {}})
    assert answer.status_code == 400
    assert checked(answer) == {
        "key": "dark-mode",
        "errorCode": "TARGETING_KEY_MISSING",
        "errorDetails": "targetingKey is missing, and dark-mode spreads callers by it",
    }
    assert ask(client, "plain", {"context": {}}).status_code == 200


def test_a_context_of_more_than_64_kib_is_too_large(client: httpx.Client, make_flag: MakeFlag) -> None:
    make_flag()
    answer = ask(client, body=LARGE)
    assert answer.status_code == 413
    assert checked(answer)["errorCode"] == "INVALID_CONTEXT"
    fits = {"context": {"targetingKey": "ada", "more": "x" * (65_536 - 51)}}
    assert len(json.dumps(fits, separators=(",", ":"))) <= 65_536
    assert ask(client, body=fits).status_code == 200


def test_a_body_that_the_server_takes_from_nobody_is_too_large_in_the_same_words(client: httpx.Client) -> None:
    answer = client.post(f"{EVALUATE}/dark-mode", content=b"x" * (20 * 1024 * 1024 + 1))
    assert answer.status_code == 413
    assert checked(answer)["errorCode"] == "INVALID_CONTEXT"


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_only_post_is_answered(client: httpx.Client, method: str) -> None:
    for path in (EVALUATE, f"{EVALUATE}/dark-mode"):
        answer = client.request(method, path)
        assert answer.status_code == 405
        assert answer.headers["allow"] == "POST"
        assert checked(answer)["errorCode"] == "GENERAL"


@pytest.mark.parametrize("path", ["/ofrep/v1", "/ofrep/v1/evaluate/flags/", "/ofrep/v2/evaluate/flags"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_other_paths_are_unknown_in_the_same_words(anonymous: httpx.Client, method: str, path: str) -> None:
    answer = anonymous.request(method, path)
    assert answer.status_code == 404
    assert answer.json() == {"errorCode": "GENERAL", "errorDetails": f"Unknown request URL: {method} {path}."}


def test_a_bad_request_id_is_refused_in_the_same_words(client: httpx.Client) -> None:
    answer = ask(client, headers={"X-Client-Request-Id": "x" * 513})
    assert answer.status_code == 400
    assert answer.json()["errorCode"] == "GENERAL"


# --- Limits ----------------------------------------------------------------------------------------------------


def key_row() -> ApiKey:
    return ApiKey.objects.get(name="tests")


def limit(scope: Any, value: int, unit: str = "requests", period: str = "minute") -> None:
    RateLimit.objects.put(scope, {"value": value}, unit=unit, period=period, model="")


def test_only_the_keys_own_limits_count(client: httpx.Client, make_flag: MakeFlag, project: Project) -> None:
    make_flag()
    limit(project, 0)
    limit(project.organization, 0)
    limit(key_row(), 0, unit="tokens")
    answer = ask(client)
    assert answer.status_code == 200
    assert "x-ratelimit-limit-requests" not in answer.headers


def test_who_asked_too_often_is_told_when_to_come_back_in_whole_seconds(
    client: httpx.Client, make_flag: MakeFlag
) -> None:
    make_flag()
    limit(key_row(), 2)
    found = [ask(client) for _ in range(3)]
    assert [answer.status_code for answer in found] == [200, 200, 429]
    assert found[0].headers["x-ratelimit-remaining-requests"] == "1"
    assert checked(found[2])["errorCode"] == "GENERAL"
    assert 1 <= int(found[2].headers["retry-after"]) <= 61
    assert "Please try again in" in found[2].json()["errorDetails"]


def test_where_nothing_is_allowed_waiting_is_not_suggested(client: httpx.Client, make_flag: MakeFlag) -> None:
    make_flag()
    limit(key_row(), 0)
    answer = ask(client)
    assert answer.status_code == 429
    assert "retry-after" not in answer.headers
    assert "try again" not in checked(answer)["errorDetails"]


def test_what_was_in_flight_is_given_back(client: httpx.Client, make_flag: MakeFlag) -> None:
    make_flag()
    limit(key_row(), 1, unit="in_flight", period="")
    assert [ask(client, key).status_code for key in ("dark-mode", "nothing", "dark-mode")] == [200, 404, 200]


# --- Trouble ---------------------------------------------------------------------------------------------------


def test_while_the_database_is_away_flags_go_on_answering(
    client: httpx.Client, make_flag: MakeFlag, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_flag()
    assert ask(client).status_code == 200

    def away() -> int:
        raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(FlagsVersion, "current", away)
    assert isinstance(watch.look().exception(30), OperationalError)
    assert checked(ask(client))["value"] is True
    watch.forget()
    answer = ask(client)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert "database" in checked(answer)["errorDetails"]


def test_a_crash_tells_the_request_id_and_nothing_else(
    client: httpx.Client, make_flag: MakeFlag, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_flag()

    def crash(*_: Any) -> Any:
        raise RuntimeError("a secret")

    monkeypatch.setattr("features.ofrep.answers.Answers.one", crash)
    answer = ask(client)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] in checked(answer)["errorDetails"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (LimitsUnavailable(), 503),
        (SuspiciousOperation("a secret"), 400),
        (BadRequest("a secret"), 400),
        (HostNotAllowed(), 400),
        (APIException("a secret"), 500),
        (NotAuthenticated(), 401),
    ],
)
def test_whatever_else_goes_wrong_has_the_same_form(error: Exception, status: int) -> None:
    found, headers, body = render(error, begin("POST", EVALUATE))
    assert found == status
    assert b"secret" not in body
    assert set(json.loads(body)) == {"errorCode", "errorDetails"}
    assert ("www-authenticate" in headers) is (status == 401)
    assert ("retry-after" in headers) is (status == 503)
