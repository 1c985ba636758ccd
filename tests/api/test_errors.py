"""The shape of every error, on every path: OpenAI's envelope, status, type, code, param, message and headers.

The live causes come first, on the running server; what has no cause yet is raised, and rendered by every path that an
error can take: a view, Django's error handlers, the edge, and a stream that has begun.
"""

import re
from collections.abc import AsyncGenerator, Callable
from typing import Any

import httpx
import orjson
import pytest
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.test import RequestFactory
from pytest_django import Settings
from redis import exceptions as redis
from rest_framework import exceptions as drf
from rest_framework.authentication import BaseAuthentication

from accounts.exceptions import KeyInvalid, KeyMissing, KeyTooShort, OrganizationMismatch, ProjectMismatch, ScopeMissing
from accounts.principal import Principal
from api import errors, inference
from api import exceptions as wire
from api.backends.echo import EchoBackend
from api.refusals import QuotaExceeded, RateLimited
from api.serializers.chat import parse_chat
from lukhas_site.http.exchange import begin, exchange_of
from lukhas_site.http.problems import BadClientRequestId, BodyTooLarge, HostNotAllowed
from lukhas_site.http.views import AsyncAPIView
from tests.conftest import MakeKey

CHAT = {"model": "lukhas-echo-1", "messages": [{"role": "user", "content": "Hi"}]}
INVALID = "invalid_request_error"
NO_RETRY = {"x-should-retry": "false"}
CHALLENGE = {"www-authenticate": 'Bearer realm="OpenAI API"'}
REQUEST_ID = "req_0123456789abcdef0123456789abcdef"


def check_envelope(answer: httpx.Response, status: int, kind: str, code: str | None, param: str | None) -> str:
    """Checks everything but the message, which it returns."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert re.fullmatch(r"req_[0-9a-f]{32}", answer.headers["x-request-id"])
    assert answer.headers["openai-version"] == "2020-10-01"
    assert answer.headers["openai-processing-ms"].isdigit()
    assert answer.headers["openai-organization"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert (body["error"]["type"], body["error"]["code"], body["error"]["param"]) == (kind, code, param)
    message: str = body["error"]["message"]
    assert message
    return message


# --- Live causes, on the running server -------------------------------------------------------------------------

Ask = Callable[[httpx.Client], httpx.Response]


def post(body: Any = None, path: str = "chat/completions", **rest: Any) -> Ask:
    if body is not None:
        rest["json"] = body
    return lambda client: client.post(f"/v1/{path}", **rest)


def chat(**body: Any) -> Ask:
    return post({**CHAT, **body})


def embeddings(given: Any) -> Ask:
    return post({"model": "lukhas-embed-1", "input": given}, "embeddings")


JSON = {"Content-Type": "application/json"}
LIVE: list[tuple[str, Ask, int, str, str | None, str | None, str]] = [
    ("not json", post(content=b"{", headers=JSON), 400, INVALID, None, None, "not valid JSON"),
    ("not an object", post(content=b"[]", headers=JSON), 400, INVALID, None, None, "not a JSON object"),
    ("empty body", post(content=b"", headers=JSON), 400, INVALID, None, None, "JSON"),
    ("too deep", post(content=b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", headers=JSON), 400, INVALID, None, None,
     "deep"),
    ("missing", post({"model": "m"}), 400, INVALID, "missing_required_parameter", "messages",
     "Missing required parameter: 'messages'."),
    ("missing within", chat(messages=[{"content": "Hi"}]), 400, INVALID, "missing_required_parameter",
     "messages[0].role", "Missing required parameter: 'messages[0].role'."),
    ("type", chat(n="1"), 400, INVALID, "invalid_type", "n",
     "Invalid type for 'n': expected an integer, but got a string instead."),
    ("value", chat(messages=[{"role": "x"}]), 400, INVALID, "invalid_value", "messages[0].role", "Invalid value: 'x'."),
    ("integer above", chat(n=129), 400, INVALID, "integer_above_max_value", "n", "<= 128"),
    ("integer below", chat(n=0), 400, INVALID, "integer_below_min_value", "n", ">= 1"),
    ("decimal above", chat(temperature=2.5), 400, INVALID, "decimal_above_max_value", "temperature", "<= 2"),
    ("decimal below", chat(top_p=-1), 400, INVALID, "decimal_below_min_value", "top_p", ">= 0"),
    ("unknown parameter", chat(colour=1), 400, INVALID, "unknown_parameter", "colour", "Unknown parameter: 'colour'."),
    ("unsupported parameter", chat(audio={}), 400, INVALID, "unsupported_parameter", "audio", "'audio' is not"),
    ("unsupported value", chat(store=True), 400, INVALID, "unsupported_value", "store", "'store' does not support"),
    ("unknown model", chat(model="x"), 404, INVALID, "model_not_found", "model",
     "The model `x` does not exist or you do not have access to it."),
    ("model of another endpoint", chat(model="lukhas-embed-1"), 400, INVALID, "model_not_supported", "model",
     "not supported in the v1/chat/completions endpoint"),
    ("chat over the context", chat(model="lukhas-chat-1", max_tokens=100_000), 400, INVALID, "context_length_exceeded",
     "messages", "maximum context length is 2048 tokens"),
    ("input over the maximum", embeddings("cat " * 9000), 400, INVALID, None, None,
     "This model's maximum context length is 8192 tokens, however you requested 9000 tokens"),
    ("inputs over the maximum", embeddings(["cat " * 8000] * 40), 400, "max_tokens_per_request",
     "max_tokens_per_request", None, "max 300000 tokens per request"),
    ("unknown route", lambda client: client.post("/v1/x"), 404, INVALID, None, None, "Invalid URL (POST /v1/x)"),
    ("no route", lambda client: client.get("/not/here"), 404, INVALID, None, None, "Invalid URL (GET /not/here)"),
    ("trailing slash", post(CHAT, "chat/completions/"), 404, INVALID, None, None,
     "Invalid URL (POST /v1/chat/completions/)"),
    ("content type", post(content=b"{}", headers={"Content-Type": "text/plain"}), 415, INVALID,
     "unsupported_content_type", None, "text/plain"),
    ("client request id", post(CHAT, headers={"X-Client-Request-Id": "x" * 513}), 400, INVALID, "invalid_value", None,
     "X-Client-Request-Id"),
    ("host", post(CHAT, headers={"Host": "evil.example"}), 400, INVALID, None, None, "Host header"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("ask", "status", "kind", "code", "param", "message"), [row[1:] for row in LIVE], ids=[row[0] for row in LIVE]
)
def test_what_a_caller_gets_wrong_is_told_in_the_envelope(
    client: httpx.Client, ask: Ask, status: int, kind: str, code: str | None, param: str | None, message: str
) -> None:
    assert message in check_envelope(ask(client), status, kind, code, param)


def test_a_method_that_is_not_there_says_which_are(client: httpx.Client) -> None:
    answer = client.get("/v1/chat/completions")
    message = check_envelope(answer, 405, INVALID, "method_not_allowed", None)
    assert message == "Not allowed to GET on this URL. Allowed: POST."
    assert answer.headers["allow"] == "POST"
    answer = client.delete("/v1/models/lukhas-echo-1")
    check_envelope(answer, 405, INVALID, "method_not_allowed", None)
    assert "GET" in answer.headers["allow"]


def test_a_body_that_is_too_large_is_told_so(client: httpx.Client) -> None:
    answer = client.post("/v1/chat/completions", content=b" " * (21 * 1024 * 1024), headers=JSON)
    assert "20971520 bytes" in check_envelope(answer, 413, INVALID, "request_too_large", None)


def test_without_a_key_it_says_how_to_send_one(anonymous: httpx.Client) -> None:
    answer = anonymous.post("/v1/chat/completions", json=CHAT)
    assert check_envelope(answer, 401, INVALID, None, None).startswith("You didn't provide an API key.")
    assert answer.headers["www-authenticate"] == CHALLENGE["www-authenticate"]


@pytest.mark.parametrize(("key", "shown"), [("sk-lukhas-" + "x" * 40, "***xxxx."), ("sk-abc", "")])
def test_a_wrong_key_is_shown_masked(anonymous: httpx.Client, key: str, shown: str) -> None:
    answer = anonymous.post("/v1/chat/completions", json=CHAT, headers={"Authorization": f"Bearer {key}"})
    message = check_envelope(answer, 401, INVALID, "invalid_api_key", None)
    assert message.startswith("Incorrect API key provided: ")
    assert shown in message
    assert key not in message
    assert answer.headers["www-authenticate"] == CHALLENGE["www-authenticate"]


def test_a_missing_scope_is_named(anonymous: httpx.Client, make_key: MakeKey) -> None:
    key = make_key(scopes=["model.read"])
    answer = anonymous.post("/v1/chat/completions", json=CHAT, headers={"Authorization": f"Bearer {key}"})
    assert "model.request" in check_envelope(answer, 403, INVALID, "insufficient_permissions", None)


def test_a_crash_says_the_request_id_and_nothing_else(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise RuntimeError("the secret is xyzzy")

    monkeypatch.setattr(EchoBackend, "fingerprint", crash)
    for stream in (False, True):
        answer = client.post("/v1/chat/completions", json={**CHAT, "stream": stream})
        message = check_envelope(answer, 500, "server_error", None, None)
        assert answer.headers["x-request-id"] in message
        assert "xyzzy" not in answer.text
        assert "RuntimeError" not in answer.text


@pytest.mark.parametrize("error", [OperationalError("at 10.0.0.1"), InterfaceError("at 10.0.0.1")])
def test_a_database_that_is_away_is_never_a_wrong_key(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("api.routing.catalog.current", fail)
    answer = client.post("/v1/chat/completions", json=CHAT)
    message = check_envelope(answer, 503, "service_unavailable_error", "server_is_overloaded", None)
    assert message == "The database is not reachable."
    assert answer.headers["retry-after"] == "1"


# --- The whole table, raised, on every path ---------------------------------------------------------------------

Row = tuple[Exception, int, str, str | None, str | None, str, dict[str, str]]
TABLE: list[Row] = [
    (KeyMissing(), 401, INVALID, None, None, "You didn't provide an API key.", CHALLENGE),
    (drf.NotAuthenticated(), 401, INVALID, None, None, "You didn't provide an API key.", CHALLENGE),
    (KeyInvalid("sk-ab***wxyz"), 401, INVALID, "invalid_api_key", None, "Incorrect API key provided: sk-ab***wxyz.",
     CHALLENGE),
    (KeyTooShort("***"), 401, INVALID, "invalid_api_key", None, "Incorrect API key provided: ***.", CHALLENGE),
    (drf.AuthenticationFailed("No."), 401, INVALID, None, None, "No.", CHALLENGE),
    (OrganizationMismatch(), 401, INVALID, "mismatched_organization", None, "OpenAI-Organization", CHALLENGE),
    (ProjectMismatch(), 401, INVALID, "mismatched_project", None, "OpenAI-Project", CHALLENGE),
    (ScopeMissing(("files.write",)), 403, INVALID, "insufficient_permissions", None, "scopes: files.write.", {}),
    (drf.PermissionDenied(), 403, INVALID, "insufficient_permissions", None, "insufficient permissions", {}),
    (PermissionDenied(), 403, INVALID, "insufficient_permissions", None, "insufficient permissions", {}),
    (wire.ModelNotFound("x"), 404, INVALID, "model_not_found", "model",
     "The model `x` does not exist or you do not have access to it.", {}),
    (wire.ModelNotFound("x" * 999), 404, INVALID, "model_not_found", "model", f"The model `{'x' * 200}…` does", {}),
    (wire.NotParsable(), 400, INVALID, None, None, "We could not parse the JSON body of your request.", {}),
    (drf.ParseError(), 400, INVALID, None, None, "We could not parse the JSON body of your request.", {}),
    (drf.ParseError("It ends early."), 400, INVALID, None, None, "It ends early.", {}),
    (wire.MissingParameter("messages[0].role"), 400, INVALID, "missing_required_parameter", "messages[0].role",
     "Missing required parameter: 'messages[0].role'.", {}),
    (wire.InvalidType("n", "an integer", "null"), 400, INVALID, "invalid_type", "n",
     "Invalid type for 'n': expected an integer, but got null instead.", {}),
    (wire.InvalidValue("Bad.", param="n"), 400, INVALID, "invalid_value", "n", "Bad.", {}),
    (wire.UnknownParameter("x"), 400, INVALID, "unknown_parameter", "x", "Unknown parameter: 'x'.", {}),
    (wire.UnsupportedParameter("seed"), 400, INVALID, "unsupported_parameter", "seed",
     "Unsupported parameter: 'seed' is not supported with this model.", {}),
    (wire.UnsupportedValue("No images.", param="messages[0].content"), 400, INVALID, "unsupported_value",
     "messages[0].content", "No images.", {}),
    (wire.ContextLengthExceeded(2048, 3000), 400, INVALID, "context_length_exceeded", "messages",
     "This model's maximum context length is 2048 tokens. However, your messages resulted in 3000 tokens.", {}),
    (wire.InputTooLong(8192, 9000), 400, INVALID, None, None,
     "This model's maximum context length is 8192 tokens, however you requested 9000 tokens", {}),
    (wire.TooManyTokens(300_000, 300_001), 400, "max_tokens_per_request", "max_tokens_per_request", None,
     "Requested 300001 tokens, max 300000 tokens per request.", {}),
    (RateLimited(unit="requests", model="m", project="proj_1", limit=60, used=60, requested=1, retry_after=1.378),
     429, "requests", "rate_limit_exceeded", None,
     ("Rate limit reached for m in project proj_1 on requests per min (RPM): Limit 60, Used 60, Requested 1. Please "
      "try again in 1.378s."), {"retry-after": "2", "retry-after-ms": "1378"}),
    (RateLimited(unit="tokens", model="m", project="p", limit=9, used=8, requested=7, retry_after=20),
     429, "tokens", "rate_limit_exceeded", None,
     ("Rate limit reached for m in project p on tokens per min (TPM): Limit 9, Used 8, Requested 7. Please try again "
      "in 20s."), {"retry-after": "20", "retry-after-ms": "20000"}),
    (drf.Throttled(2.5), 429, "requests", "rate_limit_exceeded", None, "throttled", {"retry-after": "3"}),
    (drf.Throttled(), 429, "requests", "rate_limit_exceeded", None, "throttled", {}),
    (QuotaExceeded(), 429, "insufficient_quota", "insufficient_quota", None, "You exceeded your current quota",
     NO_RETRY),
    (QuotaExceeded(retry_after=1.0), 429, "insufficient_quota", "insufficient_quota", None,
     "You exceeded your current quota", {"retry-after": "1", "retry-after-ms": "1000"}),
    (wire.UnknownRoute("POST", "/v1/x"), 404, INVALID, None, None, "Invalid URL (POST /v1/x)", {}),
    (drf.NotFound(), 404, INVALID, None, None, "Invalid URL (POST /v1/things)", {}),
    (Http404("no Thing matches"), 404, INVALID, None, None, "Invalid URL (POST /v1/things)", {}),
    (wire.MethodNotAllowed("PUT", ["GET", "POST"]), 405, INVALID, "method_not_allowed", None,
     "Not allowed to PUT on this URL. Allowed: GET, POST.", {"allow": "GET, POST"}),
    (wire.Conflict("Taken.", code="name_taken", param="name"), 409, INVALID, "name_taken", "name", "Taken.", NO_RETRY),
    (wire.RequestTooLarge(5), 413, INVALID, "request_too_large", None, "larger than the 5 bytes", {}),
    (BodyTooLarge(5), 413, INVALID, "request_too_large", None, "larger than the 5 bytes", {}),
    (drf.UnsupportedMediaType("text/csv"), 415, INVALID, "unsupported_content_type", None, "text/csv", {}),
    (BadClientRequestId(), 400, INVALID, "invalid_value", None, "X-Client-Request-Id must be ASCII", {}),
    (HostNotAllowed(), 400, INVALID, None, None, "Host header", {}),
    (SuspiciousOperation("inner workings"), 400, INVALID, None, None, "Your request is invalid.", {}),
    (BadRequest("inner workings"), 400, INVALID, None, None, "Your request is invalid.", {}),
    (MultiPartParserError("inner workings"), 400, INVALID, None, None, "Your request is invalid.", {}),
    (wire.PolicyViolation("pii_email"), 400, INVALID, "content_policy_violation", None, "pii_email", {}),
    (wire.ServerError(REQUEST_ID), 500, "server_error", None, None, REQUEST_ID, {}),
    (wire.ServerError(), 500, "server_error", None, None, "The server had an error", {}),
    (ZeroDivisionError("inner workings"), 500, "server_error", None, None, "Please include the request ID req_", {}),
    (drf.APIException("inner workings"), 500, "server_error", None, None, "Please include the request ID req_", {}),
    (wire.UpstreamError(), 502, "server_error", "upstream_error", None, "The upstream server failed to answer.", {}),
    (wire.UpstreamTimeout(), 504, "server_error", "upstream_timeout", None, "did not answer in time", {}),
    (wire.Overloaded(), 503, "service_unavailable_error", "server_is_overloaded", None, "overloaded",
     {"retry-after": "1"}),
    (wire.Overloaded("Busy.", retry_after=9), 503, "service_unavailable_error", "server_is_overloaded", None, "Busy.",
     {"retry-after": "9"}),
    (OperationalError("inner workings"), 503, "service_unavailable_error", "server_is_overloaded", None,
     "The database is not reachable.", {"retry-after": "1"}),
    (InterfaceError("inner workings"), 503, "service_unavailable_error", "server_is_overloaded", None,
     "The database is not reachable.", {"retry-after": "1"}),
    (redis.ConnectionError("inner workings"), 503, "service_unavailable_error", "server_is_overloaded", None,
     "The cache is not reachable.", {"retry-after": "1"}),
    (redis.TimeoutError("inner workings"), 503, "service_unavailable_error", "server_is_overloaded", None,
     "The cache is not reachable.", {"retry-after": "1"}),
]  # fmt: skip
EVERY_ROW = pytest.mark.parametrize("row", TABLE, ids=[f"{at}-{type(row[0]).__name__}" for at, row in enumerate(TABLE)])


def check_row(row: Row, status: int, headers: dict[str, str], body: bytes) -> None:
    _, expected, kind, code, param, message, own = row
    error = orjson.loads(body)["error"]
    assert status == expected
    assert list(error) == ["message", "type", "param", "code"]
    assert (error["type"], error["code"], error["param"]) == (kind, code, param)
    assert message in error["message"]
    assert "inner workings" not in error["message"]
    lower = {name.lower(): value for name, value in headers.items()}
    assert {name: lower[name] for name in own} == own
    assert lower["content-type"] == "application/json"
    for name in ("retry-after", "x-should-retry", "www-authenticate", "allow"):
        assert (name in lower) == (name in own)


class Anyone(BaseAuthentication):
    """Asks for a key, and knows nobody. A view without any authenticator cannot answer 401: so DRF has it."""

    def authenticate_header(self, request: Any) -> str:
        return "Bearer"

    async def authenticate_async(self, request: Any) -> None:
        return None


@EVERY_ROW
def test_the_edge_renders_every_row(row: Row) -> None:
    exchange = begin("POST", "/v1/things")
    check_row(row, *errors.problem(row[0], exchange))
    assert exchange.facts["error_code"] == (row[3] or row[2])


@EVERY_ROW
async def test_a_view_renders_every_row(row: Row) -> None:
    class Failing(AsyncAPIView):
        authentication_classes = (Anyone,)
        permission_classes = ()

        async def post(self, request: Any) -> HttpResponse:
            raise row[0]

    request = RequestFactory().post("/v1/things")
    response = await Failing.as_view()(request)
    check_row(row, response.status_code, dict(response.headers), response.content)
    assert (exchange_of(request).crash is row[0]) == (not isinstance(row[0], errors.EXPECTED))


@EVERY_ROW
def test_the_exception_handler_renders_every_row_also_where_no_view_was_reached(row: Row) -> None:
    request = RequestFactory().post("/v1/things")
    response = errors.exception_handler(row[0], {"view": None, "request": request})
    check_row(row, response.status_code, dict(response.headers), response.content)


CALLER = Principal(
    key_id="key_1",
    key_name="tests",
    organization_id="org-1",
    organization="default",
    project_id="proj_1",
    project="Default project",
    owner_kind="service_account",
    owner_id="svc_acct_1",
    scopes=frozenset({"model.request"}),
)


@EVERY_ROW
async def test_a_stream_that_has_begun_ends_with_every_row_and_without_done(
    row: Row, monkeypatch: pytest.MonkeyPatch, database: None
) -> None:
    class Failing(EchoBackend):
        async def stream_chat(self, request: Any, call: Any) -> AsyncGenerator[bytes]:
            yield b'data: {"choices": []}\n\n'
            raise row[0]

    monkeypatch.setattr(inference, "backend", lambda kind: Failing())
    exchange = begin("POST", "/v1/things")
    response: Any = await inference.chat(parse_chat({**CHAT, "stream": True}), CALLER, exchange, {})
    events = [event async for event in response]
    assert response.status_code == 200
    assert len(events) == 2
    assert events[1].startswith(b"data: ")
    assert events[1].endswith(b"\n\n")
    headers = {"content-type": "application/json", **row[6]}  # a stream's headers are long gone
    check_row(row, row[1], headers, events[1].removeprefix(b"data: "))
    assert (exchange.crash is row[0]) == (not isinstance(row[0], errors.EXPECTED))


@EVERY_ROW
async def test_a_stream_that_has_not_begun_raises_every_row(
    row: Row, monkeypatch: pytest.MonkeyPatch, database: None
) -> None:
    class Failing(EchoBackend):
        async def stream_chat(self, request: Any, call: Any) -> AsyncGenerator[bytes]:
            raise row[0]
            yield b""

    monkeypatch.setattr(inference, "backend", lambda kind: Failing())
    with pytest.raises(type(row[0])) as caught:
        await inference.chat(parse_chat({**CHAT, "stream": True}), CALLER, begin("POST", "/v1/things"), {})
    assert caught.value is row[0]


HANDLERS = [
    (lambda request: errors.bad_request(request, SuspiciousOperation("x")), 400, None),
    (lambda request: errors.forbidden(request, PermissionDenied("x")), 403, "insufficient_permissions"),
    (lambda request: errors.not_found(request, Http404("x")), 404, None),
    (errors.crashed, 500, None),
]


@pytest.mark.parametrize(("handler", "status", "code"), HANDLERS)
def test_djangos_error_handlers_answer_callers_with_the_envelope_and_staff_with_a_page(
    handler: Callable[[Any], HttpResponse], status: int, code: str | None
) -> None:
    answer = handler(RequestFactory().get("/elsewhere"))
    error = orjson.loads(answer.content)["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert answer["content-type"] == "application/json"
    page = handler(RequestFactory().get("/admin/nothing"))
    assert page.status_code == status
    assert page["content-type"].startswith("text/html")


def test_a_method_that_no_view_stands_behind_is_refused_all_the_same() -> None:
    status, headers, _ = errors.problem(drf.MethodNotAllowed("PUT"), begin("PUT", "/"))
    assert (status, headers["allow"]) == (405, "")


@pytest.mark.parametrize(
    ("detail", "code", "param", "message"),
    [
        ({"a": [drf.ErrorDetail("This field is required.", "required")]}, "missing_required_parameter", "a", "'a'"),
        ({"a": [drf.ErrorDetail("Not a valid integer.", "invalid")]}, "invalid_type", "a", "Invalid 'a': Not a valid"),
        ({"a": [drf.ErrorDetail("Too big.", "max_value")]}, "invalid_value", "a", "Invalid 'a': Too big."),
        ({"a": {"b": [{}, {"c": ["Bad."]}]}}, "invalid_type", "a.b[1].c", "Bad."),
        ({"a": {2: ["Bad."]}}, "invalid_type", "a[2]", "Bad."),
        ({"a": {"non_field_errors": ["Bad."]}}, "invalid_type", "a", "Bad."),
        ({"non_field_errors": ["Bad."]}, "invalid_type", None, "Bad."),
        (["Bad."], "invalid_type", None, "Bad."),
        ([{}, {"a": ["Bad."]}], "invalid_type", "[1].a", "Bad."),
        ([{}], "invalid_type", "[0]", "Invalid input."),
        ({}, "invalid_type", None, "Invalid input."),
        ([], "invalid_type", None, "Invalid input."),
    ],
)
def test_drfs_validation_errors_are_told_by_their_first_fault(
    detail: Any, code: str, param: str | None, message: str
) -> None:
    status, _, body = errors.problem(drf.ValidationError(detail), begin("POST", "/"))
    error = orjson.loads(body)["error"]
    assert status == 400
    assert (error["code"], error["param"]) == (code, param)
    assert message in error["message"]


def test_an_exception_draws_the_tree_of_its_module() -> None:
    """Every class is in the picture at the head of the module, with its status."""
    classes = [one for one in vars(wire).values() if isinstance(one, type) and issubclass(one, wire.APIError)]
    for one in classes:
        if one is not wire.APIError:
            assert re.search(rf"── {one.__name__} +{one.status_code}\b", wire.__doc__ or ""), one


def test_debug_changes_no_answer(client: httpx.Client, settings: Settings) -> None:
    settings.DEBUG = True
    check_envelope(client.get("/v1/nothing"), 404, INVALID, None, None)
