"""When keys were last used: noted as callers are looked up, and written once a second, for many keys at once."""

import threading
from datetime import datetime, timedelta

import structlog
from django.db import Error, close_old_connections, models

from accounts.limits.keeper import Keeper
from accounts.models import ApiKey

RECORDED_EVERY = timedelta(minutes=1)
"""A use this soon after the one that is written is not written: `last_used_at` is right to the minute."""
AT_ONCE = 500
"""Keys in one statement."""

log = structlog.get_logger(__name__)


class Uses:
    """What was used and is not written yet, by primary key."""

    def __init__(self) -> None:
        self.keeper = Keeper(self.flush, "uses")
        self._pending: dict[int, datetime] = {}
        self._lock = threading.Lock()
        self._io = threading.Lock()

    def note(self, key: ApiKey, now: datetime) -> None:
        """The key, as it was just read, was used `now`. Waits for nothing; a thread writes it within a second or so."""
        if key.last_used_at is None or now - key.last_used_at >= RECORDED_EVERY:
            with self._lock:
                self._pending[key.pk] = now
            self.keeper.start()

    def flush(self) -> None:
        """Writes what is noted; what the database does not take stays noted, and is tried again."""
        with self._io:
            with self._lock:
                noted, self._pending = self._pending, {}
            rest = sorted(noted.items())  # in one order: processes that write at once do not wait for each other
            if not rest:
                return
            close_old_connections()
            try:
                while rest:
                    self._write(dict(rest[:AT_ONCE]))
                    rest = rest[AT_ONCE:]
            except Error as error:
                with self._lock:
                    self._pending = dict(rest) | self._pending
                log.warning("key_uses_not_written", error=type(error).__name__, keys=len(rest))
            finally:
                close_old_connections()

    def forget(self) -> None:
        """Drops what is noted, and waits for a write that is under way."""
        with self._io, self._lock:
            self._pending.clear()

    @staticmethod
    def _write(used: dict[int, datetime]) -> None:
        """One statement. Not through the manager: that would forget every caller, and a use is no change."""
        moments = models.Case(*(models.When(pk=pk, then=models.Value(at)) for pk, at in used.items()))
        models.QuerySet(ApiKey).filter(pk__in=used).update(last_used_at=moments)


uses = Uses()
"""The uses of this process."""
