"""Writes down how often flags answered: what listens to `features.exposures.exposed`."""

import threading
from collections.abc import Mapping
from itertools import islice
from typing import Any

import structlog
from django.db import Error, close_old_connections

from features.exposures import MOST, exposed
from features.models import ExposureCount
from features.models.exposures import Exposure

AT_ONCE = 5_000
"""Exposures in one transaction: others who write have to wait for it."""

log = structlog.get_logger(__name__)


class Recorder:
    """Holds what the database has not taken yet, and tries again whenever there is news."""

    def __init__(self) -> None:
        self._unwritten: dict[Exposure, int] = {}
        self._lock = threading.Lock()

    def listen(self) -> None:
        exposed.connect(self.write, dispatch_uid="features.recording")

    def write(self, counts: Mapping[Exposure, int], **_: Any) -> None:
        """Adds the counts, and those that were left, to what is in the database."""
        with self._lock:
            self._take(counts)
            if not self._unwritten:
                return
            close_old_connections()
            try:
                while self._unwritten:
                    batch = dict(islice(self._unwritten.items(), AT_ONCE))
                    ExposureCount.add(batch)
                    for exposure in batch:
                        del self._unwritten[exposure]
            except Error as error:
                log.warning("exposures_not_written", error=type(error).__name__, exposures=len(self._unwritten))
            finally:
                close_old_connections()

    def forget(self) -> None:
        """Drops what is not written, and waits for a write that is under way."""
        with self._lock:
            self._unwritten.clear()

    def _take(self, counts: Mapping[Exposure, int]) -> None:
        dropped = 0
        for exposure, number in counts.items():
            if exposure in self._unwritten or len(self._unwritten) < MOST:
                self._unwritten[exposure] = self._unwritten.get(exposure, 0) + number
            else:
                dropped += number
        if dropped:
            log.warning("exposures_dropped", exposures=dropped)


recorder = Recorder()
"""The one of this process."""
