"""From the Authorization header to a caller, in sync and in async views alike."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import DatabaseError, OperationalError, connection, models
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import authentication
from accounts.authentication import ApiKeyAuthentication
from accounts.exceptions import (
    KeyInvalid,
    KeyMissing,
    KeyTooShort,
    OrganizationMismatch,
    ProjectMismatch,
    Refused,
    ScopeMissing,
)
from accounts.keys import digest
from accounts.memo import callers
from accounts.models import ApiKey, Membership, Organization, Project, Role, ServiceAccount, User
from accounts.permissions import HasScope, principal_of
from accounts.principal import Principal
from accounts.uses import uses
from lukhas_site.http.exchange import exchange_of
from lukhas_site.http.views import AsyncAPIView
from tests.accounts.conftest import Clock, Issue

Authenticate = Callable[[HttpRequest], Principal]


def in_a_sync_view(request: HttpRequest) -> Principal:
    return ApiKeyAuthentication().authenticate(Request(request))[0]


def in_an_async_view(request: HttpRequest) -> Principal:
    # The database is read in this very thread, so that a test can count and break its queries.
    principal = async_to_sync(ApiKeyAuthentication().authenticate_async)(request)
    assert principal is not None
    return principal


@pytest.fixture(params=[in_a_sync_view, in_an_async_view])
def authenticate(request: pytest.FixtureRequest) -> Authenticate:
    way: Authenticate = request.param
    return way


def call(token: str | None = None, *, authorization: str | None = None, **headers: str) -> HttpRequest:
    """A request with `token` as its key, or with a whole Authorization header."""
    if token is not None:
        authorization = f"Bearer {token}"
    if authorization is not None:
        headers["authorization"] = authorization
    return RequestFactory().get("/v1/models", headers={name.replace("_", "-"): text for name, text in headers.items()})


def elsewhere(model: type[models.Model], **changes: Any) -> None:
    """Changes rows as another process would: this one is not told."""
    models.QuerySet(model).update(**changes)


# --- Good keys -------------------------------------------------------------------------------------------------


def test_a_key_stands_for_its_owner_project_and_organisation(
    authenticate: Authenticate, issue: Issue, account: ServiceAccount, project: Project
) -> None:
    key, token = issue(name="laptop", scopes=["model.read"])
    request = call(token)
    principal = authenticate(request)
    assert principal == Principal(
        key_id=key.public_id,
        key_name="laptop",
        organization_id=project.organization.public_id,
        organization=project.organization.slug,
        project_id=project.public_id,
        project="Default project",
        owner_kind="service_account",
        owner_id=account.public_id,
        scopes=frozenset({"model.read"}),
        role=Role.OWNER,
        owner_name=account.name,
        key_family=key.public_id,
    )
    assert principal_of(request) is principal
    exchange = exchange_of(request)
    assert exchange.organization == project.organization.slug
    assert exchange.facts == {"project": project.public_id, "key": key.public_id}


def test_an_admin_key_stands_for_its_owner_in_the_whole_organisation(
    authenticate: Authenticate, issue: Issue, user: User
) -> None:
    principal = authenticate(call(issue(is_admin=True, user=user)[1]))
    assert (principal.is_admin, principal.project_id, principal.project) == (True, None, None)
    assert (principal.owner_kind, principal.owner_id) == ("user", user.public_id)
    assert principal.allows("admin.projects")
    assert not principal.allows("model.request")


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "  Bearer   {}  "])
def test_the_scheme_is_written_in_any_case_and_space_around_is_ignored(
    authenticate: Authenticate, issue: Issue, form: str
) -> None:
    key, token = issue()
    assert authenticate(call(authorization=form.format(token))).key_id == key.public_id


def test_a_remembered_caller_costs_no_query_and_the_first_call_one_reading(
    authenticate: Authenticate, issue: Issue
) -> None:
    _, token = issue()
    with CaptureQueriesContext(connection) as queries:
        authenticate(call(token))
    statements = [query["sql"].split()[0] for query in queries]
    assert [word for word in statements if word in ("SELECT", "UPDATE")] == ["SELECT"]
    with CaptureQueriesContext(connection) as queries:
        for _ in range(10):
            authenticate(call(token))
    assert len(queries) == 0


def test_the_key_itself_is_not_held_in_memory(authenticate: Authenticate, issue: Issue) -> None:
    _, token = issue()
    authenticate(call(token))
    assert len(callers) == 1
    assert token not in repr(vars(callers))
    assert callers.recall(digest(token)) is not None


# --- No key ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "authorization",
    [None, "", "   ", "Bearer", "Bearer ", "Basic c2stbHVraGFzLXg6", "sk-lukhas-abcdefghijk", "Bearer a b c"],
)
def test_without_a_bearer_key_the_caller_is_told_how_to_send_one(
    authenticate: Authenticate, database: None, authorization: str | None
) -> None:
    with pytest.raises(KeyMissing) as refusal:
        authenticate(call(authorization=authorization))
    error = refusal.value
    assert "You didn't provide an API key" in error.message
    assert (error.status_code, error.type, error.code, error.param) == (401, "invalid_request_error", None, None)
    assert error.headers == {"WWW-Authenticate": 'Bearer realm="OpenAI API"'}


@pytest.mark.parametrize("mode", ["strict", "permissive"])
@pytest.mark.parametrize("token", ["x", "1234567"])
def test_under_eight_characters_a_key_is_refused_before_any_lookup_in_every_mode(
    authenticate: Authenticate,
    database: None,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    token: str,
) -> None:
    def look_up(token: str) -> None:
        raise AssertionError("looked up")

    settings.DEBUG, settings.LUKHAS_POLICY_MODE = True, mode
    monkeypatch.setattr(authentication, "look_up", look_up)
    with pytest.raises(KeyTooShort) as refusal:
        authenticate(call(token))
    assert (refusal.value.status_code, refusal.value.code) == (401, "invalid_api_key")
    assert refusal.value.message == "Incorrect API key provided: ***."
    with pytest.raises(AssertionError, match="looked up"):
        authenticate(call("12345678"))


# --- Bad keys --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "token",
    ["12345678", "sk-lukhas-" + "x" * 43, "é" * 20, "k\x00" * 10, "'/**/OR/**/1=1--", "%s%s%s%s", "x" * 100_000],
)
def test_an_unknown_key_is_refused_and_shown_in_part_only(
    authenticate: Authenticate, database: None, token: str
) -> None:
    with pytest.raises(KeyInvalid) as refusal:
        authenticate(call(token))
    error = refusal.value
    assert (error.status_code, error.type, error.code) == (401, "invalid_request_error", "invalid_api_key")
    assert error.message.startswith("Incorrect API key provided: ")
    assert token not in error.message
    assert len(callers) == 0


def test_parts_of_a_key_and_a_key_with_more_after_it_are_unknown(authenticate: Authenticate, issue: Issue) -> None:
    key, token = issue()
    for wrong in (token[:-1], token + "a", token.swapcase(), key.prefix, key.digest, key.public_id):
        with pytest.raises(KeyInvalid):
            authenticate(call(wrong))


def end(how: str, key: ApiKey, change: Callable[..., None]) -> None:
    match how:
        case "revoked":
            change(ApiKey, revoked_at=timezone.now())
        case "expired":
            change(ApiKey, expires_at=timezone.now() - timedelta(seconds=1))
        case "deactivated owner":
            models.QuerySet(Membership).update(role="admin")  # of the last owner of an organisation it cannot be
            change(User, is_active=False)
        case "archived project":
            change(Project, is_default=False, archived_at=timezone.now())


ENDINGS = ["revoked", "expired", "deactivated owner", "archived project"]


@pytest.mark.parametrize("how", ENDINGS)
def test_a_key_is_refused_once_it_is(how: str, authenticate: Authenticate, issue: Issue, user: User) -> None:
    key, token = issue(user=user)
    authenticate(call(token))
    callers.forget()
    end(how, key, elsewhere)
    with pytest.raises(KeyInvalid) as refusal:
        authenticate(call(token))
    assert refusal.value.message == f"Incorrect API key provided: sk-lu***{token[-4:]}."


@pytest.mark.parametrize("how", ENDINGS)
def test_in_another_process_a_key_ends_within_five_seconds_of_being(
    how: str, authenticate: Authenticate, issue: Issue, user: User, clock: Clock
) -> None:
    key, token = issue(user=user)
    authenticate(call(token))
    end(how, key, elsewhere)
    clock.seconds += 3.9
    authenticate(call(token))
    clock.seconds += 1.0
    with pytest.raises(KeyInvalid):
        authenticate(call(token))


def here(model: type[models.Model], **changes: Any) -> None:
    """Changes rows the way this process does."""
    for row in model._default_manager.all():
        for name, value in changes.items():
            setattr(row, name, value)
        row.save()


@pytest.mark.parametrize("how", ENDINGS)
def test_in_the_same_process_a_key_ends_at_once_when_it_is(
    how: str, authenticate: Authenticate, issue: Issue, user: User
) -> None:
    key, token = issue(user=user)
    authenticate(call(token))
    end(how, key, here)
    with pytest.raises(KeyInvalid):
        authenticate(call(token))


def test_revoking_ends_a_key_at_once(authenticate: Authenticate, issue: Issue) -> None:
    key, token = issue()
    authenticate(call(token))
    key.revoke()
    with pytest.raises(KeyInvalid):
        authenticate(call(token))


def test_a_key_falls_with_its_service_account(
    authenticate: Authenticate, issue: Issue, account: ServiceAccount
) -> None:
    _, token = issue()
    authenticate(call(token))
    account.delete()
    with pytest.raises(KeyInvalid):
        authenticate(call(token))


def test_a_remembered_key_expires_to_the_moment(
    authenticate: Authenticate, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    expires = timezone.now() + timedelta(hours=1)
    _, token = issue(expires_at=expires)
    authenticate(call(token))
    monkeypatch.setattr(callers, "now", lambda: expires.timestamp() - 0.001)
    with CaptureQueriesContext(connection) as queries:
        authenticate(call(token))
    assert len(queries) == 0
    monkeypatch.setattr(callers, "now", expires.timestamp)
    monkeypatch.setattr(timezone, "now", lambda: expires)
    with pytest.raises(KeyInvalid):
        authenticate(call(token))


# --- Which organisation and project ----------------------------------------------------------------------------


def test_the_headers_may_name_the_organisation_and_project_of_the_key(
    authenticate: Authenticate, issue: Issue, project: Project
) -> None:
    key, token = issue()
    for organization in (project.organization.public_id, project.organization.slug, ""):
        request = call(token, openai_organization=organization, openai_project=project.public_id)
        assert authenticate(request).key_id == key.public_id


def test_another_organisation_or_project_is_refused(
    authenticate: Authenticate, issue: Issue, organization: Organization
) -> None:
    other = Organization.objects.create(slug="other", name="Other")
    sibling = Project.objects.create(organization=organization, name="Sibling")
    _, token = issue()
    for name in (other.public_id, other.slug, "org-unknown"):
        with pytest.raises(OrganizationMismatch) as refusal:
            authenticate(call(token, openai_organization=name))
        assert (refusal.value.status_code, refusal.value.code) == (401, "mismatched_organization")
    for name in (sibling.public_id, "proj_unknown"):
        with pytest.raises(ProjectMismatch) as mismatch:
            authenticate(call(token, openai_project=name))
        assert (mismatch.value.status_code, mismatch.value.code) == (401, "mismatched_project")


def test_an_admin_key_acts_in_no_project(authenticate: Authenticate, issue: Issue, project: Project) -> None:
    with pytest.raises(ProjectMismatch):
        authenticate(call(issue(is_admin=True)[1], openai_project=project.public_id))


# --- The database ----------------------------------------------------------------------------------------------


@pytest.fixture
def outage(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def begin() -> None:
        def fail(*args: Any) -> None:
            raise OperationalError("the server closed the connection unexpectedly")

        monkeypatch.setattr(models.QuerySet, "_fetch_all", fail)

    return begin


def test_a_database_that_fails_is_never_a_wrong_key(
    authenticate: Authenticate, issue: Issue, outage: Callable[[], None]
) -> None:
    _, token = issue()
    outage()
    for any_token in (token, "sk-lukhas-unknown-key"):
        with pytest.raises(OperationalError):
            authenticate(call(any_token))


def test_a_remembered_caller_outlives_the_database_by_four_seconds_and_no_more(
    authenticate: Authenticate, issue: Issue, outage: Callable[[], None], clock: Clock
) -> None:
    key, token = issue()
    authenticate(call(token))
    outage()
    clock.seconds += 3.9
    assert authenticate(call(token)).key_id == key.public_id
    clock.seconds += 0.1
    with pytest.raises(OperationalError):
        authenticate(call(token))


def test_the_last_use_is_written_at_most_once_a_minute(
    authenticate: Authenticate, issue: Issue, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, token = issue()
    start = timezone.now()
    times = iter(range(0, 125, 5))
    seen = []
    for seconds in times:
        monkeypatch.setattr(timezone, "now", lambda at=start + timedelta(seconds=seconds): at)
        clock.seconds += 5
        authenticate(call(token))
        uses.flush()
        key.refresh_from_db()
        assert key.last_used_at is not None
        seen.append((key.last_used_at - start).total_seconds())
    assert sorted(set(seen)) == [0, 60, 120]


def test_a_key_from_before_a_change_of_the_secret_key_works_and_is_stored_anew(
    authenticate: Authenticate, issue: Issue, settings: Any
) -> None:
    settings.SECRET_KEY = "old"
    key, token = issue()
    settings.SECRET_KEY = "new"
    with pytest.raises(KeyInvalid):
        authenticate(call(token))
    settings.SECRET_KEY_FALLBACKS = ["older", "old"]
    assert authenticate(call(token)).key_id == key.public_id
    key.refresh_from_db()
    assert key.digest == digest(token, "new")
    callers.forget()
    settings.SECRET_KEY_FALLBACKS = []
    assert authenticate(call(token)).key_id == key.public_id


def test_a_digest_that_cannot_be_stored_anew_is_logged_and_fails_nobody(
    authenticate: Authenticate,
    issue: Issue,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*args: Any, **kwargs: Any) -> int:
        raise DatabaseError("database is locked")

    settings.SECRET_KEY = "old"
    key, token = issue()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["old"]
    logging.getLogger("accounts").propagate = True
    with monkeypatch.context() as patched, caplog.at_level("WARNING"):
        patched.setattr(models.QuerySet, "update", fail)
        assert authenticate(call(token)).key_id == key.public_id
    assert f"The digest of key {key.public_id} could not be stored anew: database is locked" in caplog.text
    assert token not in caplog.text
    key.refresh_from_db()
    assert key.digest == digest(token, "old")


def test_many_callers_with_one_key_share_one_reading(issue: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    readings = []
    look_up = authentication.look_up

    def count(token: str) -> Any:
        readings.append(token)
        return look_up(token)

    async def at_once() -> list[Principal | None]:
        return await asyncio.gather(*(ApiKeyAuthentication().authenticate_async(call(token)) for _ in range(50)))

    monkeypatch.setattr(authentication, "look_up", count)
    key, token = issue()
    assert {principal and principal.key_id for principal in async_to_sync(at_once)()} == {key.public_id}
    assert readings == [token]


# --- Permissive mode -------------------------------------------------------------------------------------------


def test_in_permissive_mode_a_call_without_key_acts_as_an_anonymous_developer(
    authenticate: Authenticate, settings: Any, project: Project, clock: Clock
) -> None:
    settings.DEBUG, settings.LUKHAS_POLICY_MODE = True, "permissive"
    principal = authenticate(call())
    assert (principal.owner_kind, principal.key_id, principal.key_name) == ("anonymous", "", "anonymous")
    assert principal.project_id == project.public_id
    assert principal.allows("model.request")
    assert not principal.allows("admin.projects")
    with CaptureQueriesContext(connection) as queries:
        assert authenticate(call()) is principal
    assert len(queries) == 0


@pytest.mark.parametrize(("debug", "mode"), [(False, "permissive"), (True, "strict"), (True, "Permissive"), (True, "")])
def test_without_debug_or_in_any_other_mode_a_key_is_needed(
    authenticate: Authenticate, settings: Any, debug: bool, mode: str
) -> None:
    settings.DEBUG, settings.LUKHAS_POLICY_MODE = debug, mode
    with pytest.raises(KeyMissing):
        authenticate(call())


def test_in_permissive_mode_a_key_that_is_sent_is_really_verified(
    authenticate: Authenticate, settings: Any, issue: Issue
) -> None:
    settings.DEBUG, settings.LUKHAS_POLICY_MODE = True, "permissive"
    key, token = issue()
    assert authenticate(call(token)).key_id == key.public_id
    with pytest.raises(KeyInvalid):
        authenticate(call(token + "x"))
    for authorization in ("Bearer ", "Basic c2stbHVraGFzLXg6"):
        with pytest.raises(KeyMissing):
            authenticate(call(authorization=authorization))


def test_the_anonymous_place_in_the_memo_cannot_be_taken_by_a_key(
    authenticate: Authenticate, settings: Any, project: Project
) -> None:
    settings.DEBUG, settings.LUKHAS_POLICY_MODE = True, "permissive"
    authenticate(call())
    with pytest.raises(KeyInvalid):
        authenticate(call(authentication.ANONYMOUS))


# --- In views --------------------------------------------------------------------------------------------------


class SyncView(APIView):
    authentication_classes = (ApiKeyAuthentication,)
    permission_classes = (HasScope,)
    required_scope: str | None = "usage.read"

    def get(self, request: Request) -> Response:
        assert request.user is principal_of(request)
        return Response({"key": request.user.key_id})


class AsyncView(AsyncAPIView):
    authentication_classes = (ApiKeyAuthentication,)
    permission_classes = (HasScope,)
    required_scope: str | None = "usage.read"

    async def get(self, request: Any) -> HttpResponse:
        return HttpResponse(request.principal.key_id)


def raised(exc: Exception, context: Any) -> HttpResponse:
    raise exc


def answer_of(view: type[APIView], request: HttpRequest, **attributes: Any) -> Any:
    """The answer of the view; what it would have rendered as an error is raised."""
    strict = type("Strict", (view,), {"get_exception_handler": lambda self: raised})
    handler = strict.as_view(**attributes)
    return async_to_sync(handler)(request) if issubclass(view, AsyncAPIView) else handler(request)


@pytest.mark.parametrize("view", [SyncView, AsyncView])
def test_a_view_lets_in_the_keys_that_hold_its_scope(view: type[APIView], issue: Issue) -> None:
    assert answer_of(view, call(issue(scopes=["usage.read"])[1])).status_code == 200
    with pytest.raises(ScopeMissing) as refusal:
        answer_of(view, call(issue(scopes=["model.read"])[1]))
    error = refusal.value
    assert (error.status_code, error.type, error.code, error.param) == (
        403,
        "invalid_request_error",
        "insufficient_permissions",
        None,
    )
    assert error.missing == ("usage.read",)
    assert "Missing scopes: usage.read." in error.message
    assert error.headers == {}


@pytest.mark.parametrize("view", [SyncView, AsyncView])
def test_a_view_lets_nobody_in_without_a_key(view: type[APIView], database: None) -> None:
    for request in (call(), call("sk-lukhas-wrong")):
        with pytest.raises(Refused):
            answer_of(view, request)


@pytest.mark.parametrize("view", [SyncView, AsyncView])
def test_a_view_may_let_in_any_good_key(view: type[APIView], issue: Issue) -> None:
    request = call(issue(scopes=["model.read"])[1])
    assert answer_of(view, request, required_scope=None).status_code == 200


def test_a_view_that_forgets_to_say_its_scope_lets_nobody_in(issue: Issue) -> None:
    class Forgetful(APIView):
        authentication_classes = (ApiKeyAuthentication,)
        permission_classes = (HasScope,)

    with pytest.raises(AttributeError, match="required_scope"):
        answer_of(Forgetful, call(issue()[1]))


def test_a_permission_without_authentication_asks_for_a_key() -> None:
    with pytest.raises(KeyMissing):
        HasScope().has_permission(call(), SyncView())


def test_drf_answers_401_and_names_the_scheme(database: None) -> None:
    response = SyncView.as_view()(call())
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="OpenAI API"'
