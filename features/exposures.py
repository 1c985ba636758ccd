"""How often each flag answered what, and who got it of flags that ask for that: kept in memory, and told in batches by
the one signal of this app.

Counting costs well under a microsecond and asks no database. A thread tells what was counted every few seconds, and
once more when the process ends; what a crash takes is what was counted since.
"""

import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from time import time

import structlog
from django.dispatch import Signal

from accounts.limits.keeper import Keeper
from features.evaluation import Evaluation
from features.loading import Stage
from features.models.exposures import Exposure
from features.units import Seen, unit_of

EVERY = 5.0
"""Seconds between two batches."""
MOST = 100_000
"""Different exposures that are held at a time, and as many raw ones. What would be one more is dropped, and that is
logged."""
HOUR = 3600

exposed = Signal()
"""Sent by a thread every few seconds while there are exposures, and never while an answer is waited for.

`counts` are those since the last time: a mapping of `Exposure` to how many. `seen` are the raw ones, of flags that ask
for them: a mapping of `Seen` to when that was first, in seconds since 1970. Both may be empty: a receiver that has not
done yet what it was to do, such as writing while the database was away, is given the time to. What a receiver raises
is logged, and keeps no other from being told.
"""

log = structlog.get_logger(__name__)


class Exposures:
    """What was counted and is not told yet."""

    def __init__(self) -> None:
        self.keeper = Keeper(self.flush, "exposures", EVERY)
        self._counts: dict[tuple[str, str, str, str, str, int], int] = {}
        self._seen: dict[Seen, float] = {}
        self._dropped = 0
        self._lock = threading.Lock()
        self._telling = threading.Lock()

    def count(
        self, stage: Stage, key: str, found: Evaluation, context: object = None, project: str | None = None
    ) -> None:
        """The flag of this stage answered so, to this context. A key that no flag has is not counted: callers make
        those up. `project` is the public id of who asked; without one it is not kept who that was."""
        if key in stage.ruleset.flags:
            now = time()
            raw = self._raw(stage, {key: found}, context, project) if project and stage.ruleset.raw else ()
            with self._lock:
                self._add(
                    (stage.organization, stage.environment, key, found.variant or "", found.reason, int(now) // HOUR)
                )
                if raw:
                    self._see(raw, now)
            if not self.keeper.started:
                self._start()

    def count_all(
        self, stage: Stage, answers: Mapping[str, Evaluation], context: object = None, project: str | None = None
    ) -> None:
        """All flags of this stage answered so, likewise."""
        now = time()
        organization, environment, hour = stage.organization, stage.environment, int(now) // HOUR
        raw = self._raw(stage, answers, context, project) if project and stage.ruleset.raw else ()
        with self._lock:
            for key, found in answers.items():
                self._add((organization, environment, key, found.variant or "", found.reason, hour))
            if raw:
                self._see(raw, now)
        if not self.keeper.started:
            self._start()

    def _add(self, exposure: tuple[str, str, str, str, str, int]) -> None:
        try:
            self._counts[exposure] += 1
        except KeyError:
            if len(self._counts) < MOST:
                self._counts[exposure] = 1
            else:
                self._dropped += 1

    def _raw(self, stage: Stage, answers: Mapping[str, Evaluation], context: object, project: str) -> list[Seen]:
        """Who got which variants of flags that ask for that. Answers without a variant are none."""
        unit = unit_of(context)
        if not unit:
            return []
        return [
            Seen(stage.organization, project, stage.environment, key, found.variant, unit)
            for key, found in answers.items()
            if key in stage.ruleset.raw and found.variant is not None
        ]

    def _see(self, raw: Iterable[Seen], now: float) -> None:
        for each in raw:
            if each not in self._seen and len(self._seen) >= MOST:
                self._dropped += 1
            else:
                self._seen.setdefault(each, now)

    def flush(self) -> None:
        """Tells what was counted. Whoever else does so waits until this is done."""
        with self._telling:
            with self._lock:
                counts, self._counts = self._counts, {}
                seen, self._seen = self._seen, {}
                dropped, self._dropped = self._dropped, 0
            if dropped:
                log.warning("exposures_dropped", exposures=dropped)
            exposed.send_robust(
                Exposures,
                counts={
                    Exposure(*exposure[:5], datetime.fromtimestamp(exposure[5] * HOUR, UTC)): number
                    for exposure, number in counts.items()
                },
                seen=seen,
            )

    def forget(self) -> None:
        """Drops what was counted, and waits for those who are being told."""
        with self._telling, self._lock:
            self._counts, self._seen, self._dropped = {}, {}, 0

    def _start(self) -> None:
        try:
            self.keeper.start()
        except RuntimeError as error:  # no thread is to be had: the next one that counts tries again
            log.warning("exposures_not_kept", error=str(error))


exposures = Exposures()
"""Those of this process."""
