"""What is known of each project, remembered in this process, so that requests cost no SQL.

An entry is read again when it is `MAX_AGE` seconds old; so whatever changes it elsewhere is seen here within that time,
and a change made in this process at once. While the database is away, the last one goes on.
"""

import threading
from collections.abc import Callable
from time import monotonic
from typing import Generic, NamedTuple, TypeVar

import structlog
from django.db import Error, transaction

from lukhas_site.http.orm import in_database

T = TypeVar("T")

MAX_AGE = 4.0
MAX_ENTRIES = 10_000

log = structlog.get_logger(__name__)


class Entry(NamedTuple, Generic[T]):
    known: T
    read_at: float


class PerProject(Generic[T]):
    """Public id of a project → what `read` finds for it. For callers in threads and in event loops alike."""

    def __init__(self, read: Callable[[str], T], clock: Callable[[], float] = monotonic) -> None:
        self.read = read
        self.clock = clock
        self._entries: dict[str, Entry[T]] = {}
        self._refreshing: set[str] = set()
        self._generation = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    async def get(self, project_id: str) -> T:
        """Returns what is known of the project, remembered or read. Raises what `read` raises, but for errors of the
        database only where nothing is remembered."""
        entry = self._entries.get(project_id)
        if entry is not None and self._good(project_id, entry):
            return entry.known
        begun = self._begin(project_id)
        try:
            return self._keep(project_id, await in_database(self.read, project_id), *begun)
        except Error as error:
            return self._last(entry, error)
        finally:
            self._refreshing.discard(project_id)

    def get_blocking(self, project_id: str) -> T:
        """The same for a thread, which reads itself."""
        entry = self._entries.get(project_id)
        if entry is not None and self._good(project_id, entry):
            return entry.known
        begun = self._begin(project_id)
        try:
            return self._keep(project_id, self.read(project_id), *begun)
        except Error as error:
            return self._last(entry, error)
        finally:
            self._refreshing.discard(project_id)

    def forget(self) -> None:
        """Forgets everything. What is being read meanwhile is not remembered."""
        with self._lock:
            self._generation += 1
            self._entries.clear()

    def forget_soon(self) -> None:
        """Forgets now, for the rest of this transaction, and again once its changes can be seen outside it."""
        self.forget()
        transaction.on_commit(self.forget)

    def _good(self, project_id: str, entry: Entry[T]) -> bool:
        """Whether it is fresh, or somebody else is about to make it so."""
        return self.clock() - entry.read_at < MAX_AGE or project_id in self._refreshing

    def _begin(self, project_id: str) -> tuple[int, float]:
        self._refreshing.add(project_id)
        return self._generation, self.clock()

    def _keep(self, project_id: str, known: T, generation: int, at: float) -> T:
        with self._lock:
            if generation == self._generation:
                self._entries.pop(project_id, None)
                self._entries[project_id] = Entry(known, at)  # appended: the first is the oldest
                if len(self._entries) > MAX_ENTRIES:
                    del self._entries[next(iter(self._entries))]
        return known

    def _last(self, entry: Entry[T] | None, error: Error) -> T:
        if entry is None:
            raise error
        log.warning("project_not_refreshed", error=type(error).__name__)
        return entry.known
