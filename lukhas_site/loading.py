"""Loading the embedded models beside serving, so that nobody's first request has to wait for them."""

import asyncio

import structlog

from api.backends import registry
from lukhas_site import memory

RETRY_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Loader:
    """Loads what the catalog needs when the server starts, once. A request may come first, and then waits.

    `finished` once every model was tried; `failed` holds why one could not be loaded, by the kind of its backend. A
    model that staff enable later is loaded by the first request for it.
    """

    def __init__(self) -> None:
        self.finished = False
        self.failed: dict[str, str] = {}

    async def run(self) -> None:
        """Loads one model after the other, off the event loop. A failure is logged and does not stop the others."""
        for kind in await self._needed():
            try:
                await asyncio.to_thread(registry.backend(kind).load)
            except Exception as error:  # noqa: BLE001 - one model that cannot load must not take the others along
                self.failed[kind] = type(error).__name__
                log.error("model_not_loaded", kind=kind, error=repr(error))
            else:
                log.info("model_loaded", kind=kind)
        await asyncio.to_thread(memory.trim)
        self.finished = True

    async def _needed(self) -> list[str]:
        """The kinds to load; asked until the database tells, for it may come up after this process."""
        said = False
        while True:
            try:
                return await registry.not_loaded()
            except Exception as error:  # noqa: BLE001 - whatever it is, the server starts all the same
                if not said:
                    log.error("models_not_known", error=repr(error))
                said = True
            await asyncio.sleep(RETRY_SECONDS)


loader = Loader()
"""The one of this process."""
