"""A whole response, made of a chat's whole answer; and the `Response` object, of whatever state."""

import time
from collections.abc import Awaitable
from typing import Any

import orjson

from api.backends.base import Call, Usage
from api.backends.upstream_errors import unusable
from api.exceptions import APIError
from api.requests import JSONObject, ResponseRequest
from api.responses.items import new_id
from api.responses.naming import renamed
from api.responses.output import Output
from api.responses.reading import Unreadable, piece_of

NO_CHAT = "not an answer of a chat"
TIERS = ("auto", "default", "flex", "scale", "priority")


class Response:
    """The `Response` object of OpenAI's specification, as it is told again and again: its id and its time stay, and so
    does what is `repeated` of the request."""

    def __init__(self, repeated: JSONObject, call: Call) -> None:
        self.id = new_id("resp")
        self.output = Output()
        self._repeated = repeated
        self._call = call
        self._created_at = int(time.time())
        self._service_tier: str | None = None

    def note(self, answer: JSONObject) -> None:
        """Takes over what a chat's answer, or a chunk of it, says of itself."""
        tier = answer.get("service_tier")
        if tier in TIERS:
            self._service_tier = tier

    def told(self, status: str, error: JSONObject | None = None) -> dict[str, Any]:
        """The object in this state, with the usage where it has ended and that is known."""
        incomplete = self.output.incomplete if status == "incomplete" else None
        told = {
            "id": self.id,
            "object": "response",
            "created_at": self._created_at,
            "status": status,
            "completed_at": int(time.time()) if status == "completed" else None,
            "error": error,
            "incomplete_details": {"reason": incomplete} if incomplete else None,
            "model": self._call.target.model,
            "output": self.output.told(),
            "service_tier": self._service_tier,
            **self._repeated,
        }
        if status != "in_progress" and self._call.usage is not None:
            told["usage"] = usage(self._call.usage)
        return told

    def ended(self) -> dict[str, Any]:
        """The object in the state in which the answer left it."""
        return self.told("incomplete" if self.output.incomplete else "completed")


def usage(used: Usage) -> dict[str, Any]:
    """The `usage` object of responses."""
    return {
        "input_tokens": used.input_tokens,
        "input_tokens_details": {"cached_tokens": used.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": used.output_tokens,
        "output_tokens_details": {"reasoning_tokens": used.reasoning_tokens},
        "total_tokens": used.input_tokens + used.output_tokens,
    }


async def answered(request: ResponseRequest, asked: Awaitable[bytes], call: Call) -> bytes:
    """The body of the response that a chat's answer makes. Raises UpstreamError where it is none, and whatever the
    chat raises, in the words of the request."""
    try:
        chat = orjson.loads(await asked)
    except APIError as error:
        raise renamed(error, request.places) from None
    response = Response(request.repeated, call)
    response.note(chat)
    try:
        response.output.add(piece_of(chat, "message", logprobs=request.chat.top_logprobs is not None))
    except Unreadable:
        raise unusable(NO_CHAT, call) from None
    response.output.end()
    call.response_id = response.id
    return orjson.dumps(response.ended())
