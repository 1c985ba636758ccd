"""What stands behind the edge: Django's handler for the staff pages, and the lean one for the API.

Django's apps must be ready before this is imported.
"""

import asyncio
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.handlers.asgi import ASGIHandler

from accounts.alerts.watching import watch
from accounts.limits.gate import gate
from accounts.pages import pages
from accounts.uses import uses
from analytics import intake, usage
from analytics.rollout_guard import guarding
from analytics.visits import deriving
from api.backends import registry
from api.guardian.recording import vetoes
from api.guardian.watching import watch as policies
from features import ruleset
from features.exposures import exposures
from features.ofrep.streams import streams
from lukhas_site import memory, telemetry
from lukhas_site.ending import told_of_the_end
from lukhas_site.http.exchange import Receive, Scope, Send
from lukhas_site.http.guard import guard, guard_refused
from lukhas_site.http.handler import ApiHandler, settle_memory
from lukhas_site.http.sse import opened
from lukhas_site.loading import loader
from lukhas_site.metrics import gauges

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider


class Roof:
    """Chooses who answers by the path, and starts and stops the process's own work.

    `tracing` is what has to be flushed at the end, where there is tracing.
    """

    pages = staticmethod(pages.origins)
    """For the edge: the origins that browsers may call the paths of publishable keys from."""
    STAFF = (settings.STATIC_URL, "/admin", "/docs", "/redoc", "/invites")

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
            await guard_refused(scope)

    async def lifespan(self, receive: Receive, send: Send) -> None:
        """The ASGI lifespan protocol: loads the models, watches spending and rollouts, records usage, events and visits
        beside serving, and closes what is open at the end."""
        await receive()
        if settings.LUKHAS_PRELOAD_MODELS:
            self.loading = asyncio.create_task(loader.run())
        ruleset.watch.start()
        policies.keeper.start()
        settle_memory()
        watch.keeper.start()
        usage.start()
        intake.start()
        deriving.keeper.start()
        gauges.start()
        memory.keeper.start()
        if settings.LUKHAS_ROLLOUT_KEEPER:
            guarding.keeper.start()
        await send({"type": "lifespan.startup.complete"})
        with told_of_the_end(self.ending):
            await receive()
        if self.loading is not None:
            self.loading.cancel()
        await asyncio.to_thread(gauges.keeper.stop)
        await asyncio.to_thread(memory.keeper.stop)
        await registry.close()
        await gate.close()
        await asyncio.to_thread(watch.keeper.stop)  # after the last spending was written
        await asyncio.to_thread(guarding.keeper.stop)
        await asyncio.to_thread(uses.keeper.stop)
        await asyncio.to_thread(exposures.keeper.stop)
        await asyncio.to_thread(ruleset.watch.stop)
        await asyncio.to_thread(policies.keeper.stop)
        await asyncio.to_thread(vetoes.keeper.stop)
        await asyncio.to_thread(usage.stop)
        await asyncio.to_thread(intake.stop)
        await asyncio.to_thread(deriving.keeper.stop)
        if self.tracing is not None:
            await asyncio.to_thread(telemetry.flush, self.tracing)
        await send({"type": "lifespan.shutdown.complete"})

    def ending(self) -> None:
        """Streams of flags end at once, for they would never; all others when the time of grace is over."""
        streams.close()
        asyncio.get_running_loop().call_later(settings.LUKHAS_GRACE_SECONDS, opened.end)
