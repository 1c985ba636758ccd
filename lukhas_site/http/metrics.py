"""What Prometheus is told of every request. Names and units follow its conventions.

Labels are patterns of routes, known methods and statuses, of which there are few, never what a caller makes up.
"""

from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import Generic, TypeVar

from prometheus_client import Counter, Histogram

T = TypeVar("T")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
"""Stands for what is not told apart, so that callers cannot make up labels."""
SECONDS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Upper bounds of the buckets of every histogram of times."""

requests = Counter(
    "lukhas_http_requests",
    "Requests that were answered; status 499 where the caller hung up first.",
    ["method", "route", "status"],
)
durations = Histogram(
    "lukhas_http_request_duration_seconds",
    "From when a request came in to the last byte of its answer, the end of a stream included.",
    ["method", "route"],
    buckets=SECONDS,
)


class Batch(Generic[T]):
    """What is counted later, many at once: one by one, between all else that a request takes, each costs several times
    as much. Any thread may add to it, and flush it."""

    AT_ONCE = 256

    def __init__(self, count: Callable[[T], None]) -> None:
        self._count = count
        self._waiting: deque[T] = deque()

    def add(self, one: T) -> None:
        self._waiting.append(one)
        if len(self._waiting) >= self.AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Counts what waits."""
        while True:
            try:
                one = self._waiting.popleft()
            except IndexError:
                return
            self._count(one)


def observe(method: str, route: str | None, status: int, seconds: float) -> None:
    """Counts one request. `route` is the pattern of its path; None where no route was found."""
    batch.add((method, route, status, seconds))


def _count(request: tuple[str, str | None, int, float]) -> None:
    counter, histogram = _of(*request[:3])
    counter.inc()
    histogram.observe(request[3])


batch = Batch(_count)


@lru_cache(maxsize=4096)
def _of(method: str, route: str | None, status: int) -> tuple[Counter, Histogram]:
    """The counter and the histogram of requests of one kind: found once, for finding them costs as much as counting."""
    if method not in METHODS:
        method = OTHER
    told = route or OTHER
    return requests.labels(method, told, str(status)), durations.labels(method, told)
