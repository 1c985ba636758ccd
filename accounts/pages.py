"""The origins of pages that some publishable key may be used on, for CORS: one immutable set a process.

It is at most four seconds old when a request asks for it, however many ask, so that requests cost no SQL; a key that
is made, changed or ended anywhere is known by then. While the database is away, the last set goes on answering. CORS
lets a browser's page ask and read; what a key may do on it, authentication says.
"""

import time
from collections.abc import Callable

import structlog
from django.db import Error
from django.utils import timezone

from accounts.models import ApiKey
from lukhas_site.http.orm import in_database

MAX_AGE = 4.0

log = structlog.get_logger(__name__)


def read() -> frozenset[bytes]:
    """Reads the origins of all publishable keys that have not ended, as browsers send them: one query."""
    keys = ApiKey.objects.filter(is_publishable=True, project__archived_at__isnull=True).open(timezone.now())
    lists = keys.order_by().values_list("origins", flat=True)
    return frozenset(origin.encode() for origins in lists for origin in origins)


class Pages:
    """The process's set. One reader refreshes it while the others go on with the old one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.known: frozenset[bytes] | None = None
        self.read_at = 0.0
        self.refreshing = False

    async def origins(self) -> frozenset[bytes]:
        """Returns the set; an empty one where it could never be read."""
        known = self.known
        if known is not None and (self.refreshing or self.clock() - self.read_at < MAX_AGE):
            return known
        at = self.clock()
        self.refreshing = True
        try:
            fresh = await in_database(read)
        except Error as error:
            log.warning("pages_not_refreshed", error=type(error).__name__)
            fresh = known or frozenset()
        finally:
            self.refreshing = False
        self.known, self.read_at = fresh, at
        return fresh

    def forget(self) -> None:
        """Drops the set."""
        self.known = None


pages = Pages()
"""The set of this process."""
