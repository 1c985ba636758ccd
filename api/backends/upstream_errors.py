"""What goes wrong at an upstream, as exceptions of the wire.

    the upstream says                                   the caller gets
    400, 404, 409, 413, 422                             the same, with the upstream's message, type, param and code
    429                                                 the same, with its Retry-After
    408, or nothing in time                             504 upstream_timeout
    401, 403 (our key is wrong, not the caller's)       502 upstream_error
    any other status, no connection, no usable answer   502 upstream_error
    `{"error": …}` in a stream, or with status 200      by its `code` where that is a status, else 502; its message

`Call.failure` tells what of that is not the caller's fault; whether the same upstream may be asked again: where there
is no connection or one that breaks off, and after 408, 409, 429 and 5xx; and whether it is broken: one that only has no
time, or whose answer is too large, is not.

What is passed on never holds the upstream's key or address. Every failure that is not the caller's is logged, without
the answer's text, which may repeat the prompt.
"""

import os
import re
from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from aiohttp import ConnectionTimeoutError
from yarl import URL

from api import pauses
from api.backends.base import Call, Failure
from api.catalog import Target
from api.exceptions import APIError, UpstreamError, UpstreamTimeout
from api.requests import JSONObject

CALLERS_FAULT = frozenset({400, 404, 409, 413, 422})
CONFLICT, TOO_MANY, TOO_SLOW = 409, 429, 408
OUR_KEYS_FAULT = frozenset({401, 403})
PASSED_ON_HEADERS = ("retry-after", "retry-after-ms", "x-should-retry")
MAX_MESSAGE_CHARACTERS = 2000

log = structlog.get_logger(__name__)


class PassedOnError(APIError):
    """What the upstream told the caller, passed on: its status, message, type, param and code."""

    type = "invalid_request_error"
    default_detail = "The upstream server refused the request."

    def __init__(self, status: int, told: JSONObject, target: Target, headers: Mapping[str, str]) -> None:
        super().__init__(
            _text(told, "message", target) or None,
            param=_text(told, "param", target),
            code=_text(told, "code", target),
            headers=headers,
        )
        self.status_code = status
        self.type = _text(told, "type", target) or self.type


def refused(status: int, headers: Mapping[str, str], body: bytes, call: Call) -> APIError:
    """The exception for an answer whose status is not 2xx."""
    told = envelope(body)
    call.failure = _failure(status, headers)
    if status in CALLERS_FAULT:
        return PassedOnError(status, told, call.target, {})
    _log(call, status=status)
    if status == TOO_MANY:
        return _limited(
            told,
            call,
            {name: _without_secrets(headers[name], call.target) for name in PASSED_ON_HEADERS if name in headers},
        )
    return UpstreamTimeout() if status == TOO_SLOW else UpstreamError()


def told_within(answer: JSONObject, call: Call) -> APIError | None:
    """The exception for an error that the upstream put into a stream or an answer of status 200; None for a good
    one. Servers that wrap nothing say `{"object": "error", "message": …}`."""
    if not answer.get("error") and answer.get("object") != "error":
        return None
    told = _unwrapped(answer)
    code = told.get("code")
    status = code if isinstance(code, int) else 502
    call.failure = _failure(status, {})
    if status in CALLERS_FAULT:
        return PassedOnError(status, told, call.target, {})
    _log(call, reason="error in the answer")
    if status == TOO_MANY:
        return _limited(told, call, {})
    if status in OUR_KEYS_FAULT:
        return UpstreamError()
    error = UpstreamError(_text(told, "message", call.target) or None)
    error.code = _text(told, "code", call.target) or error.code
    error.type = _text(told, "type", call.target) or error.type
    return error


def _failure(status: int, headers: Mapping[str, str]) -> Failure | None:
    """What a status says of the upstream; None where it is the caller's fault."""
    if status in CALLERS_FAULT and status != CONFLICT:
        return None
    busy = status in (CONFLICT, TOO_MANY)
    again = busy or status == TOO_SLOW or status >= 500
    return Failure(
        again=again and headers.get("x-should-retry") != "false", broken=not busy, after=pauses.told(headers)
    )


def unreachable(error: Exception, call: Call) -> APIError:
    """The exception for a connection that failed, broke or fell silent. An upstream that was silent may be at work for
    all that, and is not asked to begin anew."""
    _log(call, reason=type(error).__name__)
    silent = isinstance(error, TimeoutError)
    call.failure = Failure(again=not silent or isinstance(error, ConnectionTimeoutError))
    return UpstreamTimeout() if silent else UpstreamError()


def unusable(reason: str, call: Call, *, again: bool = False, broken: bool = True) -> APIError:
    """The exception for an answer that came and is none; `reason` is for the log."""
    _log(call, reason=reason)
    call.failure = Failure(again, broken)
    return UpstreamError()


def envelope(body: bytes) -> JSONObject:
    """The fields of an error's body, empty where there are none: OpenAI's envelope, and what other servers send."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return _unwrapped(answer) if isinstance(answer, dict) else {}


def _unwrapped(answer: JSONObject) -> JSONObject:
    error = answer.get("error")
    if isinstance(error, dict):
        return error
    if isinstance(error, str):
        return {"message": error}
    return answer if "message" in answer else {"message": answer.get("detail")}


def _limited(told: JSONObject, call: Call, headers: Mapping[str, str]) -> APIError:
    told = {**told, "type": told.get("type") or "requests"}
    if not isinstance(told.get("code"), str):
        told["code"] = "rate_limit_exceeded"
    return PassedOnError(429, told, call.target, headers)


def _text(told: JSONObject, name: str, target: Target) -> str | None:
    """What the upstream says under this name, without its key and address; None where that is no text."""
    said = told.get(name)
    return _without_secrets(said, target)[:MAX_MESSAGE_CHARACTERS] if isinstance(said, str) else None


def _without_secrets(said: str, target: Target) -> str:
    """A text that may be passed on: whatever of the key or the address stands in it is cut out."""
    key = os.environ.get(target.api_key_env, "").strip() if target.api_key_env else ""
    address = target.base_url.partition("://")[2]
    for secret in (key, target.base_url, address, address.partition("/")[0]):
        if secret:
            said = said.replace(secret, "***")
    host = URL(target.base_url).host
    # Without its port it may be a word, and then part of others.
    return re.sub(rf"(?<![\w-]){re.escape(host)}(?![\w-])", "***", said) if host else said


def _log(call: Call, **facts: Any) -> None:
    log.warning(
        "upstream_failed",
        upstream=call.target.upstream,
        model=call.target.model,
        upstream_request_id=call.upstream_request_id,
        **facts,
    )
