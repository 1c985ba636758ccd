"""Other OpenAI-compatible servers: requests are passed through, and their answers passed on as they come.

Only `model` is exchanged, on the way there for what the upstream calls it, on the way back for the id in the catalog.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable

import aiohttp
import orjson

from api.backends.base import Backend, Call
from api.backends.upstream_answers import answer, embeddings_answer
from api.backends.upstream_connections import FAILURES, Connections, Lane
from api.backends.upstream_errors import refused, unreachable, unusable
from api.backends.upstream_stream import Events, passed_on
from api.defaults import merged
from api.requests import ChatRequest, CompletionRequest, EmbeddingRequest, JSONObject, ModerationRequest

MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024


class UpstreamBackend(Backend):
    """Answers by asking the upstream that the call's target names."""

    def __init__(self) -> None:
        self._connections = Connections()

    async def close(self) -> None:
        await self._connections.close()

    async def chat(self, request: ChatRequest, call: Call) -> bytes:
        return await self._whole("chat/completions", request.body, call, answer)

    async def complete(self, request: CompletionRequest, call: Call) -> bytes:
        return await self._whole("completions", request.body, call, answer)

    async def embed(self, request: EmbeddingRequest, call: Call) -> bytes:
        return await self._whole("embeddings", request.body, call, embeddings_answer)

    async def moderate(self, request: ModerationRequest, call: Call) -> bytes:
        return await self._whole("moderations", request.body, call, answer)

    def stream_chat(self, request: ChatRequest, call: Call) -> AsyncGenerator[bytes]:
        return self._stream("chat/completions", request, call)

    def stream_complete(self, request: CompletionRequest, call: Call) -> AsyncGenerator[bytes]:
        return self._stream("completions", request, call)

    async def _whole(self, path: str, body: JSONObject, call: Call, read: Callable[[bytes, Call], bytes]) -> bytes:
        lane = self._connections.lane(call.target)
        until = time.monotonic() + lane.total
        try:
            response = await self._ask(lane, path, body, call)
            try:
                content = await _content(response.content, MAX_ANSWER_BYTES, until)
            finally:
                response.close()
        except FAILURES as error:
            raise unreachable(error, call) from error
        if content is None:
            raise unusable("answer too large", call, broken=False)
        return read(content, call)

    async def _stream(self, path: str, request: ChatRequest | CompletionRequest, call: Call) -> AsyncGenerator[bytes]:
        """Always asks for the usage, which only the upstream can count."""
        include_usage = request.include_usage
        lane = self._connections.lane(call.target)
        until = time.monotonic() + lane.total
        try:
            response, events, found = await self._begin(lane, path, _with_usage(request.body), call)
            del request
            ended = False
            try:
                while not ended:
                    if found is None:
                        raise unusable("the stream broke off", call, again=True)
                    block = passed_on(found, call, include_usage=include_usage)
                    if block.content:
                        yield block.content
                    if block.wrong is not None:
                        raise block.wrong
                    ended = block.ended
                    if ended:
                        yield b"data: [DONE]\n\n"
                    else:
                        del found, block  # what is passed on is not held while the next one is waited for
                        found = await events.read(response.content, call)
                        if time.monotonic() > until:
                            raise TimeoutError
            finally:
                if ended:
                    self._connections.leave(response)
                else:
                    response.close()  # so that the upstream stops at once
        except FAILURES as error:
            raise unreachable(error, call) from error

    async def _begin(
        self, lane: Lane, path: str, body: JSONObject, call: Call
    ) -> tuple[aiohttp.ClientResponse, Events, list[bytes] | None]:
        """A stream, and the data of the events that came first, None where there are none. Comments are none: an
        upstream may send them for as long as it likes, and has `first` seconds all the same."""
        events = Events()
        async with asyncio.timeout(lane.first):
            response = await self._ask(lane, path, body, call, stream=True)
            try:
                while (found := await events.read(response.content, call)) == []:
                    continue
            except BaseException:
                response.close()
                raise
        lane.begun(response)
        return response, events, found

    async def _ask(
        self, lane: Lane, path: str, body: JSONObject, call: Call, *, stream: bool = False
    ) -> aiohttp.ClientResponse:
        """The upstream's answer, if its status is 2xx. Raises what any other stands for, and FAILURES."""
        target = call.target
        call.attempts += 1
        if target.defaults:
            body = merged(target.defaults.get(path, {}), body)
        content = orjson.dumps({**body, "model": target.upstream_model})
        response = await self._connections.post(lane, target, path, content, stream=stream)
        call.upstream_request_id = response.headers.get("x-request-id")
        if 200 <= response.status < 300:
            return response
        try:
            told = await _content(response.content, MAX_ERROR_BYTES, time.monotonic() + lane.first)
        finally:
            response.close()
        raise refused(response.status, response.headers, told or b"", call)


def _with_usage(body: JSONObject) -> JSONObject:
    return {**body, "stream_options": {**(body.get("stream_options") or {}), "include_usage": True}}


async def _content(content: aiohttp.StreamReader, limit: int, until: float) -> bytes | None:
    """All of it; None where it is more than `limit` bytes. Raises TimeoutError where it is not there by
    `until`, on the clock of time.monotonic()."""
    blocks = []
    size = 0
    while block := await content.readany():
        if time.monotonic() > until:
            raise TimeoutError
        size += len(block)
        if size > limit:
            return None
        blocks.append(block)
    return b"".join(blocks)
