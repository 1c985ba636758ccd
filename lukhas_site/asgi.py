"""The ASGI application: the edge around everything, then the staff pages or the API.

Edge                       ids, timing, security headers, body limit, compression, CORS, one log line
└── Roof                   start and stop, and which of the two answers
    ├── Django's handler   /admin/…, /docs, /redoc and /static/…, with sessions and CSRF protection
    └── ApiHandler         everything else, with the short chain of middleware
"""

import asyncio
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lukhas_site.settings")

import django
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler

from lukhas_site import telemetry

TRACING = telemetry.configure()  # before any handler is built, or its middleware is not seen
django.setup(set_prefix=False)

from api import errors  # noqa: E402 - needs Django's apps to be ready
from api.backends import registry  # noqa: E402 - likewise
from lukhas_site.http.edge import Edge  # noqa: E402 - likewise
from lukhas_site.http.exchange import Receive, Scope, Send  # noqa: E402 - likewise
from lukhas_site.http.handler import ApiHandler, settle_memory  # noqa: E402 - likewise
from lukhas_site.loading import loader  # noqa: E402 - likewise


class Roof:
    """Chooses who answers by the path, and starts and stops the process's own work."""

    STAFF = (settings.STATIC_URL, "/admin", "/docs", "/redoc")

    def __init__(self) -> None:
        self.api = ApiHandler()
        self.staff = ASGIHandler()
        self.loading: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.lifespan(receive, send)
        elif scope["path"].startswith(self.STAFF) or scope["path"] == "/":
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
        if TRACING is not None:
            await asyncio.to_thread(telemetry.flush, TRACING)
        await send({"type": "lifespan.shutdown.complete"})


application = Edge(Roof(), problem=errors.problem)
