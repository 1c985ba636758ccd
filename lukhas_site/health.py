"""/healthz, /health and /readyz: is the process alive, and can it do its work?"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema

from api.backends import registry
from lukhas_site.http.orm import in_database
from lukhas_site.http.views import AsyncAPIView

Check = Callable[[], Awaitable[str]]
TIMEOUT = 1.0


def guardian_state() -> dict[str, Any]:
    """What the guardian last did. There is none yet, and it says so: see docs/roadmap.md."""
    return {"enabled": False, "last_veto_ts": None, "last_reason_code": None}


class HealthView(AsyncAPIView):
    """Always 200 while the process answers."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(operation_id="health", tags=["Health"], request=None, responses={200: dict}, auth=[])
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


class ReadyView(AsyncAPIView):
    """200 when the server can do its work, 503 with what is missing when it cannot. Runs no model."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(operation_id="ready", tags=["Health"], request=None, responses={200: dict, 503: dict}, auth=[])
    async def get(self, request: HttpRequest) -> HttpResponse:
        results = dict(zip(CHECKS, await asyncio.gather(*map(bounded, CHECKS.values())), strict=True))
        ready = all(result["ok"] for result in results.values())
        return answer(200 if ready else 503, {"status": "ready" if ready else "not ready", "checks": results})


async def bounded(check: Check) -> dict[str, Any]:
    """The outcome of one check: `ok` and a word on it. A check that hangs is cut off after a second."""
    try:
        return {"ok": True, "detail": await asyncio.wait_for(check(), TIMEOUT)}
    except TimeoutError:
        return {"ok": False, "detail": f"no answer within {TIMEOUT:g} s"}
    except Exception as error:  # noqa: BLE001 - any failure of a check is its result
        return {"ok": False, "detail": type(error).__name__ if not isinstance(error, NotReady) else str(error)}


class NotReady(Exception):
    """A check's plain answer that something is missing; its text is shown."""


def _ask_database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return connection.vendor


def _ask_migrations() -> str:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        raise NotReady(f"{len(waiting)} not applied: run manage.py migrate")
    return "applied"


async def database() -> str:
    return await in_database(_ask_database)


_migrated: list[str] = []


async def migrations() -> str:
    """Asked until they are applied; from then on they stay so."""
    if not _migrated:
        _migrated.append(await in_database(_ask_migrations))
    return _migrated[0]


async def shared_cache() -> str:
    await cache.aset("readyz", 1, 10)
    if await cache.aget("readyz") != 1:
        raise NotReady("does not keep what it is given")
    return str(settings.CACHES["default"]["BACKEND"]).rsplit(".", 1)[-1]


async def models() -> str:
    """Whether every embedded model in the catalog can answer without being loaded first."""
    missing = await registry.not_loaded()
    if missing and settings.LUKHAS_PRELOAD_MODELS:
        raise NotReady(f"loading: {', '.join(missing)}")
    return "loaded" if not missing else "loaded on first use"


CHECKS: Mapping[str, Check] = {
    "database": database,
    "cache": shared_cache,
    "migrations": migrations,
    "models": models,
}


def answer(status: int, body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(
        orjson.dumps(body), status=status, content_type="application/json", headers={"Cache-Control": "no-store"}
    )
