"""The one place that renders errors: every exception becomes OpenAI's envelope, status and headers.

`exception_handler` is DRF's EXCEPTION_HANDLER, for what views raise; `problem` is for the ASGI edge, whose errors
never reached Django; the `handler…` views stand in for Django's HTML pages. All three go through `render`.
"""

from collections.abc import Callable
from math import ceil
from typing import Any

import orjson
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.urls import reverse
from django.views import defaults
from redis.exceptions import ConnectionError as CacheUnreachable
from redis.exceptions import TimeoutError as CacheSilent
from rest_framework import exceptions as drf

from accounts.exceptions import CHALLENGE, BudgetSpent, KeyMissing, LimitReached, ScopeMissing
from analytics import usage
from api import exceptions as wire
from api.refusals import QuotaExceeded, RateLimited
from lukhas_site.http.exchange import Exchange, exchange_of
from lukhas_site.http.problems import EXPECTED, BadClientRequestId, BodyTooLarge

VALIDATION_CODES = {
    "required": "missing_required_parameter",
    "null": "invalid_type",
    "invalid": "invalid_type",
    "not_a_list": "invalid_type",
    "not_a_dict": "invalid_type",
    "not_a_text": "invalid_type",
    "not_a_truth": "invalid_type",
}


INFERENCE = frozenset({"/v1/chat/completions", "/v1/responses", "/v1/completions", "/v1/embeddings", "/v1/moderations"})
"""Where what is refused before it reaches a model is counted."""


def render(exc: Exception, exchange: Exchange) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an exception. A crash says no more to the caller than the request id; the edge
    logs its traceback."""
    error = translate(exc, exchange)
    reason = error.code or error.type
    exchange.facts["error_code"] = reason
    endpoint = exchange.route or exchange.path
    if endpoint in INFERENCE and not exchange.recorded:
        exchange.recorded = True
        usage.refusals.note(str(exchange.facts.get("project") or ""), endpoint, reason)
    headers = {"content-type": "application/json"} | {name.lower(): value for name, value in error.headers.items()}
    if error.status_code == 401:
        headers["www-authenticate"] = CHALLENGE
    body = {
        "error": {"message": error.message, "type": error.type, "param": error.param, "code": error.code},
    }
    return error.status_code, headers, orjson.dumps(body)


def translate(exc: Exception, exchange: Exchange) -> wire.APIError:
    """The wire's exception for any exception: itself, or what Django's and DRF's stand for."""
    if isinstance(exc, wire.APIError):
        return exc
    for kind, translator in TRANSLATORS:
        if isinstance(exc, kind):
            return translator(exc, exchange)
    return wire.ServerError(exchange.request_id)


def _validation(exc: Any, exchange: Exchange) -> wire.APIError:
    """The first fault of DRF's tree of details, with its dotted path."""
    path, detail = first_fault(exc.detail)
    code = VALIDATION_CODES.get(detail.code or "", "invalid_value")
    if code == "missing_required_parameter":
        return wire.MissingParameter(path)
    if detail.code == wire.UnknownParameter.code:
        return wire.UnknownParameter(path)
    return wire.InvalidRequest(f"Invalid '{path}': {detail}" if path else str(detail), param=path or None, code=code)


def first_fault(detail: Any, path: str = "") -> tuple[str, drf.ErrorDetail]:
    """Path and detail of the first leaf: keys joined by dots, positions in brackets; DRF's own non-field errors
    belong to the object that holds them."""
    if not detail:
        return path, drf.ErrorDetail("Invalid input.", "invalid")
    if isinstance(detail, dict):
        key, inner = next(iter(detail.items()))
        if key == "non_field_errors":
            return first_fault(inner, path)
        step = f"[{key}]" if isinstance(key, int) else f".{key}" if path else str(key)
        return first_fault(inner, f"{path}{step}")
    if isinstance(detail, list):
        at = next((at for at, item in enumerate(detail) if item), 0)
        inside = isinstance(detail[at], dict)
        return first_fault(detail[at], f"{path}[{at}]" if inside else path)
    return path, detail


def _carried(exc: Any, exchange: Exchange) -> wire.APIError:
    """An error of a lower app, which carries the wire's fields without knowing the wire's classes."""
    error = wire.APIError(exc.message, param=exc.param, code=exc.code, headers=exc.headers)
    error.status_code, error.type = exc.status_code, exc.type
    return error


def _api_exception(exc: Any, exchange: Exchange) -> wire.APIError:
    """DRF's own exceptions by their status; those of lower apps say more."""
    if hasattr(exc, "message"):
        return _carried(exc, exchange)
    error = wire.InvalidRequest(str(exc.detail)) if exc.status_code < 500 else wire.ServerError(exchange.request_id)
    error.status_code = exc.status_code
    return error


def _limited(exc: Any, exchange: Exchange) -> wire.APIError:
    kind, _, id = exc.scope.partition(":")
    return RateLimited(
        unit=exc.unit,
        model=exc.model,
        project=id,
        scope=LIMITED_SCOPES[kind],
        period=exc.period,
        limit=exc.limit,
        used=exc.used,
        requested=exc.requested,
        retry_after=exc.retry_after,
        headers=exc.headers,
    )


def _spent(exc: Any, exchange: Exchange) -> wire.APIError:
    kind, _, id = exc.scope.partition(":")
    detail = (
        f"The budget of {LIMITED_SCOPES[kind]} {id} for the {exc.period} is ${exc.limit:f}, ${exc.used:f} of it are "
        f"spent or reserved, and this request may cost ${exc.requested:f}."
    )
    if exc.retry_after is not None:
        detail += " Please try again when the requests under way are done."
    message = f"{QuotaExceeded.default_detail} {detail}"
    return QuotaExceeded(message, retry_after=exc.retry_after, headers=exc.headers)


def _forbidden(exc: Any, exchange: Exchange) -> wire.APIError:
    """403: what lacks is told where it is known."""
    if hasattr(exc, "message"):
        return _carried(exc, exchange)
    error = wire.InvalidRequest("You have insufficient permissions for this operation.", code=ScopeMissing.code)
    error.status_code = 403
    return error


def _throttled(exc: Any, exchange: Exchange) -> wire.APIError:
    headers = {} if exc.wait is None else {"retry-after": str(ceil(exc.wait))}
    error = wire.APIError(str(exc.detail), code="rate_limit_exceeded", headers=headers)
    error.status_code, error.type = 429, "requests"
    return error


def _parse_error(exc: Any, exchange: Exchange) -> wire.APIError:
    default = str(exc.detail) == str(drf.ParseError.default_detail)
    return wire.NotParsable(None if default else str(exc.detail))


LIMITED_SCOPES = {"project": "project", "organization": "organization", "key": "API key"}

Translator = Callable[[Any, Exchange], wire.APIError]
TRANSLATORS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Translator], ...] = (
    (BodyTooLarge, lambda exc, exchange: wire.RequestTooLarge(exc.limit)),
    (BadClientRequestId, lambda exc, exchange: wire.InvalidRequest(str(exc.detail), code="invalid_value")),
    (LimitReached, _limited),
    (BudgetSpent, _spent),
    (drf.ValidationError, _validation),
    (drf.ParseError, _parse_error),
    (drf.UnsupportedMediaType, lambda exc, exchange: wire.UnsupportedContentType(str(exc.detail))),
    (drf.MethodNotAllowed, lambda exc, exchange: wire.MethodNotAllowed(exchange.method, getattr(exc, "allowed", ()))),
    (drf.NotAuthenticated, lambda exc, exchange: _carried(KeyMissing(), exchange)),
    (drf.Throttled, _throttled),
    (drf.NotFound, lambda exc, exchange: wire.UnknownRoute(exchange.method, exchange.path)),
    (Http404, lambda exc, exchange: wire.UnknownRoute(exchange.method, exchange.path)),
    ((DjangoPermissionDenied, drf.PermissionDenied), _forbidden),
    ((SuspiciousOperation, BadRequest, MultiPartParserError), lambda exc, exchange: wire.InvalidRequest()),
    ((OperationalError, InterfaceError), lambda exc, exchange: wire.Overloaded("The database is not reachable.")),
    ((CacheUnreachable, CacheSilent), lambda exc, exchange: wire.Overloaded("The cache is not reachable.")),
    (drf.APIException, _api_exception),
)


def exception_handler(exc: Exception, context: dict[str, Any]) -> HttpResponse:
    """DRF's EXCEPTION_HANDLER. Never None: the API has no HTML error pages. The edge logs a crash."""
    view = context.get("view")
    exchange = exchange_of(context["request"])
    if not isinstance(exc, EXPECTED):
        exchange.crash = exc
    if isinstance(exc, drf.MethodNotAllowed) and view is not None:
        exc.allowed = view.allowed_methods  # type: ignore[attr-defined] # DRF's exception does not carry them
    return _response(exc, exchange)


def problem(exc: Exception, exchange: Exchange) -> tuple[int, dict[str, str], bytes]:
    """For the ASGI edge, see `lukhas_site.http.edge`."""
    return render(exc, exchange)


def _response(exc: Exception, exchange: Exchange) -> HttpResponse:
    status, headers, body = render(exc, exchange)
    return HttpResponse(body, status=status, headers=headers)


def _page_or_envelope(request: HttpRequest, exc: Exception, page: Callable[..., HttpResponse]) -> HttpResponse:
    """Staff get Django's page, callers of the API the envelope."""
    if request.path.startswith(reverse("admin:index")):
        return page(request, exc)
    return _response(exc, exchange_of(request))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400."""
    return _page_or_envelope(request, exception, defaults.bad_request)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    return _page_or_envelope(request, exception, defaults.permission_denied)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    return _page_or_envelope(request, exception, defaults.page_not_found)


def crashed(request: HttpRequest) -> HttpResponse:
    """Django's handler500; Django has logged the traceback."""
    exchange = exchange_of(request)
    return _page_or_envelope(
        request, wire.ServerError(exchange.request_id), lambda asked, _: defaults.server_error(asked)
    )
