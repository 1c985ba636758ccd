"""Callers remembered in this process, so that a request costs a hash and a dictionary look-up instead of SQL.

An entry is read again from the database when it is `MAX_AGE` seconds old. So whatever ends a key elsewhere (another
process, plain SQL) ends it here within that time; a change made in this process forgets everything at once. Expiry is
compared on every use. Only good keys are remembered: an unknown one costs its one query each time, and no memory.

Entries are filed under the keyed digest of the token; the token itself is never held.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from time import monotonic, time

from accounts.principal import Principal
from lukhas_site.http.orm import in_database

MAX_AGE = 4.0
MAX_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class Found:
    """What a look-up gives: the caller, and until when the key is good, in seconds since the epoch."""

    principal: Principal
    expires: float = float("inf")


Load = Callable[[], Found | None]
"""Reads the database: None means that no good key has this digest. What it raises reaches every waiting caller."""


@dataclass(frozen=True, slots=True)
class Entry:
    found: Found
    read_at: float


@dataclass(frozen=True, slots=True)
class Flight:
    """A look-up under way, which later callers with the same key wait for.

    `threaded` says that a thread of its own carries it. A blocking caller waits for no other kind: it may be keeping
    the very thread in which the look-up is queued.
    """

    threaded: bool
    generation: int
    started: float
    result: Future[Found | None] = field(default_factory=Future)


class Memo:
    """Digest → Principal, for callers in threads and in event loops alike.

    `clock` is monotonic and measures ages, `now` is seconds since the epoch and is compared with expiry.
    """

    def __init__(self, clock: Callable[[], float] = monotonic, now: Callable[[], float] = time) -> None:
        self.clock = clock
        self.now = now
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._flights: dict[str, Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._generation = 0

    def __len__(self) -> int:
        return len(self._entries)

    def recall(self, digest: str) -> Principal | None:
        """Returns the caller if it is remembered, fresh and not expired."""
        entry = self._entries.get(digest)
        if entry is None or self.clock() - entry.read_at >= MAX_AGE or self.now() >= entry.found.expires:
            return None
        return entry.found.principal

    async def get(self, digest: str, load: Load) -> Principal | None:
        """Returns the caller, remembered or read; None where there is none. Raises what `load` raises.

        The look-up is a task of its own, so that the caller who began it may hang up without failing the others.
        """
        principal = self.recall(digest)
        if principal is not None:
            return principal
        flight, mine = self._board(digest, threaded=False)
        if mine:
            task = asyncio.create_task(self._fly(digest, flight, load))
            self._tasks.add(task)  # the loop itself holds tasks only weakly
            task.add_done_callback(self._tasks.discard)
        found = await asyncio.shield(asyncio.wrap_future(flight.result))
        return found.principal if found else None

    def get_blocking(self, digest: str, load: Load) -> Principal | None:
        """The same for a thread, which carries the look-up itself."""
        principal = self.recall(digest)
        if principal is not None:
            return principal
        flight, mine = self._board(digest, threaded=True)
        if mine:
            try:
                self._land(digest, flight, load())
            except BaseException as error:
                self._crash(digest, flight, error)
                raise
        found = flight.result.result()
        return found.principal if found else None

    def forget(self) -> None:
        """Forgets every caller. Look-ups under way still answer those who wait for them, and are not remembered."""
        with self._lock:
            self._generation += 1
            self._entries.clear()
            self._flights.clear()

    def _board(self, digest: str, *, threaded: bool) -> tuple[Flight, bool]:
        with self._lock:
            flight = self._flights.get(digest)
            if flight is not None and (flight.threaded or not threaded):
                return flight, False
            flight = self._flights[digest] = Flight(threaded, self._generation, self.clock())
            return flight, True

    async def _fly(self, digest: str, flight: Flight, load: Load) -> None:
        try:
            self._land(digest, flight, await in_database(load))
        except BaseException as error:
            self._crash(digest, flight, error)
            if not isinstance(error, Exception):
                raise

    def _land(self, digest: str, flight: Flight, found: Found | None) -> None:
        with self._lock:
            if self._flights.get(digest) is flight:
                del self._flights[digest]
            if flight.generation == self._generation:
                self._entries.pop(digest, None)
                if found is not None:
                    self._entries[digest] = Entry(found, flight.started)  # appended: the first is the oldest
                    if len(self._entries) > MAX_ENTRIES:
                        del self._entries[next(iter(self._entries))]
        flight.result.set_result(found)

    def _crash(self, digest: str, flight: Flight, error: BaseException) -> None:
        with self._lock:
            if self._flights.get(digest) is flight:
                del self._flights[digest]
        flight.result.set_exception(error)


callers = Memo()
"""The memo of this process."""
