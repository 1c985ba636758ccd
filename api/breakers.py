"""Circuit breakers: a deployment that keeps failing is left alone for a while. Each process knows its own.

    closed      requests are sent there. Failures are counted from the first one on, for a window of time
    open        enough failed, and no more were answered than failed: nobody is sent there
    half-open   the time is over: one request tries, the others still go elsewhere. It closes the breaker, or opens it
                again. Where none comes for as long as failures count, it closes, too

Nothing is kept of a deployment that does not fail, so that a request which finds `troubled` empty has nothing to do.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import structlog
from django.conf import settings

from api.catalog import Place

State = Literal["closed", "open", "half-open"]

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Trouble:
    """What is known of a deployment that failed lately. Times are those of the clock; `until` is when the breaker is no
    longer open, None while it is closed; `trying` says that a request is there to find out."""

    since: float
    failed: int = 0
    answered: int = 0
    until: float | None = None
    trying: bool = False


class Breakers:
    """The breakers of this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.troubled: dict[Place, Trouble] = {}
        self._clock = clock

    def state(self, place: Place) -> State:
        trouble = self.troubled.get(place)
        if trouble is None or trouble.until is None:
            return "closed"
        return "half-open" if self._clock() >= trouble.until else "open"

    def admits(self, place: Place) -> bool:
        """Whether a request may be sent there now."""
        state = self.state(place)
        return state == "closed" or (state == "half-open" and not self.troubled[place].trying)

    def enter(self, place: Place) -> bool:
        """A request that was admitted goes there. Returns whether it is the one that tries, and so has to `leave`."""
        if self.state(place) != "half-open":
            return False
        self.troubled[place].trying = True
        _log("half-open", place)
        return True

    def leave(self, place: Place) -> None:
        """The one that tried comes back, and may not have found anything out: then the next one tries."""
        if place in self.troubled:
            self.troubled[place].trying = False

    def answered(self, place: Place) -> None:
        """The deployment works: it answered, if only to refuse."""
        self._forget_what_is_over()
        trouble = self.troubled.get(place)
        if trouble is None:
            return
        if trouble.until is None:
            trouble.answered += 1
        elif trouble.trying:
            self._close(place)

    def failed(self, place: Place) -> None:
        """The deployment did not answer, or answered nonsense."""
        self._forget_what_is_over()
        trouble = self.troubled.setdefault(place, Trouble(self._clock()))
        trouble.failed += 1
        many = trouble.failed >= settings.LUKHAS_BREAKER_FAILURES and trouble.failed >= trouble.answered
        if trouble.trying or (trouble.until is None and many):
            trouble.until = self._clock() + settings.LUKHAS_BREAKER_OPEN_SECONDS
            trouble.trying = False
            _log("open", place, failures=trouble.failed, seconds=settings.LUKHAS_BREAKER_OPEN_SECONDS)

    def wait(self, places: Iterable[Place]) -> float:
        """In how many seconds the first of these may be tried again; at once where one is not open."""
        ends = [self.troubled[place].until or 0.0 if place in self.troubled else 0.0 for place in places]
        return max(0.0, min(ends) - self._clock())

    def forget(self) -> None:
        self.troubled.clear()

    def _forget_what_is_over(self) -> None:
        """Deployments that nobody asks may be gone: they are not kept for ever."""
        began = self._clock() - settings.LUKHAS_BREAKER_WINDOW_SECONDS
        for place, trouble in list(self.troubled.items()):
            if not trouble.trying and (trouble.until or trouble.since) < began:
                self._close(place)

    def _close(self, place: Place) -> None:
        if self.troubled.pop(place).until is not None:
            _log("closed", place)


def _log(state: State, place: Place, **facts: float) -> None:
    model, upstream, upstream_model = place
    log.warning("breaker_changed", state=state, model=model, upstream=upstream, upstream_model=upstream_model, **facts)


breakers = Breakers()
