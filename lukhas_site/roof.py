"""What stands behind the edge: Django's handler for the staff pages, and the lean one for the API.

Django's apps must be ready before this is imported.
"""

import asyncio
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.handlers.asgi import ASGIHandler

from accounts.limits.gate import gate
from api.backends import registry
from lukhas_site import telemetry
from lukhas_site.http.exchange import Receive, Scope, Send
from lukhas_site.http.guard import guard
from lukhas_site.http.handler import ApiHandler, settle_memory
from lukhas_site.loading import loader

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider


class Roof:
    """Chooses who answers by the path, and starts and stops the process's own work.

    `tracing` is what has to be flushed at the end, where there is tracing.
    """

    STAFF = (settings.STATIC_URL, "/admin", "/docs", "/redoc")

    def __init__(self, tracing: "TracerProvider | None" = None) -> None:
        self.tracing = tracing
        self.api = ApiHandler()
        self.staff = ASGIHandler()
        self.loading: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.lifespan(receive, send)
            return
        await guard(scope)
        if scope["path"].startswith(self.STAFF) or scope["path"] == "/":
            await self.staff(scope, receive, send)
        else:
            await self.api(scope, receive, send)

    async def lifespan(self, receive: Receive, send: Send) -> None:
        """The ASGI lifespan protocol: loads the models beside serving, closes what is open at the end."""
        await receive()
        if settings.LUKHAS_PRELOAD_MODELS:
            self.loading = asyncio.create_task(loader.run())
        settle_memory()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self.loading is not None:
            self.loading.cancel()
        await registry.close()
        await gate.close()
        if self.tracing is not None:
            await asyncio.to_thread(telemetry.flush, self.tracing)
        await send({"type": "lifespan.shutdown.complete"})
