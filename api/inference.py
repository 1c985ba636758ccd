"""From a validated request to an answer: route, reserve, call the backend, and settle what it used. Shared by all
views."""

from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpResponse
from django.http.response import HttpResponseBase

from accounts.exceptions import BudgetSpent, LimitReached
from accounts.limits import gate
from accounts.limits.gate import Reservation
from accounts.principal import Principal
from api import routing
from api.backends.base import Backend, Call
from api.backends.registry import backend
from api.errors import render
from api.estimates import estimate, most_cost
from api.requests import ChatRequest, CompletionRequest, EmbeddingRequest
from api.tracing import Request, inference_span, traced
from lukhas_site.http.exchange import Exchange
from lukhas_site.http.problems import EXPECTED
from lukhas_site.http.sse import EventStream


@dataclass(frozen=True, slots=True)
class _Work:
    """One request under way: nothing may be awaited between its making and the `try` that ends with `end`."""

    request: Request
    exchange: Exchange
    call: Call
    backend: Backend
    reservation: Reservation
    prompt_tokens: int
    answer_tokens: int

    def end(self, answered: int | None) -> None:
        """Settles what was used, and leaves it for the log line.

        Where nobody tells the usage, an answer used its prompt and the tokens that were `answered`; one that never
        began (None) used nothing.
        """
        call, target = self.call, self.call.target
        _note(call, self.exchange)
        if (used := call.usage) is not None:
            cost = target.cost(used.input_tokens, used.output_tokens, used.cached_tokens)
            self.reservation.settle(used.input_tokens + used.output_tokens, cost)
        elif answered is not None:
            self.reservation.settle(self.prompt_tokens + answered, target.cost(self.prompt_tokens, answered))
        else:
            self.reservation.release()


async def chat(request: ChatRequest, caller: Principal, exchange: Exchange) -> HttpResponseBase:
    """Answers POST /v1/chat/completions."""
    work = await _begin(request, "chat", caller, exchange)
    if request.stream:
        return await _stream(work.backend.stream_chat(request, work.call), work)
    return await _whole(work.backend.chat(request, work.call), work)


async def complete(request: CompletionRequest, caller: Principal, exchange: Exchange) -> HttpResponseBase:
    """Answers POST /v1/completions."""
    work = await _begin(request, "completions", caller, exchange)
    if request.stream:
        return await _stream(work.backend.stream_complete(request, work.call), work)
    return await _whole(work.backend.complete(request, work.call), work)


async def embed(request: EmbeddingRequest, caller: Principal, exchange: Exchange) -> HttpResponseBase:
    """Answers POST /v1/embeddings."""
    work = await _begin(request, "embeddings", caller, exchange)
    return await _whole(work.backend.embed(request, work.call), work)


async def _begin(request: Request, capability: str, caller: Principal, exchange: Exchange) -> _Work:
    """Routes the request and reserves what it may use. Raises what refuses it; then nothing is reserved."""
    target = await routing.route(request.model, capability, caller.project_id)
    exchange.facts["model"] = target.model
    exchange.facts["upstream"] = target.upstream
    model = backend(target.kind)
    prompt, answer = estimate(request, target)
    try:
        reservation = await gate.reserve(
            caller,
            asked=request.model,
            answers=target.model,
            tokens=prompt + answer,
            cost_micro=target.cost(prompt, answer),
            most_micro=most_cost(request, target, prompt, answer),
        )
    except (LimitReached, BudgetSpent) as refused:
        exchange.facts["limited_by"] = refused.scope
        raise
    exchange.headers.update(reservation.headers)
    return _Work(request, exchange, Call(target), model, reservation, prompt, answer)


async def _whole(body: Awaitable[bytes], work: _Work) -> HttpResponse:
    """A whole answer that does not tell its usage is taken to have used all that it might have."""
    answered = None
    try:
        with inference_span(work.request, work.call):
            content = await body
        answered = work.answer_tokens
        return HttpResponse(content, content_type="application/json")
    finally:
        work.end(answered)


async def _stream(events: AsyncGenerator[bytes], work: _Work) -> HttpResponseBase:
    """Pulls the first event before there is a status: what goes wrong until then is still an error of its own."""
    exchange = work.exchange
    exchange.facts["stream"] = True

    async def noted() -> AsyncGenerator[bytes]:
        passed_on = 0
        try:
            async with aclosing(traced(events, work.request, work.call)) as inner:
                async for event in inner:
                    passed_on += 1
                    yield event
        finally:
            work.end(passed_on or None)

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
