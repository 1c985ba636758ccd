"""From a validated request to an answer: route, reserve, ask the policies, call the backend, and settle what it used.
Shared by all views."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from functools import partial
from time import time_ns
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.http.response import HttpResponseBase

from accounts.exceptions import BudgetSpent, LimitReached
from accounts.principal import Principal
from analytics import usage
from api import catalog, failover, metrics, reserving, routing, unreached
from api.backends.base import Call
from api.backends.registry import backend
from api.breakers import breakers
from api.course import Course
from api.errors import render
from api.exceptions import APIError
from api.guardian.admitting import Asked, admit
from api.guardian.watching import NONE, watch
from api.refusals import UpstreamsDown
from api.rendering import DONE
from api.requests import (
    ChatRequest,
    CompletionRequest,
    EmbeddingRequest,
    ModerationRequest,
    Request,
    ResponseRequest,
    Rollout,
)
from api.responses.answering import answered
from api.responses.streaming import ResponseStream
from api.tracing import inference_span
from api.work import Work, client_of
from lukhas_site.http.exchange import Exchange
from lukhas_site.http.problems import EXPECTED
from lukhas_site.http.sse import EventStream

VARIANT_HEADER = "x-lukhas-variant"
END = b"\n\n"
"""What each event of a stream ends with, and has nowhere else."""
ENDPOINTS = {capability: f"/v1/{path}" for capability, path in routing.ENDPOINTS.items()}


async def chat(
    request: ChatRequest, caller: Principal, exchange: Exchange, headers: Mapping[str, Any]
) -> HttpResponseBase:
    """Answers POST /v1/chat/completions."""
    work = await _begin(request, "chat", caller, exchange, headers)
    if request.stream:
        events = _recorded(request, lambda: work.backend.stream_chat(request, work.call), work)
        return await _stream(events, exchange)
    return await _whole(request, lambda: work.backend.chat(request, work.call), work)


async def complete(
    request: CompletionRequest, caller: Principal, exchange: Exchange, headers: Mapping[str, Any]
) -> HttpResponseBase:
    """Answers POST /v1/completions."""
    work = await _begin(request, "completions", caller, exchange, headers)
    if request.stream:
        events = _recorded(request, lambda: work.backend.stream_complete(request, work.call), work)
        return await _stream(events, exchange)
    return await _whole(request, lambda: work.backend.complete(request, work.call), work)


async def embed(
    request: EmbeddingRequest, caller: Principal, exchange: Exchange, headers: Mapping[str, Any]
) -> HttpResponseBase:
    """Answers POST /v1/embeddings."""
    work = await _begin(request, "embeddings", caller, exchange, headers)
    return await _whole(request, lambda: work.backend.embed(request, work.call), work)


async def moderate(
    request: ModerationRequest, caller: Principal, exchange: Exchange, headers: Mapping[str, Any]
) -> HttpResponseBase:
    """Answers POST /v1/moderations."""
    work = await _begin(request, "moderations", caller, exchange, headers)
    return await _whole(request, lambda: work.backend.moderate(request, work.call), work)


async def respond(
    request: ResponseRequest, caller: Principal, exchange: Exchange, headers: Mapping[str, Any]
) -> HttpResponseBase:
    """Answers POST /v1/responses, by a chat."""
    chat = request.chat
    work = await _begin(chat, "responses", caller, exchange, headers)
    if request.stream:
        stream = ResponseStream(request, work.call)
        events = _recorded(chat, lambda: stream.of(work.backend.stream_chat(chat, work.call)), work)
        return await _stream(stream.ended(events), exchange, stream.failed)
    return await _whole(chat, lambda: answered(request, work.backend.chat(chat, work.call), work.call), work)


async def _begin(
    request: Request, capability: str, caller: Principal, exchange: Exchange, headers: Mapping[str, Any]
) -> Work:
    """Routes the request, reserves what it may use, and asks the policies, where there are any. Raises what refuses it;
    then nothing is reserved."""
    at = time_ns() // 1000
    usage.admit()
    target, rollout = await routing.route(request, capability, caller, headers)
    if rollout is not None:
        _tell(rollout, exchange)
    course = None
    if target.deployments or breakers.troubled:
        course = Course(await catalog.current(), target, caller.project_id)
        try:
            target = course.begin()
        except UpstreamsDown:
            if rollout is not None:
                endpoint = ENDPOINTS[capability]
                unreached.record(request, caller, exchange, target, rollout, endpoint, at, client_of(headers))
                await usage.journal.committed()
            raise
    exchange.facts["model"] = target.model
    exchange.facts["upstream"] = target.upstream
    try:
        model = backend(target.kind)
        reservation, prompt, answer = await reserving.reserve(request, caller, target)
        exchange.headers.update(reservation.headers)
        if watch.policies is not NONE and not isinstance(request, ModerationRequest):
            try:
                await admit(Asked(request, caller, exchange, ENDPOINTS[capability]), target)
            except BaseException:
                reservation.release()
                raise
    except BaseException as refused:
        if course is not None:
            course.leave()
        if isinstance(refused, LimitReached | BudgetSpent):
            exchange.facts["limited_by"] = refused.scope
            metrics.refuse(refused.scope)
        raise
    call, client, endpoint = Call(target, rollout=rollout), client_of(headers), ENDPOINTS[capability]
    return Work(request.model, caller, exchange, call, model, reservation, prompt, answer, endpoint, at, client, course)


def _tell(rollout: Rollout, exchange: Exchange) -> None:
    """Says which variant answers: to the caller, whatever becomes of the answer, and on the log line."""
    exchange.facts["flag"] = rollout.flag
    exchange.facts["variant"] = rollout.variant
    exchange.facts["reason"] = rollout.reason
    if rollout.variant is not None:
        exchange.headers[VARIANT_HEADER] = rollout.variant


async def _whole(request: Request, ask: Callable[[], Awaitable[bytes]], work: Work) -> HttpResponse:
    """A whole answer that does not tell its usage is taken to have used all that it might have.

    It is on record before it is given.
    """
    try:
        with inference_span(request, work.call):
            while True:
                try:
                    content = await ask()
                    break
                except APIError as error:
                    if not await failover.goes_on(request, work, error):
                        raise failover.told(work, error) from None
    except Exception as error:
        work.end(None, error)
        await usage.journal.committed()
        raise
    except BaseException as error:
        work.end(None, error)
        raise
    work.end(work.answer_tokens)
    await usage.journal.committed()
    return HttpResponse(content, content_type="application/json")


def _in_data(envelope: bytes) -> bytes:
    return b"data: %b\n\n" % envelope


async def _stream(
    events: AsyncGenerator[bytes], exchange: Exchange, told: Callable[[bytes], bytes] = _in_data
) -> HttpResponseBase:
    """Pulls the first event before there is a status: what goes wrong until then is still an error of its own. What
    goes wrong later is `told` by the last event, which is made of the error's envelope."""
    exchange.facts["stream"] = True
    on_error = partial(_last_event, exchange, told)
    return await EventStream.start(events, ping_every=settings.LUKHAS_STREAM_PING_SECONDS, on_error=on_error)


def _last_event(exchange: Exchange, told: Callable[[bytes], bytes], error: Exception) -> bytes:
    if not isinstance(error, EXPECTED):
        exchange.crash = error
    return told(render(error, exchange)[2])


async def _recorded(request: Request, ask: Callable[[], AsyncGenerator[bytes]], work: Work) -> AsyncGenerator[bytes]:
    """The events, one or several at a time; what they used is on record before the last of them, or what took its
    place, is passed on. The span of the answer lasts as long as they do; the request, which may be large, is let go
    with the first of them."""
    passed_on = 0
    try:
        with inference_span(request, work.call):
            events, event = await _begun(request, ask, work)
            del request, ask
            async with aclosing(events):
                while event is not None:
                    if event == DONE:
                        work.end(passed_on or None)
                        await usage.journal.committed()
                    elif not passed_on:
                        work.begun()
                    passed_on += event.count(END)
                    yield event
                    event = None  # what is sent is not held while the next one is waited for
                    event = await anext(events, None)
                work.end(passed_on or None)
    except Exception as error:
        work.end(passed_on or None, error)
        await usage.journal.committed()
        raise
    except BaseException as error:
        work.end(passed_on or None, error)
        raise


async def _begun(
    request: Request, ask: Callable[[], AsyncGenerator[bytes]], work: Work
) -> tuple[AsyncGenerator[bytes], bytes | None]:
    """The events of whoever answers, and the first of them, None where there are none: nobody else is asked from then
    on."""
    while True:
        events = ask()
        try:
            return events, await anext(events, None)
        except APIError as error:
            if not await failover.goes_on(request, work, error):
                raise failover.told(work, error) from None
