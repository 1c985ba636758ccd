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
import structlog
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler

from lukhas_site import telemetry

telemetry.configure()  # before any handler is built, or its middleware is not seen
django.setup(set_prefix=False)

from api import errors  # noqa: E402 - needs Django's apps to be ready
from api.backends import registry  # noqa: E402 - likewise
from api.backends.base import Backend  # noqa: E402 - likewise
from lukhas_site.http.edge import Edge  # noqa: E402 - likewise
from lukhas_site.http.exchange import Receive, Scope, Send  # noqa: E402 - likewise
from lukhas_site.http.handler import ApiHandler, settle_memory  # noqa: E402 - likewise

log = structlog.get_logger(__name__)


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
            self.loading = asyncio.create_task(preload())
        settle_memory()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self.loading is not None:
            self.loading.cancel()
        await registry.close()
        telemetry.flush()
        await send({"type": "lifespan.shutdown.complete"})


async def preload() -> None:
    """Loads the models that the catalog needs, one after the other; a request may come first and will wait."""
    try:
        waiting = await registry.waiting_to_load()
    except Exception as error:  # noqa: BLE001 - the server starts all the same, and /readyz tells
        log.error("models_not_loaded", error=repr(error))
        return
    for backend in waiting:
        await load(backend)


async def load(backend: Backend) -> None:
    """Loads one model off the event loop; a failure is logged, and told again to whoever asks the model."""
    name = type(backend).__name__
    try:
        await asyncio.to_thread(backend.load)
    except Exception as error:  # noqa: BLE001 - one model that cannot load must not take the others along
        log.error("model_not_loaded", backend=name, error=repr(error))
    else:
        log.info("model_loaded", backend=name)


application = Edge(Roof(), problem=errors.problem)
