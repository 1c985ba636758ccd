"""Who may use the model next: so many at once, so many waiting, first come, first served.

Belongs to no event loop: callers of several loops, at once or one loop after the other, share one queue.
"""

import asyncio
import threading
import time
from collections import deque
from math import ceil

from api.exceptions import Overloaded

_LONGEST_RETRY_AFTER = 30


class Lease:
    """The right to one slot. Held by the caller and by the thread that generates for it; the slot is free again when
    the last of them has dropped it."""

    def __init__(self, queue: "SlotQueue") -> None:
        self._queue = queue
        self._holders = 1
        self._lock = threading.Lock()
        self._began = time.monotonic()

    def hold(self) -> None:
        """One holder more."""
        with self._lock:
            self._holders += 1

    def drop(self) -> None:
        """One holder less."""
        with self._lock:
            self._holders -= 1
            last = self._holders == 0
        if last:
            self._queue.release(time.monotonic() - self._began)


class _Waiter:
    """One call in the queue, and the loop to wake it on. `granted`: a slot is set aside for it."""

    __slots__ = ("future", "granted", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.future: asyncio.Future[None] = loop.create_future()
        self.granted = False

    def wake(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


class SlotQueue:
    """`slots` leases at once; `capacity` more calls may wait, any beyond that raises Overloaded."""

    def __init__(self, slots: int, capacity: int) -> None:
        self._slots = slots
        self._capacity = capacity
        self._free = slots
        self._pace = 0.0
        self._lock = threading.Lock()
        self._waiters: deque[_Waiter] = deque()

    @property
    def running(self) -> int:
        """How many leases there are."""
        return self._slots - self._free

    @property
    def waiting(self) -> int:
        """How many calls wait for one."""
        return len(self._waiters)

    async def acquire(self) -> Lease:
        """A lease, at once or when the calls before have theirs. A call that is cancelled leaves no trace."""
        with self._lock:
            if self._free:
                self._free -= 1
                return Lease(self)
            if len(self._waiters) >= self._capacity:
                raise Overloaded(retry_after=self._retry_after())
            waiter = _Waiter(asyncio.get_running_loop())
            self._waiters.append(waiter)
        try:
            await waiter.future
        except asyncio.CancelledError:
            with self._lock:
                granted = waiter.granted
                if not granted:
                    self._waiters.remove(waiter)
            if granted:
                self.release()
            raise
        return Lease(self)

    def release(self, seconds: float | None = None) -> None:
        """Gives a slot back, `seconds` after it was taken if it was used: to the next call that still waits."""
        with self._lock:
            if seconds is not None:
                self._pace = 0.8 * self._pace + 0.2 * seconds if self._pace else seconds
            while self._waiters:
                waiter = self._waiters.popleft()
                waiter.granted = True
                try:
                    waiter.loop.call_soon_threadsafe(waiter.wake)
                except RuntimeError:
                    continue  # The loop was closed with the call still waiting on it.
                return
            self._free += 1

    def _retry_after(self) -> int:
        """Seconds until a place in the queue may be free: about what one lease lasts, shared among the slots."""
        return min(max(ceil(self._pace / self._slots), 1), _LONGEST_RETRY_AFTER)
