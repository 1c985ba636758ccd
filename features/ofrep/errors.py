"""Errors as OFREP has them: a JSON object with `errorCode` and `errorDetails`, and `key` where one flag was asked for.

The protocol has bodies for 400, 404 and 500; all others say `GENERAL` in the same form.

    OfrepError
    ├── EvaluationFailed    400, or 404 where there is no such flag: the flag's own error
    ├── InvalidContext      400 INVALID_CONTEXT
    ├── ContextTooLarge     413 INVALID_CONTEXT
    ├── TicketInvalid       401: the address of an event stream is worth nothing, or no more
    ├── TooManyOfKey        429: the key has as many event streams open as it may
    └── TooManyStreams      503: the process has
"""

from math import ceil
from typing import Any

import orjson
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from rest_framework import exceptions as drf

from accounts.exceptions import CHALLENGE, LimitReached, LimitsUnavailable
from features.evaluation import Failure
from lukhas_site.http.exchange import Exchange, exchange_of
from lukhas_site.http.problems import BodyTooLarge

MOST_BYTES = 64 * 1024
"""How large a request may be."""
GENERAL = "GENERAL"
EVENTS = "/v1/events"
"""How the path of the event streams ends, which is the only one that is asked with GET."""


class OfrepError(drf.APIException):
    code = GENERAL
    retry_after: int | None = None
    """Seconds after which asking again may help."""


class EvaluationFailed(OfrepError):
    """One flag could not be evaluated for this context."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.details)
        self.status_code = 404 if failure.code == "FLAG_NOT_FOUND" else 400
        self.code = failure.code


class InvalidContext(OfrepError):
    status_code = 400
    code = "INVALID_CONTEXT"
    default_detail = "The body needs a context, which must be an object."


class ContextTooLarge(OfrepError):
    status_code = 413
    code = "INVALID_CONTEXT"
    default_detail = f"The context is too large: a request may have {MOST_BYTES:,} bytes."


class TicketInvalid(OfrepError):
    status_code = 401
    default_detail = (
        "The address of this event stream is wrong or has expired, or the key that it was made for has ended or sees "
        "another environment. Ask for all flags again: the answer has a new address."
    )


class TooManyOfKey(OfrepError):
    status_code = 429
    default_detail = "The key has as many event streams open as it may. Ask for the flags every now and then instead."
    retry_after = 60


class TooManyStreams(OfrepError):
    status_code = 503
    default_detail = "The server has as many event streams open as it may. Ask for the flags every now and then."
    retry_after = 60


def render(exc: Exception, exchange: Exchange, key: str | None = None) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an exception. A crash says no more than the request's id; the edge logs it."""
    status, code, details, more = _told(exc, exchange)
    exchange.facts["error_code"] = code
    headers = {"content-type": "application/json"} | more
    if status == 401:
        headers["www-authenticate"] = CHALLENGE
    body = {} if key is None else {"key": key}
    return status, headers, orjson.dumps(body | {"errorCode": code, "errorDetails": details})


def _told(exc: Any, exchange: Exchange) -> tuple[int, str, str, dict[str, str]]:
    """Status, error code, details and further headers."""
    if isinstance(exc, OfrepError):
        return exc.status_code, exc.code, str(exc.detail), _whole_seconds(exc.retry_after)
    if isinstance(exc, LimitReached):
        return 429, GENERAL, _limit(exc), {**_whole_seconds(exc.retry_after), **exc.headers}
    if isinstance(exc, OperationalError | InterfaceError):
        return 503, GENERAL, "The database is not reachable, and the flags were never read.", {"retry-after": "1"}
    if isinstance(exc, LimitsUnavailable):
        return 503, GENERAL, exc.message, {"retry-after": "1"}
    if isinstance(exc, BodyTooLarge):
        return 413, InvalidContext.code, str(exc.detail), {}
    if isinstance(exc, drf.ParseError | drf.UnsupportedMediaType):
        return exc.status_code, "PARSE_ERROR", str(exc.detail), {}
    if isinstance(exc, drf.NotFound | Http404):
        return 404, GENERAL, f"Unknown request URL: {exchange.method} {exchange.path}.", {}
    if isinstance(exc, drf.MethodNotAllowed):
        method = "GET" if exchange.path.endswith(EVENTS) else "POST"
        return 405, GENERAL, f"{exchange.path} is asked with {method}.", {"allow": method}
    if isinstance(exc, drf.APIException) and exc.status_code < 500:
        return exc.status_code, GENERAL, str(getattr(exc, "message", exc.detail)), {}
    if isinstance(exc, SuspiciousOperation | BadRequest):
        return 400, GENERAL, "The request is malformed.", {}
    return 500, GENERAL, f"The server had an error while processing the request {exchange.request_id}.", {}


def _limit(exc: LimitReached) -> str:
    wait = "" if exc.retry_after is None else f" Please try again in {ceil(exc.retry_after)} s."
    return f"A limit on requests of this API key is reached: {exc.limit} {exc.unit.replace('_', ' ')}.{wait}"


def _whole_seconds(wait: float | None) -> dict[str, str]:
    """Providers read whole seconds or a date, and nothing else."""
    return {} if wait is None else {"retry-after": str(max(1, ceil(wait)))}


def exception_handler(exc: Exception, context: dict[str, Any]) -> HttpResponse:
    """DRF's exception handler of OFREP's views. The base of the views leaves a crash to the edge to be logged."""
    status, headers, body = render(exc, exchange_of(context["request"]), context["kwargs"].get("key"))
    return HttpResponse(body, status=status, headers=headers)


def problem(exc: Exception, exchange: Exchange) -> tuple[int, dict[str, str], bytes]:
    """For the ASGI edge, see `lukhas_site.http.edge`."""
    return render(exc, exchange)
