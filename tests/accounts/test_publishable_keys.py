"""Publishable keys, which may be public; and secret keys that became so."""

from io import StringIO
from typing import Any

import httpx
import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts import exposure
from accounts.authentication import admit, look_up
from accounts.exceptions import KeyExposed, OriginNotAllowed
from accounts.keys import PUBLISHABLE_PREFIX
from accounts.models import ApiKey, AuditEvent, Project, ServiceAccount
from tests.accounts.conftest import Issue
from tests.accounts.test_admin import add_key, errors, path, shown_key, text
from tests.accounts.test_authentication import Authenticate, authenticate, call

__all__ = ["authenticate"]  # a fixture

HOME = "https://app.example.com"
PUBLISHABLE: dict[str, Any] = {"is_publishable": True, "origins": [HOME], "scopes": ["events.write"]}


# --- What they are ---------------------------------------------------------------------------------------------


def test_a_publishable_key_says_so_and_holds_what_it_was_given(issue: Issue) -> None:
    key, token = issue(**PUBLISHABLE)
    assert token.startswith(PUBLISHABLE_PREFIX)
    assert key.prefix == token[:14]
    found = look_up(token)
    assert found is not None
    assert (found.principal.scopes, found.principal.origins) == ({"events.write"}, {HOME})


def test_a_secret_key_has_no_origins(issue: Issue) -> None:
    found = look_up(issue()[1])
    assert found is not None
    assert found.principal.origins is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"origins": []}, "needs the origins"),
        ({"origins": ["*"]}, "Not an origin"),
        ({"origins": HOME}, "list of texts"),
        ({"scopes": []}, "events.write or flags.read, and no other"),
        ({"scopes": ["events.write", "model.read"]}, "events.write or flags.read, and no other"),
        ({"scopes": ["admin.*"]}, "events.write or flags.read, and no other"),
        ({"scopes": "events.write"}, "Scopes are a list"),
        ({"is_publishable": False}, "Only a publishable key has origins"),
        ({"is_admin": True, "scopes": ["admin.*"]}, "An admin key cannot be publishable"),
    ],
)
def test_a_publishable_key_that_could_do_harm_is_not_made(issue: Issue, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        issue(**{**PUBLISHABLE, **fields})
    assert ApiKey.objects.count() == 0


def test_the_database_refuses_a_publishable_admin_key(issue: Issue) -> None:
    issue(is_admin=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        ApiKey.objects.update(is_publishable=True)


# --- Where they work -------------------------------------------------------------------------------------------


def test_it_works_on_pages_of_its_origins_only(authenticate: Authenticate, issue: Issue) -> None:
    _, token = issue(**PUBLISHABLE)
    assert authenticate(call(token, origin=HOME)).allows("events.write")
    for origin in ("https://evil.example", "https://app.example.com.evil.example", "http://app.example.com", "null"):
        with pytest.raises(OriginNotAllowed) as refusal:
            authenticate(call(token, origin=origin))
        assert (refusal.value.status_code, refusal.value.code) == (403, "origin_not_allowed")
    with pytest.raises(OriginNotAllowed):
        authenticate(call(token))


def test_a_secret_key_works_whatever_the_origin(authenticate: Authenticate, issue: Issue) -> None:
    key, token = issue()
    assert authenticate(call(token, origin="https://anywhere.example")).key_id == key.public_id


def test_it_calls_no_model(issue: Issue, server: Any) -> None:
    _, token = issue(**{**PUBLISHABLE, "scopes": ["events.write", "flags.read"]})
    body = {"model": "lukhas-echo-1", "messages": [{"role": "user", "content": "hi"}]}
    headers = {"Authorization": f"Bearer {token}", "Origin": HOME}
    with httpx.Client(base_url=server.url, headers=headers) as client:
        refused = client.post("/v1/chat/completions", json=body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "insufficient_permissions")
        assert client.get("/v1/models").status_code == 403
        elsewhere = client.post("/v1/chat/completions", json=body, headers={"Origin": "https://evil.example"})
    assert (elsewhere.status_code, elsewhere.json()["error"]["code"]) == (403, "origin_not_allowed")


def test_one_is_made_on_the_command_line(project: Project) -> None:
    out = StringIO()
    arguments = ["site", "--publishable", "--origin", HOME, "--scope", "events.write", "--origin", HOME]
    call_command("create_api_key", *arguments, stdout=out, stderr=StringIO())
    key = ApiKey.objects.get()
    assert out.getvalue().startswith(PUBLISHABLE_PREFIX)
    assert (key.is_publishable, key.origins, key.scopes) == (True, [HOME], ["events.write"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--publishable", "--scope", "events.write"], "needs the origins"),
        (["--publishable", "--origin", HOME], "and no other scope"),
        (["--origin", HOME], "Only a publishable key has origins"),
        (["--publishable", "--admin", "--origin", HOME], "An admin key cannot be publishable"),
    ],
)
def test_a_mistake_on_the_command_line_makes_nothing(project: Project, arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("create_api_key", "site", *arguments)
    assert ApiKey.objects.count() == ServiceAccount.objects.count() == 0


def test_one_is_made_in_the_admin_with_the_ticked_scopes_that_it_may_hold(
    staff: Client, account: ServiceAccount
) -> None:
    refused = add_key(staff, account, is_publishable="on", origins="")
    assert "needs the origins" in str(errors(refused))
    token = shown_key(add_key(staff, account, is_publishable="on", origins=f" {HOME}\r\n\r\nhttp://localhost:3000 "))
    key = ApiKey.objects.get()
    assert token.startswith(PUBLISHABLE_PREFIX)
    assert (key.origins, key.scopes) == ([HOME, "http://localhost:3000"], ["flags.read", "events.write"])
    page = text(staff.get(path("apikey", key.pk, "change")))
    assert f"{HOME}\nhttp://localhost:3000" in page
    data = {"name": "renamed", "origins": HOME, "scopes": ["flags.read", "model.read"], "expires_at_0": ""}
    assert staff.post(path("apikey", key.pk, "change"), {**data, "expires_at_1": ""}).status_code == 302
    key.refresh_from_db()
    assert (key.origins, key.scopes, key.is_publishable) == ([HOME], ["flags.read"], True)


def test_the_list_tells_the_kinds_of_keys_apart(staff: Client, issue: Issue) -> None:
    issue(**PUBLISHABLE)
    issue()
    issue(is_admin=True)
    page = staff.get(path("apikey"))
    shown = {key.is_publishable: page.context["cl"].model_admin.kind(key) for key in page.context["cl"].result_list}
    assert set(shown.values()) <= {"publishable", "secret", "admin"}
    kinds = [page.context["cl"].model_admin.kind(key) for key in page.context["cl"].result_list]
    assert kinds == ["admin", "secret", "publishable"]


# --- Secret keys in URLs ---------------------------------------------------------------------------------------


def query(token: str) -> list[str]:
    """Where a key may stand in a URL."""
    encoded = "".join(f"%{ord(character):02x}" for character in token)
    return [
        f"api_key={token}",
        f"key={token}",
        f"a=1&anything={token}&b=2",
        f"{token}=1",
        token,
        f"authorization=Bearer+{token}",
        f"api_key={encoded}",
        f"q=look+at+this:{token}",
    ]


@pytest.mark.parametrize("place", range(8))
def test_a_secret_key_in_a_url_is_refused_and_flagged(authenticate: Authenticate, issue: Issue, place: int) -> None:
    key, token = issue()
    good = issue()[1]
    request = call(good)
    request.META["QUERY_STRING"] = query(token)[place]
    with pytest.raises(KeyExposed) as refusal:
        authenticate(request)
    assert (refusal.value.status_code, refusal.value.code) == (401, "invalid_api_key")
    assert token not in refusal.value.message
    key.refresh_from_db()
    assert key.exposed_at is not None
    assert ApiKey.objects.filter(exposed_at__isnull=False).count() == 1


def test_an_admin_key_in_a_url_is_found_too(authenticate: Authenticate, issue: Issue) -> None:
    key, token = issue(is_admin=True)
    request = call(token)
    request.META["QUERY_STRING"] = f"key={token}"
    with pytest.raises(KeyExposed):
        authenticate(request)
    key.refresh_from_db()
    assert key.exposed_at is not None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", []),
        ("limit=20&after=model-1", []),
        ("q=risk-free", []),
        ("q=100%25", []),
        ("q=sk-something", []),
        ("api_key=sk-of-somebody-else", ["sk-of-somebody-else"]),
        ("API_KEY=sk-of-somebody-else", ["sk-of-somebody-else"]),
        ("key=pk-lukhas-" + "a" * 43, []),
        ("x=sk-lukhas-", ["sk-lukhas-"]),
        ("a=sk-lukhas-a&b=sk-lukhas-a", ["sk-lukhas-a"]),
    ],
)
def test_what_looks_like_a_secret_key_in_a_query_string(query: str, found: list[str]) -> None:
    assert exposure.secrets_in(query) == found


def test_an_unknown_key_in_a_url_is_refused_and_flags_nothing(authenticate: Authenticate, issue: Issue) -> None:
    _, token = issue()
    request = call(token)
    request.META["QUERY_STRING"] = "key=sk-lukhas-" + "x" * 43
    with pytest.raises(KeyExposed):
        authenticate(request)
    assert not ApiKey.objects.filter(exposed_at__isnull=False).exists()


def test_a_key_is_flagged_once_with_where_it_came_from_and_nothing_of_the_key_is_written(issue: Issue) -> None:
    key, token = issue()
    request = RequestFactory().get("/v1/models", headers={"user-agent": "leaky"}, REMOTE_ADDR="203.0.113.9")
    assert exposure.flag(request, [token]) == 1
    first = ApiKey.objects.get(pk=key.pk).exposed_at
    assert exposure.flag(request, [token]) == 0
    assert ApiKey.objects.get(pk=key.pk).exposed_at == first
    event = AuditEvent.objects.get(type="api_key.exposed")
    assert (event.target_id, event.source, event.actor_kind) == (key.public_id, "api", "anonymous")
    assert (event.address, event.user_agent) == ("203.0.113.9", "leaky")
    assert token not in repr(AuditEvent.objects.values())


def test_on_the_wire_the_caller_is_told_and_the_log_does_not_hold_the_key(
    issue: Issue, server: Any, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    key, token = issue()
    with httpx.Client(base_url=server.url) as client:
        for method, url in (("GET", "/v1/models"), ("POST", "/v1/chat/completions"), ("POST", "/v1/embeddings")):
            for headers in ({}, {"Authorization": f"Bearer {token}"}):
                refused = client.request(method, url, params={"api_key": token}, headers=headers)
                error = refused.json()["error"]
                assert (refused.status_code, error["code"]) == (401, "invalid_api_key")
                assert "in the URL" in error["message"]
                assert token not in refused.text
    key.refresh_from_db()
    assert key.exposed_at is not None
    written = capfd.readouterr()
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("http")]  # not the client's
    assert token not in written.out + written.err + "".join(ours)


def test_staff_see_which_keys_were_exposed(staff: Client, issue: Issue) -> None:
    leaked, _ = issue(name="leaked")
    issue(name="kept")
    ApiKey.objects.filter(pk=leaked.pk).update(exposed_at=timezone.now())
    assert text(staff.get(path("apikey"))).count(">exposed</span>") == 1
    for value, names in (
        ("yes", ["leaked"]),
        ("no", ["kept"]),
        ("maybe", ["kept", "leaked"]),
        ("", ["kept", "leaked"]),
    ):
        shown = staff.get(path("apikey"), {"exposed": value} if value else {}).context["cl"].queryset
        assert [key.name for key in shown] == names


def test_an_exposed_key_works_until_it_is_revoked(issue: Issue) -> None:
    key, token = issue()
    key.exposed_at = timezone.now()
    key.save()
    found = look_up(token)
    assert found is not None
    request = call(token)
    assert admit(request, found.principal, token).key_id == key.public_id
