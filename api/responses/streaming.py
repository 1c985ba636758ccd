"""A response as a stream of events, made of a chat's stream while it comes."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Any

import orjson

from api.backends.base import Call
from api.backends.upstream_errors import unusable
from api.exceptions import APIError
from api.rendering import DONE
from api.requests import JSONObject, ResponseRequest
from api.responses.answering import NO_CHAT, Response
from api.responses.items import Event
from api.responses.naming import renamed
from api.responses.reading import Unreadable, piece_of

DATA = b"data: "
ERROR_CODES = {"requests": "rate_limit_exceeded", "tokens": "rate_limit_exceeded"}
"""OpenAI's codes for the error of a response, by the types of errors; all others are `server_error`."""


class ResponseStream:
    """The events of one response. Its first ones come with the first of the chat's, so that all that goes wrong until
    then still has a status of its own. Of the request it keeps what it needs: its input may be large."""

    def __init__(self, request: ResponseRequest, call: Call) -> None:
        self._repeated = request.repeated
        self._places = request.places
        self._call = call
        self._logprobs = request.chat.top_logprobs is not None
        self._begin()

    def _begin(self) -> None:
        self._response = Response(self._repeated, self._call)
        self._begun = False
        self._number = 0
        self._ready = b""

    async def of(self, chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        """The chat's chunks as they are, once the events that they make are ready, for `ended` to send: so whoever
        reads this counts and settles what it would of a chat. Begins anew: who was asked before has said nothing.

        Raises UpstreamError where the chunks are none of a chat, and whatever they raise, in the words of the request.
        """
        self._begin()
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    if chunk == DONE:
                        self._call.response_id = self._response.id
                        self._ready += self._opening() + self._sent(self._response.output.end())
                    elif not self._understood(chunk):
                        if self._ready:
                            yield chunk
                        raise unusable(NO_CHAT, self._call)
                    yield chunk
        except APIError as error:
            raise renamed(error, self._places) from None

    async def ended(self, chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        """The events, with the last one, in the place of the chunks of `of`."""
        async with aclosing(chunks):
            async for chunk in chunks:
                events, self._ready = self._ready, b""
                if chunk == DONE:
                    events += self._last()
                if events:
                    yield events

    def failed(self, envelope: bytes) -> bytes:
        """The events that end a stream which fails: what went wrong, and what there is of the response."""
        error = orjson.loads(envelope)["error"]
        told = {name: error[name] for name in ("code", "message", "param")}
        code = ERROR_CODES.get(error["type"], "server_error")
        self._response.output.break_off()
        failed = self._response.told("failed", {"code": code, "message": error["message"]})
        ready, self._ready = self._ready, b""
        return ready + self._sent([("error", told), ("response.failed", {"response": failed})])

    def _last(self) -> bytes:
        response = self._response.ended()
        return self._sent([(f"response.{response['status']}", {"response": response})])

    def _understood(self, chunk: bytes) -> bool:
        """Makes the events ready that a chunk makes, which may be several of a chat's; False from where it is none."""
        try:
            for data in filter(None, chunk.split(b"\n\n")):
                told: JSONObject = orjson.loads(data.removeprefix(DATA))
                piece = piece_of(told, "delta", logprobs=self._logprobs)
                self._response.note(told)
                self._ready += self._opening() + self._sent(self._response.output.add(piece))
        except Unreadable:
            return False
        return True

    def _opening(self) -> bytes:
        """The events that come first, where they have not come yet."""
        if self._begun:
            return b""
        self._begun = True
        response = self._response.told("in_progress")
        return self._sent([(f"response.{what}", {"response": response}) for what in ("created", "in_progress")])

    def _sent(self, events: Iterable[Event]) -> bytes:
        return b"".join(self._event(kind, members) for kind, members in events)

    def _event(self, kind: str, members: dict[str, Any]) -> bytes:
        number, self._number = self._number, self._number + 1
        data = orjson.dumps({"type": kind, "sequence_number": number, **members})
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)
