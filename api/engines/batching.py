"""Gathers what many callers ask of an engine at once into shared batches, run on threads of its own.

Nothing waits for company: a thread that is idle starts with what there is, and what arrives while all are busy forms
the next batches. Under load that fills batches as well as a fixed wait would; without load a wait is pure delay.

A `Batcher` belongs to no event loop: callers of several loops, at once or one loop after the other, share it. Its
threads start with the first call, so that a process may fork before.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from typing import Generic, TypeVar

from api.exceptions import Overloaded

T = TypeVar("T")
R = TypeVar("R")

logger = logging.getLogger(__name__)

_TURN = 8
"""Items that one call may place in batches before the next call has its turn."""
_LONGEST_RETRY_AFTER = 30


class EngineFailure(RuntimeError):
    """The engine raised something that cannot cross to the callers as it is; `__cause__` holds it."""


class _Job(Generic[T, R]):
    """One call to `submit`: its items, how many are in batches already, and what came back."""

    __slots__ = ("error", "future", "items", "left", "loop", "results", "started", "turn")

    def __init__(self, items: Sequence[T], loop: asyncio.AbstractEventLoop) -> None:
        self.items = items
        self.loop = loop
        self.future: asyncio.Future[list[R]] = loop.create_future()
        self.results: dict[int, R] = {}
        self.error: Exception | None = None
        self.started = 0
        self.left = len(items)
        self.turn = _TURN

    def settle(self) -> None:
        """Gives the caller the outcome, on the caller's loop; unless it has gone."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result([self.results[index] for index in range(len(self.items))])


class Batcher(Generic[T, R]):
    """Runs `run` on batches of the items that `submit` is called with.

    `run` gets a list of items and returns one result for each, in their order; it must be safe to call from `workers`
    threads at once. A batch has at most `max_batch` items, and unless it is of one item, a `weigh`ed sum of at most
    `max_weight`. `capacity` is how many items may wait, not counting those being run; a call that comes while nothing
    waits is taken whatever its size. Calls take turns, so that a long one does not hold up short ones.
    """

    def __init__(
        self,
        run: Callable[[list[T]], Sequence[R]],
        *,
        workers: int = 1,
        max_batch: int = 32,
        max_weight: int | None = None,
        weigh: Callable[[T], int] = lambda _: 1,
        capacity: int = 2_048,
    ) -> None:
        self._run = run
        self._workers = workers
        self._max_batch = max_batch
        self._max_weight = max_batch if max_weight is None else max_weight
        self._weigh = weigh
        self._capacity = capacity
        self._lock = threading.Lock()
        self._queue: deque[_Job[T, R]] = deque()
        self._waiting = 0
        self._active = 0
        self._pace = 0.0
        self._threads: ThreadPoolExecutor | None = None

    @property
    def waiting(self) -> int:
        """How many items wait to be run."""
        return self._waiting

    async def submit(self, items: Sequence[T]) -> list[R]:
        """The result for each item, in their order. Raises Overloaded, or what the engine raised.

        When the caller is cancelled, its items that are not yet running are dropped.
        """
        if not items:
            return []
        job: _Job[T, R] = _Job(items, asyncio.get_running_loop())
        self._admit(job)
        try:
            return await job.future
        finally:
            with self._lock:
                self._withdraw(job)

    def _admit(self, job: _Job[T, R]) -> None:
        with self._lock:
            if self._waiting and self._waiting + len(job.items) > self._capacity:
                seconds = ceil(self._waiting * self._pace)
                raise Overloaded(retry_after=min(max(seconds, 1), _LONGEST_RETRY_AFTER))
            self._queue.append(job)
            self._waiting += len(job.items)
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self._workers, thread_name_prefix="batcher")
            for _ in range(min(self._workers - self._active, len(job.items))):
                self._active += 1
                self._threads.submit(self._work)

    def _withdraw(self, job: _Job[T, R]) -> None:
        """Takes the job's items that are not running out of the queue. The lock is held."""
        if job.started < len(job.items):
            self._waiting -= len(job.items) - job.started
            job.started = len(job.items)
            self._queue.remove(job)

    def _work(self) -> None:
        """What a thread does: batch after batch, until nothing waits."""
        while True:
            with self._lock:
                batch = self._take()
                if not batch:
                    self._active -= 1
                    return
            self._settle(self._run_batch(batch))

    def _take(self) -> list[tuple[_Job[T, R], int]]:
        """The next batch, as jobs and indices of their items; empty when nothing waits. The lock is held.

        The threads share what waits: one that took all of it would leave the others idle.
        """
        most = min(self._max_batch, ceil(self._waiting / self._workers))
        batch: list[tuple[_Job[T, R], int]] = []
        weight = 0
        while len(batch) < most:
            job = self._queue[0]
            weight += self._weigh(job.items[job.started])
            if batch and weight > self._max_weight:
                break
            batch.append((job, job.started))
            job.started += 1
            job.turn -= 1
            if job.started == len(job.items):
                self._queue.popleft()
            elif not job.turn:
                job.turn = _TURN
                self._queue.rotate(-1)
        self._waiting -= len(batch)
        return batch

    def _run_batch(self, batch: list[tuple[_Job[T, R], int]]) -> list[_Job[T, R]]:
        """Runs the batch, and returns the jobs whose outcome is now known."""
        began = time.monotonic()
        done: dict[_Job[T, R], None] = {}
        try:
            results = self._run([job.items[index] for job, index in batch])
            pairs = list(zip(batch, results, strict=True))
        except BaseException as error:
            logger.exception("The engine failed on a batch of %d.", len(batch))
            failure = _crossing(error)
            with self._lock:
                for job, _ in batch:
                    job.error = failure
                    self._withdraw(job)
                    done[job] = None
            return list(done)
        with self._lock:
            for (job, index), result in pairs:
                job.results[index] = result
                job.left -= 1
                if not job.left:
                    done[job] = None
            seconds = (time.monotonic() - began) / len(batch) / self._workers
            self._pace = 0.8 * self._pace + 0.2 * seconds if self._pace else seconds
        return list(done)

    def _settle(self, jobs: Iterable[_Job[T, R]]) -> None:
        """Wakes the loops of these jobs, each loop once."""
        loops: dict[asyncio.AbstractEventLoop, list[_Job[T, R]]] = {}
        for job in jobs:
            loops.setdefault(job.loop, []).append(job)
        for loop, mine in loops.items():
            try:
                loop.call_soon_threadsafe(_settle_all, mine)
            except RuntimeError:
                logger.debug("An event loop was closed before the %d calls made from it were answered.", len(mine))


def _settle_all(jobs: Iterable[_Job[T, R]]) -> None:
    for job in jobs:
        job.settle()


def _crossing(error: BaseException) -> Exception:
    """The error as it can be raised in a caller: a panic of native code is no Exception, and a future refuses
    StopIteration."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    failure = EngineFailure(f"The engine failed: {error!r}")
    failure.__cause__ = error
    return failure
