"""From a validated request to an answer: route, call the backend, and note what it used. Shared by all views."""

from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing

from django.conf import settings
from django.http import HttpResponse
from django.http.response import HttpResponseBase

from api import routing
from api.backends.base import Backend, Call
from api.backends.registry import backend
from api.errors import render
from api.requests import ChatRequest, CompletionRequest, EmbeddingRequest
from api.tracing import Request, inference_span, traced
from lukhas_site.http.exchange import Exchange
from lukhas_site.http.problems import EXPECTED
from lukhas_site.http.sse import EventStream


async def chat(request: ChatRequest, exchange: Exchange) -> HttpResponseBase:
    """Answers POST /v1/chat/completions."""
    call, model = await _begin(request, "chat", exchange)
    if request.stream:
        return await _stream(model.stream_chat(request, call), request, call, exchange)
    return await _whole(model.chat(request, call), request, call, exchange)


async def complete(request: CompletionRequest, exchange: Exchange) -> HttpResponseBase:
    """Answers POST /v1/completions."""
    call, model = await _begin(request, "completions", exchange)
    if request.stream:
        return await _stream(model.stream_complete(request, call), request, call, exchange)
    return await _whole(model.complete(request, call), request, call, exchange)


async def embed(request: EmbeddingRequest, exchange: Exchange) -> HttpResponseBase:
    """Answers POST /v1/embeddings."""
    call, model = await _begin(request, "embeddings", exchange)
    return await _whole(model.embed(request, call), request, call, exchange)


async def _begin(request: Request, capability: str, exchange: Exchange) -> tuple[Call, Backend]:
    target = await routing.route(request.model, capability)
    exchange.facts["model"] = target.model
    exchange.facts["upstream"] = target.upstream
    return Call(target), backend(target.kind)


async def _whole(body: Awaitable[bytes], request: Request, call: Call, exchange: Exchange) -> HttpResponse:
    try:
        with inference_span(request, call):
            return HttpResponse(await body, content_type="application/json")
    finally:
        _note(call, exchange)


async def _stream(
    events: AsyncGenerator[bytes],
    request: ChatRequest | CompletionRequest,
    call: Call,
    exchange: Exchange,
) -> HttpResponseBase:
    """Pulls the first event before there is a status: what goes wrong until then is still an error of its own."""
    exchange.facts["stream"] = True

    async def noted() -> AsyncGenerator[bytes]:
        try:
            async with aclosing(traced(events, request, call)) as inner:
                async for event in inner:
                    yield event
        finally:
            _note(call, exchange)

    def on_error(error: Exception) -> bytes:
        if not isinstance(error, EXPECTED):
            exchange.crash = error
        return b"data: %b\n\n" % render(error, exchange)[2]

    return await EventStream.start(noted(), ping_every=settings.LUKHAS_STREAM_PING_SECONDS, on_error=on_error)


def _note(call: Call, exchange: Exchange) -> None:
    """What the log line says of the answer."""
    if call.usage is not None:
        exchange.facts["input_tokens"] = call.usage.input_tokens
        exchange.facts["output_tokens"] = call.usage.output_tokens
    if call.upstream_request_id:
        exchange.facts["upstream_request_id"] = call.upstream_request_id
