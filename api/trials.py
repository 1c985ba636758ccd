"""Trying an upstream, and a model of it: what it offers, and whether it answers, with the time that it took.

It is asked once, past limits, books and flags, as staff ask for it: nothing is recorded as usage, for no project asked.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
from django.conf import settings

from api import trial_words as words
from api.backends.base import Call
from api.backends.registry import backend
from api.backends.upstream_connections import FAILURES, headers, url
from api.backends.upstream_keys import key_of
from api.catalog import Target
from api.exceptions import APIError, UpstreamError
from api.models import CAPABILITIES, Model, Upstream
from api.requests import ChatRequest, CompletionRequest, EmbeddingRequest, ModerationRequest, Sampling
from api.routing import ENDPOINTS
from lukhas_site.http.resolving import GuardedResolver

SAID = "Say OK."
MOST_BYTES = 4 * 1024 * 1024
NO_JSON = "What it answers is not what OpenAI's API answers."
NO_KEY = (
    "holds no key that can be sent: it is not set in the environment of this server, is one of its own settings, or is "
    "more than a line of plain characters."
)

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One request: what was asked, what came of it in words that hold no key, and the milliseconds it took. `status` is
    None where there was no answer, or none by HTTP; `offered` are the names of the models that were listed."""

    asked: str
    good: bool
    told: str
    milliseconds: int
    status: int | None = None
    offered: tuple[str, ...] = ()


async def attempt(upstream: Upstream, model: Model | None, called: str = "") -> tuple[Step, ...]:
    """Asks the upstream which models it has, and the model for one token, one vector or one judgement: for the
    first thing that it can do, under the name by which it is `called` there. All of it takes
    LUKHAS_UPSTREAM_TRY_SECONDS at most. Raises nothing."""
    target = target_of(upstream, model, called)
    deadline = asyncio.get_running_loop().time() + settings.LUKHAS_UPSTREAM_TRY_SECONDS
    capability = next((name for name in CAPABILITIES if name in target.capabilities), None)
    if upstream.kind != Upstream.Kind.OPENAI:
        return (await _embedded(target, capability, deadline),) if capability else ()
    try:
        key = key_of(target)
    except UpstreamError:
        return (Step("the key", False, f"{target.api_key_env} {NO_KEY}", 0),)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=GuardedResolver(), force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
    ) as session:
        trial = _Trial(session, target, key, deadline)
        steps = [await trial.ask("GET", "models", None, _offered)]
        if capability:
            steps.extend(await trial.ask_model(capability))
    return tuple(steps)


def target_of(upstream: Upstream, model: Model | None, called: str) -> Target:
    """Where, and as what, the model is reached at this upstream."""
    return Target(
        model=model.model_id if model else "",
        upstream=upstream.name,
        kind=upstream.kind,
        base_url=upstream.base_url.rstrip("/"),
        upstream_model=called,
        api_key_env=upstream.api_key_env,
        context_window=model.context_window if model else None,
        encoding=model.encoding if model else "cl100k_base",
        capabilities=model.capabilities if model else frozenset(),
    )


Told = tuple[bool, str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Trial:
    """One upstream that is being asked, until the deadline on the loop's clock."""

    session: aiohttp.ClientSession
    target: Target
    key: str
    deadline: float

    async def ask_model(self, capability: str) -> list[Step]:
        """Models that reason take another parameter than all others: they are asked again with that."""
        read = _answered(capability)
        body = body_of(capability, self.target.upstream_model)
        step = await self.ask("POST", ENDPOINTS[capability], body, read)
        if step.status != 400 or "max_completion_tokens" not in step.told:
            return [step]
        body["max_completion_tokens"] = body.pop("max_tokens")
        return [step, await self.ask("POST", ENDPOINTS[capability], body, read)]

    async def ask(self, method: str, path: str, body: Body | None, read: Callable[[Body], Told]) -> Step:
        begun, status = time.perf_counter(), None
        offered: tuple[str, ...] = ()
        try:
            async with asyncio.timeout_at(self.deadline):
                response = await self.session.request(
                    method,
                    url(self.target.base_url, path),
                    data=None if body is None else orjson.dumps(body),
                    headers=headers(self.key),
                    allow_redirects=False,
                )
                async with response:
                    status, content = response.status, await _content(response)
        except FAILURES as error:
            good, told = False, words.of_failure(error, settings.LUKHAS_UPSTREAM_TRY_SECONDS)
        else:
            if not 200 <= status < 300:
                good, told = False, words.of_status(status, response.headers, content, keyed=bool(self.key))
            else:
                answer = words.parsed(content)
                good, told, offered = (False, NO_JSON, ()) if answer is None else read(answer)
        shown = words.shortened(told, self.key)
        names = tuple(words.shortened(name, self.key) for name in offered)
        return Step(f"{method} /{path}", good, shown, _since(begun), status, names)


async def _content(response: aiohttp.ClientResponse) -> bytes:
    """The answer, of one that is too long its beginning."""
    content = bytearray()
    async for block in response.content.iter_any():
        content += block
        if len(content) > MOST_BYTES:
            break
    return bytes(content)


def _offered(answer: Body) -> Told:
    names = words.of_models(answer)
    if names is None:
        return False, NO_JSON, ()
    return True, f"It offers {len(names)} model{'' if len(names) == 1 else 's'}.", names


def _answered(capability: str) -> Callable[[Body], Told]:
    def read(answer: Body) -> Told:
        told = words.of_answer(capability, answer)
        return (False, NO_JSON, ()) if told is None else (True, told, ())

    return read


async def _embedded(target: Target, capability: str, deadline: float) -> Step:
    """A model that runs in this process is asked by its backend."""
    begun = time.perf_counter()
    try:
        async with asyncio.timeout_at(deadline):
            good, told, _ = _answered(capability)(orjson.loads(await _by_backend(target, capability)))
    except APIError as error:
        good, told = False, error.message
    except TimeoutError as error:
        good, told = False, words.of_failure(error, settings.LUKHAS_UPSTREAM_TRY_SECONDS)
    return Step(f"POST /{ENDPOINTS[capability]}", good, words.shortened(told, ""), _since(begun))


async def _by_backend(target: Target, capability: str) -> bytes:
    body, call, one = body_of(capability, target.model), Call(target), Sampling(max_tokens=1)
    answers = backend(target.kind)
    if capability == "chat":
        return await answers.chat(ChatRequest(target.model, tuple(body["messages"]), body, one), call)
    if capability == "completions":
        return await answers.complete(CompletionRequest(target.model, (SAID,), body, one), call)
    if capability == "embeddings":
        return await answers.embed(EmbeddingRequest(target.model, (SAID,), body), call)
    return await answers.moderate(ModerationRequest(target.model, ((SAID,),), body), call)


def body_of(capability: str, model: str) -> Body:
    """The smallest request there is."""
    if capability in ("embeddings", "moderations"):
        return {"model": model, "input": [SAID]}
    prompt = {"messages": [{"role": "user", "content": SAID}]} if capability == "chat" else {"prompt": SAID}
    return {"model": model, **prompt, "max_tokens": 1}


def _since(begun: float) -> int:
    """In milliseconds."""
    return round((time.perf_counter() - begun) * 1000)
