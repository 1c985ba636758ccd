"""What goes wrong at an upstream, as exceptions of the wire.

    the upstream says                                   the caller gets
    400, 404, 409, 413, 422                             the same, with the upstream's message, type, param and code
    429                                                 the same, with its Retry-After
    408, or nothing in time                             504 upstream_timeout
    401, 403 (our key is wrong, not the caller's)       502 upstream_error
    any other status, no connection, no usable answer   502 upstream_error
    `{"error": …}` in a stream, or with status 200      by its `code` where that is a status, else 502; its message

What is passed on never holds the upstream's key or address. Every failure that is not the caller's is logged, without
the answer's text, which may repeat the prompt.
"""

import os
from collections.abc import Mapping
from typing import Any

import orjson
import structlog

from api.backends.base import Call
from api.catalog import Target
from api.exceptions import APIError, UpstreamError, UpstreamTimeout
from api.requests import JSONObject

CALLERS_FAULT = frozenset({400, 404, 409, 413, 422})
OUR_KEYS_FAULT = frozenset({401, 403})
PASSED_ON_HEADERS = ("retry-after", "retry-after-ms", "x-should-retry")
MAX_MESSAGE_CHARACTERS = 2000

log = structlog.get_logger(__name__)


class PassedOnError(APIError):
    """What the upstream told the caller, passed on: its status, message, type, param and code."""

    type = "invalid_request_error"
    default_detail = "The upstream server refused the request."

    def __init__(self, status: int, told: JSONObject, target: Target, headers: Mapping[str, str]) -> None:
        param, code = told.get("param"), told.get("code")
        super().__init__(
            _message(told, target),
            param=param if isinstance(param, str) else None,
            code=code if isinstance(code, str) else None,
            headers=headers,
        )
        self.status_code = status
        if isinstance(type := told.get("type"), str):
            self.type = type


def refused(status: int, headers: Mapping[str, str], body: bytes, call: Call) -> APIError:
    """The exception for an answer whose status is not 2xx."""
    told = envelope(body)
    if status in CALLERS_FAULT:
        return PassedOnError(status, told, call.target, {})
    _log(call, status=status)
    if status == 429:
        passed_on = {name: headers[name] for name in PASSED_ON_HEADERS if name in headers}
        return _limited(told, call, passed_on)
    return UpstreamTimeout() if status == 408 else UpstreamError()


def told_within(answer: JSONObject, call: Call) -> APIError | None:
    """The exception for an error that the upstream put into a stream or an answer of status 200; None for a good
    one. Servers that wrap nothing say `{"object": "error", "message": …}`."""
    if not answer.get("error") and answer.get("object") != "error":
        return None
    told = _unwrapped(answer)
    code = told.get("code")
    status = code if isinstance(code, int) else 502
    if status in CALLERS_FAULT:
        return PassedOnError(status, told, call.target, {})
    _log(call, reason="error in the answer")
    if status == 429:
        return _limited(told, call, {})
    if status in OUR_KEYS_FAULT:
        return UpstreamError()
    error = UpstreamError(_message(told, call.target))
    error.code = code if isinstance(code, str) else error.code
    error.type = told["type"] if isinstance(told.get("type"), str) else error.type
    return error


def unreachable(error: Exception, call: Call) -> APIError:
    """The exception for a connection that failed, broke or fell silent."""
    _log(call, reason=type(error).__name__)
    return UpstreamTimeout() if isinstance(error, TimeoutError) else UpstreamError()


def unusable(reason: str, call: Call) -> APIError:
    """The exception for an answer that came and is none; `reason` is for the log."""
    _log(call, reason=reason)
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


def _message(told: JSONObject, target: Target) -> str | None:
    """The upstream's message without its key and address; None where it has none."""
    message = told.get("message")
    if not isinstance(message, str) or not message:
        return None
    key = os.environ.get(target.api_key_env, "").strip() if target.api_key_env else ""
    address = target.base_url.partition("://")[2]
    for secret in (key, target.base_url, address, address.partition("/")[0]):
        if secret:
            message = message.replace(secret, "***")
    return message[:MAX_MESSAGE_CHARACTERS]


def _log(call: Call, **facts: Any) -> None:
    log.warning(
        "upstream_failed",
        upstream=call.target.upstream,
        model=call.target.model,
        upstream_request_id=call.upstream_request_id,
        **facts,
    )
