"""The same request twice, one answer: Idempotency-Key, after draft-ietf-httpapi-idempotency-key-header-07.

A key is of one principal: the owner of the API key in its project. Who asks first claims it in the shared cache, for as
long as the request is under way, and leaves the answer there; whoever asks again meanwhile or later, in whichever
process, is told so, or gets that answer. An answer that says that another try may do better (429, 5xx) is not left,
nor is one that holds a secret, nor any of a project that lets nothing be stored.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from redis.exceptions import RedisError

from accounts.authentication import principal_of
from accounts.models import Project
from accounts.principal import Principal
from analytics.policies import forbids_raw
from analytics.remembering import PerProject
from api.errors import render, translate
from api.exceptions import InvalidValue
from api.refusals import KeyInUse, KeyReused
from lukhas_site.http.exchange import Exchange, exchange_of

HEADER = "Idempotency-Key"
META = "HTTP_IDEMPOTENCY_KEY"
REPLAYED = "idempotent-replayed"
LONGEST_KEY = 255
LEASE_SECONDS = 60
"""After so long a claim ends whose process does no longer: a repeat has to wait no longer than that."""
RENEW_SECONDS = 20.0
MOST_BYTES = 2**18
"""Larger answers are not kept."""
KEPT_HEADERS = "x-lukhas-"
"""How headers begin that are part of an answer, beside its type."""

Answering = Callable[[], Awaitable[HttpResponseBase]]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claim:
    """That a request is under way; `request` is the digest of its path and body."""

    request: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered."""

    request: bytes
    status: int
    headers: Mapping[str, str]
    body: bytes


async def once(request: HttpRequest, answer: Answering) -> HttpResponseBase:
    """The answer that `answer` makes, or made when this key was first used.

    Raises InvalidValue for a key that cannot be, KeyInUse, KeyReused, and what `answer` raises where that is not kept.
    """
    key = request.META[META]
    check(key)
    caller, exchange = principal_of(request), exchange_of(request)
    if await unkept.get(caller.project_id or ""):
        return await answer()
    name = name_of(caller, key)
    claim = Claim(hashlib.sha256(request.path.encode() + b"\0" + request.body).digest())
    known = await asyncio.to_thread(take, name, claim)
    if known is None:
        return await _first(name, claim, answer, exchange)
    if known.request != claim.request:
        raise KeyReused
    if isinstance(known, Claim):
        raise KeyInUse
    exchange.facts["replayed"] = True
    return HttpResponse(known.body, status=known.status, headers={**known.headers, REPLAYED: "true"})


def check(key: str) -> None:
    """Raises InvalidValue for what is no key: printable ASCII, at most LONGEST_KEY characters."""
    if not key.strip() or len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise InvalidValue(
            f"{HEADER} must be printable ASCII, and from 1 to {LONGEST_KEY} characters long.", param=HEADER
        )


def name_of(caller: Principal, key: str) -> str:
    """Where the answer is kept. The key itself, which a caller may have made of anything, is not told by it."""
    of = "\0".join((caller.organization_id, caller.project_id or "", caller.owner_id, key))
    return f"idempotency:{hashlib.sha256(of.encode()).hexdigest()}"


def take(name: str, claim: Claim) -> Claim | Answer | None:
    """Claims the name, and returns None; or returns what stands there."""
    kept = caches["idempotency"]
    while not kept.add(name, claim, LEASE_SECONDS):
        if (known := kept.get(name)) is not None:
            found: Claim | Answer = known
            return found
    return None


async def _first(name: str, claim: Claim, answer: Answering, exchange: Exchange) -> HttpResponseBase:
    answered = asyncio.Event()
    renewing = asyncio.get_running_loop().create_task(_renew(name, answered))
    made: HttpResponseBase | None = None
    try:
        made = await _made(answer, exchange)
    finally:
        answered.set()
        await renewing  # a renewal that is under way would cut the life of what is left short
        await _leave(name, claim, made, exchange)
    return made


async def _made(answer: Answering, exchange: Exchange) -> HttpResponseBase:
    """The answer, or the error that is one. Raises what says that another try may do better, and crashes."""
    try:
        return await answer()
    except Exception as error:
        if not is_kept(translate(error, exchange).status_code):
            raise
        status, headers, body = render(error, exchange)
        return HttpResponse(body, status=status, headers=headers)


def is_kept(status: int) -> bool:
    """Whether an answer of this status is one for good."""
    return status < 500 and status != 429


async def _renew(name: str, answered: asyncio.Event) -> None:
    while not answered.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(RENEW_SECONDS):
                await answered.wait()
                return
        with suppress(RedisError):  # the next time may go well; if none does, the claim ends
            await asyncio.to_thread(caches["idempotency"].touch, name, LEASE_SECONDS)


async def _leave(name: str, claim: Claim, made: HttpResponseBase | None, exchange: Exchange) -> None:
    """Leaves the answer, or gives the claim back where there is none to be left. The answer is given all the same where
    the cache is away: then the claim stands until its lease ends."""
    kept = caches["idempotency"]
    try:
        if isinstance(made, HttpResponse) and not exchange.secret and len(made.content) <= MOST_BYTES:
            left = Answer(claim.request, made.status_code, headers_of(made, exchange), made.content)
            await asyncio.to_thread(kept.set, name, left, settings.LUKHAS_IDEMPOTENCY_SECONDS)
        else:
            await asyncio.to_thread(kept.delete, name)
    except RedisError as error:
        log.warning("idempotent_answer_not_kept", error=type(error).__name__)


def headers_of(made: HttpResponse, exchange: Exchange) -> dict[str, str]:
    """The headers that are given again: its type, and who answered."""
    of_answer = {name: value for name, value in exchange.headers.items() if name.startswith(KEPT_HEADERS)}
    return {"content-type": made.headers["content-type"], **of_answer}


def keeps_nothing(project_id: str) -> bool:
    """Whether data retention lets nothing of this project be stored: one query."""
    retention = ("data_retention", "organization__data_retention")
    found = Project.objects.filter(public_id=project_id).values_list(*retention).first()
    return found is not None and forbids_raw(*found)


unkept = PerProject[bool](keeps_nothing)
"""What this process remembers of it."""
