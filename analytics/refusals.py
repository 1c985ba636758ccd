"""Requests that were refused before they reached a model: counted by reason, written every second behind what happens.

They are counted and not recorded, for whoever is refused can be refused as often as they like.
"""

import threading
from collections import Counter
from datetime import UTC, datetime
from time import time

import structlog
from django.db import DatabaseError, close_old_connections, connection, transaction

from analytics.models.usage import WORD_LENGTH
from analytics.records import cleaned

HOUR = 3600
STATEMENT = (
    "INSERT INTO analytics_refused (hour, project_id, endpoint, reason, count) VALUES (%s, %s, %s, %s, %s) "
    "ON CONFLICT (hour, project_id, endpoint, reason) DO UPDATE SET count = analytics_refused.count + excluded.count"
)

log = structlog.get_logger(__name__)

Kind = tuple[int, str, str, str]
"""The hour (in seconds since 1970), the project, the path and the reason."""


class Refusals:
    """What one process refused and the database has not been told."""

    def __init__(self) -> None:
        self._counts: Counter[Kind] = Counter()
        self._lock = threading.Lock()
        self._io = threading.Lock()

    def note(self, project_id: str, endpoint: str, reason: str) -> None:
        """Counts one. Never waits for the database."""
        kind = (int(time()) // HOUR * HOUR, project_id, endpoint, cleaned(reason, WORD_LENGTH))
        with self._lock:
            self._counts[kind] += 1

    def flush(self) -> None:
        """Writes what was counted. What cannot be written is kept for the next time."""
        with self._io:
            with self._lock:
                counts, self._counts = self._counts, Counter()
            if not counts:
                return
            close_old_connections()
            try:
                add(counts)
            except DatabaseError as error:
                with self._lock:
                    self._counts.update(counts)
                log.warning("refusals_not_written", error=type(error).__name__)
            finally:
                close_old_connections()

    def forget(self) -> None:
        """Waits for a write that is under way, and knows nothing any more."""
        with self._io, self._lock:
            self._counts.clear()


def add(counts: "Counter[Kind]") -> None:
    """Adds to what is counted, so that several processes may do it, in one transaction. Raises DatabaseError."""
    adapt = connection.ops.adapt_datetimefield_value
    # In one order, so that processes that write at the same time wait for each other instead of for ever.
    rows = [(adapt(datetime.fromtimestamp(hour, UTC)), *kind, count) for (hour, *kind), count in sorted(counts.items())]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(STATEMENT, rows)
