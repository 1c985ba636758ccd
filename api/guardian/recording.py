"""The veto log of this process, on its way to the database: written every second behind what happens."""

import threading
from collections import deque

import structlog
from django.db import DatabaseError, close_old_connections

from accounts.limits.keeper import Keeper
from analytics.policies import keeping_nothing
from api.models import Veto

MOST = 10_000
"""Vetoes that may wait. Whoever is refused can be refused as often as they like; what would be one more is counted by
the metrics, and not written down."""

log = structlog.get_logger(__name__)


class Vetoes:
    """What one process vetoed and the database has not been told."""

    def __init__(self) -> None:
        self.keeper = Keeper(self.flush, "vetoes")
        self._waiting: deque[Veto] = deque()
        self._dropped = 0
        self._writing = threading.Lock()

    def note(self, veto: Veto) -> None:
        """Keeps one to be written. Never waits for the database."""
        if len(self._waiting) >= MOST:
            self._dropped += 1
            return
        self._waiting.append(veto)
        self.keeper.start()

    def flush(self) -> None:
        """Writes what waits, but for what is of projects that keep nothing. What cannot be written waits on."""
        with self._writing:
            if self._dropped:
                log.warning("vetoes_dropped", vetoes=self._dropped)
                self._dropped = 0
            found = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if not found:
                return
            close_old_connections()
            try:
                nothing = set(keeping_nothing())
                Veto.objects.bulk_create([veto for veto in found if veto.project_id not in nothing], batch_size=1_000)
            except DatabaseError as error:
                self._waiting.extendleft(reversed(found))
                log.warning("vetoes_not_written", error=type(error).__name__)
            finally:
                close_old_connections()

    def forget(self) -> None:
        """Waits for a write that is under way, and knows nothing any more."""
        with self._writing:
            self._waiting.clear()
            self._dropped = 0


vetoes = Vetoes()
"""Those of this process."""
