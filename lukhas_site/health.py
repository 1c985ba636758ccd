"""/healthz, /health and /readyz: is the process alive, and can it do its work?"""

import asyncio
import functools
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any

import orjson
from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse

from analytics import intake, usage
from analytics.journal import Journal
from api import catalog
from api.backends import registry
from api.breakers import breakers
from api.guardian.watching import watch as policies
from api.views import documentation as documented
from features.ruleset import FRESH, current, watch
from lukhas_site.http.views import AsyncAPIView
from lukhas_site.loading import loader

Check = Callable[[], Coroutine[Any, Any, str]]
TIMEOUT = 1.0


def guardian_state() -> dict[str, Any]:
    """Whether there are policies that may refuse requests, and which refusal was the last. Raises LookupError where
    that could never be read."""
    enabled, last = policies.state()
    at, reason = last or (None, None)
    return {"enabled": enabled, "last_veto_ts": at and at.isoformat(), "last_reason_code": reason}


class HealthView(AsyncAPIView):
    """Always 200 while the process answers."""

    authentication_classes = ()
    permission_classes = ()

    @documented.health("getHealthz")
    async def get(self, request: HttpRequest) -> HttpResponse:
        try:
            guardian = guardian_state()
        except Exception:  # noqa: BLE001 - whatever ails the guardian, the process is alive and has to say so
            guardian = {
                "enabled": False,
                "last_veto_ts": None,
                "last_reason_code": None,
                "error": "Failed to get guardian state",
            }
        return answer(
            200,
            {
                "status": "healthy",
                "timestamp": datetime.now(UTC).isoformat(),
                "version": settings.LUKHAS_VERSION,
                "lane": settings.LUKHAS_LANE,
                "guardian": guardian,
            },
        )


class HealthAliasView(HealthView):
    """/healthz by its other name."""

    @documented.health("getHealth")
    async def get(self, request: HttpRequest) -> HttpResponse:
        return await super().get(request)


class ReadyView(AsyncAPIView):
    """200 when the server can do its work, 503 with what is missing when it cannot. Runs no model."""

    authentication_classes = ()
    permission_classes = ()

    @documented.ready
    async def get(self, request: HttpRequest) -> HttpResponse:
        results = dict(zip(CHECKS, await asyncio.gather(*map(bounded, CHECKS.values())), strict=True))
        ready = all(result["ok"] for result in results.values())
        return answer(200 if ready else 503, {"status": "ready" if ready else "not ready", "checks": results})


async def bounded(check: Check) -> dict[str, Any]:
    """The outcome of one check: `ok` and a word on it. One that hangs is left alone after a second: waiting for it to
    be cancelled could take as long as it hangs."""
    asking = asyncio.ensure_future(check())
    asking.add_done_callback(lambda done: done.cancelled() or done.exception())
    await asyncio.wait({asking}, timeout=TIMEOUT)
    if not asking.done():
        asking.cancel()
        return {"ok": False, "detail": f"no answer within {TIMEOUT:g} s"}
    error = asking.exception()
    if error is None:
        return {"ok": True, "detail": asking.result()}
    return {"ok": False, "detail": str(error) if isinstance(error, NotReady) else type(error).__name__}


class NotReady(Exception):
    """A check's plain answer that something is missing; its text is shown."""


class InThread:
    """A check that blocks, asked in a thread of its own: one that hangs keeps neither a request's thread nor the end
    of the process waiting. While it hangs, those who ask again wait for the same answer."""

    def __init__(self, ask: Callable[[], str]) -> None:
        self._ask = ask
        self._answer: Future[str] | None = None

    async def __call__(self) -> str:
        answer = self._answer
        if answer is None or answer.done():
            answer = self._answer = Future()
            answer.set_running_or_notify_cancel()  # from now on nobody who gives up takes it from the others
            threading.Thread(target=self._run, args=(answer,), name="readyz", daemon=True).start()
        return await asyncio.wrap_future(answer)

    def _run(self, answer: "Future[str]") -> None:
        try:
            answer.set_result(self._ask())
        except BaseException as error:  # noqa: BLE001 - raised again where the answer is awaited
            answer.set_exception(error)


def ask_database() -> str:
    """Takes a connection that is open, where there is a pool, and gives it back."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()
    return connection.vendor


def ask_migrations() -> str:
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    finally:
        connection.close()
    if waiting:
        raise NotReady(f"{len(waiting)} not applied: run manage.py migrate")
    return "applied"


@functools.cache
def the_cache() -> BaseCache:
    """The default cache for whichever thread asks. Django makes one a thread, each with connections of its own."""
    return caches.create_connection("default")


def ask_cache() -> str:
    the_cache().set("readyz", 1, 10)
    if the_cache().get("readyz") != 1:
        raise NotReady("does not keep what it is given")
    return str(settings.CACHES["default"]["BACKEND"]).rsplit(".", 1)[-1]


class Once:
    """A check that is asked until it is content; from then on it stays so."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._answer: str | None = None

    async def __call__(self) -> str:
        if self._answer is None:
            self._answer = await self._check()
        return self._answer


async def models() -> str:
    """Whether the embedded models of the catalog can answer without being loaded first."""
    missing = await registry.not_loaded()
    if missing and settings.LUKHAS_PRELOAD_MODELS:
        if not loader.finished:
            raise NotReady(f"loading: {', '.join(missing)}")
        failed = [f"{kind} ({loader.failed[kind]})" for kind in missing if kind in loader.failed]
        if failed:
            raise NotReady(f"cannot be loaded: {', '.join(failed)}")
    return f"loaded on first use: {', '.join(missing)}" if missing else "loaded"


async def flags() -> str:
    """Whether the feature flags are current. Stale ones go on answering."""
    if watch.age > FRESH:
        try:
            await asyncio.shield(asyncio.wrap_future(watch.look()))
        except DatabaseError as error:
            known = watch.rulesets
            if known is None:
                raise
            told = f"stale: answering with version {known.version}, as read {watch.age:.0f} s ago"
            raise NotReady(told) from error
    return f"version {(await current()).version}"


async def journal() -> str:
    """Whether requests can be written down, and how much of it waits for the database."""
    return state_of(usage.journal)


async def events() -> str:
    """The same of events, which are in their journal only while the database is away."""
    return state_of(intake.journal)


def state_of(waiting: Journal) -> str:
    """How much waits in a journal. Raises NotReady where it takes nothing in."""
    told = f"{waiting.backlog} bytes wait, the oldest for {waiting.oldest:.0f} s" if waiting.backlog else "empty"
    if waiting.refusing:
        raise NotReady(f"{waiting.refusing}; {told}")
    return told


async def upstreams() -> str:
    """Which models have deployments that are left alone because they fail. The server is ready for all that: others
    answer meanwhile, or callers are told when to come back."""
    places = {target.model: target.places for target in (await catalog.current()).targets.values()}
    told = []
    for model, known in places.items():
        if failing := sum(breakers.state(place) != "closed" for place in known):
            told.append(f"{model} ({failing} of {len(known)})")
    return f"degraded, left alone for failing: {', '.join(told)}" if told else "none is left alone"


CHECKS: Mapping[str, Check] = {
    "database": InThread(ask_database),
    "cache": InThread(ask_cache),
    "migrations": Once(InThread(ask_migrations)),
    "models": models,
    "upstreams": upstreams,
    "flags": flags,
    "journal": journal,
    "events": events,
}


def answer(status: int, body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(
        orjson.dumps(body), status=status, content_type="application/json", headers={"Cache-Control": "no-store"}
    )
