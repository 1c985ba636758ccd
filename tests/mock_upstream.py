"""An OpenAI-compatible server on a real socket, in a thread, that answers well or badly on demand.

`with MockUpstream() as upstream:` gives its `url` (up to /v1). `upstream.mode` says how it answers from now on:

    normal      chat, completions, embeddings and moderations, whole and as streams; and its one model
    slow        as normal, with `upstream.delay` seconds before each piece of a stream, and before whole answers
    slow-first  as normal, with `upstream.delay` seconds between the headers of a stream and its first event
    hang        never answers
    drop        closes the connection instead of answering
    empty       a stream that ends without any event
    comments    sends the headers of a stream, then a comment every `upstream.delay` seconds
    drip        sends the first event of a stream every `upstream.delay` seconds, for ever, whatever was asked for
    silent      sends the headers of a stream, then nothing
    stall       sends the first event of a stream, then nothing
    cut         a stream that ends without [DONE]
    reset       a stream whose connection is reset
    error-mid   a stream with an error in the middle
    error-first a stream that begins with an error
    html, half-json, huge, 301, 400, 401, 404, 408, 409, 429, 500   as the name says, whole and for streams
    busy        429, which asks to come back in 20 milliseconds

`upstream.modes` are those of the next requests, one each, before `upstream.mode` holds again.
`upstream.reply(…)` has it send one exact answer, `upstream.stream(…)` exact blocks of a stream. What it was asked is
in `upstream.requests`, and when callers hung up in `upstream.hang_ups`.
"""

import asyncio
import base64
import json
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web

MODEL = "upstream-model"
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10, "prompt_tokens_details": {"cached_tokens": 2}}
WORDS = ("Hello", " there", "!")
VECTOR = (0.6, 0.8)
STATUSES = {
    "301": (301, b"", {"Location": "/v1/elsewhere"}),
    "400": (
        400,
        b'{"error": {"message": "Too hot.", "type": "invalid_request_error", "param": "temperature", "code": "hot"}}',
        {},
    ),
    "401": (401, b'{"error": {"message": "Incorrect API key provided: sk-upstream.", "code": "invalid_api_key"}}', {}),
    "404": (404, b'{"error": {"message": "No such model.", "type": "NotFoundError", "param": null, "code": 404}}', {}),
    "429": (
        429,
        b'{"error": {"message": "Slow down.", "type": "tokens", "param": null, "code": "rate_limit_exceeded"}}',
        {"Retry-After": "7", "Retry-After-Ms": "6500"},
    ),
    "408": (408, b"", {}),
    "409": (409, b'{"error": {"message": "Locked.", "type": "invalid_request_error", "code": "locked"}}', {}),
    "busy": (429, b'{"error": {"message": "Slow down."}}', {"Retry-After-Ms": "20"}),
    "500": (500, b'{"error": {"message": "Traceback at 10.0.0.1", "type": "server_error"}}', {}),
    "html": (200, b"<!doctype html><title>Welcome to nginx!</title>", {"Content-Type": "text/html"}),
    "half-json": (200, b'{"id": "x", "model": "upstream-model", "choices": [{"index": 0}', {}),
}


@dataclass(frozen=True)
class Asked:
    """A request as it came in."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    at: float


class MockUpstream:
    def __init__(self, mode: str = "normal") -> None:
        self.mode = mode
        self.modes: list[str] = []
        self.delay = 0.05
        self.requests: list[Asked] = []
        self.hang_ups: list[float] = []
        """When a caller hung up before its answer was complete, on the clock of time.monotonic()."""
        self.connections: set[Any] = set()
        """The peers' addresses: one for each connection that was ever used."""
        self.huge_bytes = 65 * 1024 * 1024
        self._exact: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
        self._ready = threading.Event()
        self._hung_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mock-upstream", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the mock upstream did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    @property
    def last(self) -> Asked:
        return self.requests[-1]

    def reply(self, body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """From now on answers everything with exactly this."""

        async def exact(request: web.Request) -> web.StreamResponse:
            return web.Response(
                body=body, status=status, headers={"Content-Type": "application/json", **(headers or {})}
            )

        self._exact = exact

    def stream(self, blocks: Iterable[bytes], *, pause: float = 0.0) -> None:
        """From now on answers everything with a stream of these blocks, each sent by itself, then the end."""
        pieces = list(blocks)

        async def exact(request: web.Request) -> web.StreamResponse:
            response = await self._begin(request)
            for piece in pieces:
                await response.write(piece)
                await asyncio.sleep(pause)
            return response

        self._exact = exact

    def wait_for_hang_up(self, seconds: float = 5.0) -> float:
        """When the first caller hung up; raises AssertionError where none does in time."""
        if not self._hung_up.wait(seconds):
            raise AssertionError("nobody hung up")
        return self.hang_ups[0]

    def wait_for_request(self, seconds: float = 5.0) -> Asked:
        """The first request; raises AssertionError where none comes in time."""
        self.wait_for_requests(1, seconds)
        return self.requests[0]

    def wait_for_requests(self, count: int, seconds: float = 5.0) -> None:
        """Until so many came; raises AssertionError where they do not in time."""
        deadline = time.monotonic() + seconds
        while len(self.requests) < count:
            if time.monotonic() > deadline:
                raise AssertionError(f"not asked {count} times")
            time.sleep(0.002)

    # --- the server's thread -----------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/{path:.*}", self._handle)
        app.router.add_get("/v1/{path:models}", self._handle)
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/v1"
        self._ready.set()
        await self._over.wait()
        await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.transport is not None:
            self.connections.add(request.transport.get_extra_info("peername"))
        body = await request.json() if request.can_read_body else {}
        mode = self.modes.pop(0) if self.modes else self.mode
        self.requests.append(Asked(request.match_info["path"], dict(request.headers), body, time.monotonic()))
        try:
            return await self._answer(request, request.match_info["path"], body, mode)
        except (asyncio.CancelledError, ConnectionError):
            self.hang_ups.append(time.monotonic())
            self._hung_up.set()
            raise

    async def _answer(self, request: web.Request, path: str, body: dict[str, Any], mode: str) -> web.StreamResponse:
        if self._exact is not None:
            return await self._exact(request)
        if mode in STATUSES:
            status, content, headers = STATUSES[mode]
            headers = {"Content-Type": "application/json", "x-request-id": "req_up", **headers}
            return web.Response(status=status, body=content, headers=headers)
        if mode == "hang":
            await asyncio.sleep(3600)
        if mode == "drop" and request.transport is not None:
            request.transport.abort()
            await asyncio.sleep(3600)
        if mode == "huge":
            return await self._huge(request)
        if body.get("stream") or mode == "drip":
            return await self._stream(request, path, body, mode)
        if mode == "slow":
            await asyncio.sleep(self.delay)
        answer = whole(path, body)
        if mode == "no-usage":
            answer.pop("usage", None)
        return web.json_response(answer, headers={"x-request-id": "req_up"})

    async def _begin(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "x-request-id": "req_up"})
        await response.prepare(request)
        return response

    async def _huge(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"choices": "')
        for _ in range(self.huge_bytes // 65536):
            await response.write(b"x" * 65536)
        await response.write(b'"}')
        return response

    async def _stream(self, request: web.Request, path: str, body: dict[str, Any], mode: str) -> web.StreamResponse:
        response = await self._begin(request)
        await self._before_the_first_event(response, mode)
        wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        events = [b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks(path, body, wants_usage)]
        error = (
            b'data: {"error": {"message": "Out of memory.", "type": "server_error", "param": null, "code": "oom"}}\n\n'
        )
        if mode == "error-first":
            events = [error]
        if mode == "empty":
            events = []
        while mode == "drip":
            await response.write(events[0])
            await asyncio.sleep(self.delay)
        if mode in {"cut", "reset", "error-mid", "stall"}:
            events = events[:2]
        for event in events:
            if mode == "slow":
                await asyncio.sleep(self.delay)
            await response.write(event)
        if mode == "stall":
            await asyncio.sleep(3600)
        if mode == "error-mid":
            await response.write(error)
        if mode == "reset" and request.transport is not None:
            await asyncio.sleep(0.05)
            request.transport.abort()
        if mode in {"normal", "slow", "slow-first"}:
            await response.write(b"data: [DONE]\n\n")
        return response

    async def _before_the_first_event(self, response: web.StreamResponse, mode: str) -> None:
        while mode == "comments":
            await response.write(b": still there\n\n")
            await asyncio.sleep(self.delay)
        if mode in {"silent", "slow-first"}:
            await asyncio.sleep(3600 if mode == "silent" else self.delay)


def whole(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """A good answer, whole."""
    if path == "models":
        return {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 1750000000, "owned_by": "us"}]}
    if path == "embeddings":
        inputs = body["input"] if isinstance(body["input"], list) and not isinstance(body["input"][0], int) else [0]
        value: Any = list(VECTOR)
        if body.get("encoding_format") == "base64":
            value = base64.b64encode(struct.pack("<2f", *VECTOR)).decode()
        data = [{"object": "embedding", "index": at, "embedding": value} for at in range(len(inputs))]
        return {
            "object": "list",
            "data": data,
            "model": body["model"],
            "usage": {"prompt_tokens": 7, "total_tokens": 7},
        }
    if path == "moderations":
        result = {"flagged": True, "categories": {"new": True}, "category_scores": {"new": 0.25}}
        return {"id": "modr-upstream", "model": body["model"], "results": [result]}
    text = "".join(WORDS)
    choices: list[dict[str, Any]]
    if path == "chat/completions":
        message = {"role": "assistant", "content": text, "refusal": None}
        choices = [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}]
    else:
        choices = [{"index": 0, "text": text, "logprobs": None, "finish_reason": "stop"}]
    return {**head(path, body), "choices": choices, "usage": USAGE}


def head(path: str, body: dict[str, Any], *, chunk: bool = False) -> dict[str, Any]:
    kind = (
        ("chat.completion.chunk" if chunk else "chat.completion") if path == "chat/completions" else "text_completion"
    )
    return {"id": "cmpl-upstream", "object": kind, "created": 1750000000, "model": body["model"]}


def chunks(path: str, body: dict[str, Any], wants_usage: bool) -> list[dict[str, Any]]:
    """The chunks of a good stream, that of the usage included where it is asked for."""
    first = head(path, body, chunk=True)
    extra: dict[str, Any] = {"usage": None} if wants_usage else {}
    made = []
    for at, word in enumerate((*WORDS, None)):
        reason = "stop" if word is None else None
        if path == "chat/completions":
            delta = {} if word is None else {"content": word}
            piece: dict[str, Any] = {"delta": {"role": "assistant", **delta} if at == 0 else delta}
        else:
            piece = {"text": word or ""}
        made.append({**first, "choices": [{"index": 0, **piece, "logprobs": None, "finish_reason": reason}], **extra})
    if wants_usage:
        made.append({**first, "choices": [], "usage": USAGE})
    return made
