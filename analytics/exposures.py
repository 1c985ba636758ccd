"""Keeps raw exposures: listens to `features.exposures.exposed`, and writes who got which variant, as identities.

The texts that units come as stay in memory until then, and nowhere else. Where a project keeps no single events, by its
policy or its data retention, nothing is written.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import structlog
from django.db import Error, close_old_connections

from accounts.models import Project
from analytics.identities import identity
from analytics.models import Erasure, RawExposure
from analytics.models.exposures import Unit
from analytics.policies import policies
from features.exposures import MOST, exposed
from features.units import Seen

AT_ONCE = 5_000
"""Rows in one transaction: others who write have to wait for it."""

log = structlog.get_logger(__name__)


class Keeping:
    """Holds what the database has not taken yet, and tries again whenever there is news."""

    def __init__(self) -> None:
        self._unwritten: dict[Seen, float] = {}
        self._lock = threading.Lock()

    def listen(self) -> None:
        exposed.connect(self.write, dispatch_uid="analytics.exposures")

    def write(self, seen: Mapping[Seen, float], **_: Any) -> None:
        """Writes these, and those that were left."""
        with self._lock:
            self._take(seen)
            if not self._unwritten:
                return
            close_old_connections()
            try:
                while self._unwritten:
                    batch = dict(islice(self._unwritten.items(), AT_ONCE))
                    RawExposure.keep(unerased(units(batch.items())))
                    for each in batch:
                        del self._unwritten[each]
            except Error as error:
                log.warning("raw_exposures_not_written", error=type(error).__name__, exposures=len(self._unwritten))
            finally:
                close_old_connections()

    def forget(self) -> None:
        """Drops what is not written, and waits for a write that is under way."""
        with self._lock:
            self._unwritten.clear()

    def _take(self, seen: Mapping[Seen, float]) -> None:
        dropped = 0
        for each, at in seen.items():
            if each in self._unwritten or len(self._unwritten) < MOST:
                self._unwritten.setdefault(each, at)
            else:
                dropped += 1
        if dropped:
            log.warning("raw_exposures_dropped", exposures=dropped)


def unerased(found: Iterable[Unit]) -> list[Unit]:
    """Returns those who were not erased since they were seen. Raises django.db.Error."""
    people = [(unit, (unit.project, Erasure.Kind.PERSON.value, unit.unit)) for unit in found]
    erased = Erasure.moments([whose for _, whose in people])
    return [unit for unit, whose in people if whose not in erased or unit.first_seen_at > erased[whose]]


def units(seen: Iterable[tuple[Seen, float]]) -> Iterator[Unit]:
    """The rows to keep; without those of projects that are gone, or keep nothing of single people. Raises
    django.db.Error."""
    for each, at in seen:
        if not policies.get_blocking(each.project).keeps_raw:
            continue
        try:
            unit = identity(each.project, each.unit)
        except Project.DoesNotExist:
            continue
        yield Unit(*each[:5], unit, datetime.fromtimestamp(at, UTC))


keeping = Keeping()
"""The one of this process."""
