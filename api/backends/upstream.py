"""Other OpenAI-compatible servers: requests are passed through, and their answers passed on as they come.

Only `model` is exchanged, on the way there for what the upstream calls it, on the way back for the id in the catalog.
"""

from collections.abc import AsyncGenerator, Callable

import aiohttp
import orjson

from api.backends.base import Backend, Call
from api.backends.upstream_answers import answer, embeddings_answer
from api.backends.upstream_connections import FAILURES, Connections
from api.backends.upstream_errors import refused, unreachable, unusable
from api.backends.upstream_stream import DONE, Events, passed_on
from api.requests import ChatRequest, CompletionRequest, EmbeddingRequest, JSONObject

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

    def stream_chat(self, request: ChatRequest, call: Call) -> AsyncGenerator[bytes]:
        return self._stream("chat/completions", request, call)

    def stream_complete(self, request: CompletionRequest, call: Call) -> AsyncGenerator[bytes]:
        return self._stream("completions", request, call)

    async def _whole(self, path: str, body: JSONObject, call: Call, read: Callable[[bytes, Call], bytes]) -> bytes:
        try:
            response = await self._ask(path, body, call)
            try:
                content = await _content(response.content, MAX_ANSWER_BYTES)
            finally:
                response.close()
        except FAILURES as error:
            raise unreachable(error, call) from error
        if content is None:
            raise unusable("answer too large", call)
        return read(content, call)

    async def _stream(self, path: str, request: ChatRequest | CompletionRequest, call: Call) -> AsyncGenerator[bytes]:
        """Always asks for the usage, which only the upstream can count."""
        options = {**(request.body.get("stream_options") or {}), "include_usage": True}
        try:
            response = await self._ask(path, {**request.body, "stream_options": options}, call)
            ended = False
            events = Events()
            try:
                while not ended:
                    found = await events.read(response.content, call)
                    if found is None:
                        raise unusable("the stream broke off", call)
                    for data in found:
                        if data.strip() == DONE:
                            ended = True
                            yield b"data: [DONE]\n\n"
                            break
                        event = passed_on(data, call, include_usage=request.include_usage)
                        if event is not None:
                            yield event
            finally:
                if ended:
                    self._connections.leave(response)
                else:
                    response.close()  # so that the upstream stops at once
        except FAILURES as error:
            raise unreachable(error, call) from error

    async def _ask(self, path: str, body: JSONObject, call: Call) -> aiohttp.ClientResponse:
        """The upstream's answer, if its status is 2xx. Raises what any other stands for, and FAILURES."""
        target = call.target
        response = await self._connections.post(target, path, orjson.dumps({**body, "model": target.upstream_model}))
        call.upstream_request_id = response.headers.get("x-request-id")
        if 200 <= response.status < 300:
            return response
        try:
            content = await _content(response.content, MAX_ERROR_BYTES)
        finally:
            response.close()
        raise refused(response.status, response.headers, content or b"", call)


async def _content(content: aiohttp.StreamReader, limit: int) -> bytes | None:
    """All of it; None where it is more than `limit` bytes."""
    blocks = []
    size = 0
    while block := await content.readany():
        size += len(block)
        if size > limit:
            return None
        blocks.append(block)
    return b"".join(blocks)
