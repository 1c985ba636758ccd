"""The flags as requests see them: one ruleset a process, read without SQL, swapped whole.

A thread looks at the version every second, and at once when this process changes a flag or Redis tells that another
one did; it reads anew where the version moved. So a change is seen everywhere within two seconds, and at once where it
was made. While the database is away the last ruleset goes on answering.
"""

import asyncio
import atexit
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from features.changes import Changes, changes
from features.loading import Rulesets, read
from features.models import FlagsVersion
from features.waking_redis import Ears

EVERY = 1.0
"""Seconds between two looks at the version."""
FRESH = 3 * EVERY
"""Seconds after a look for which its outcome need not be doubted."""

log = structlog.get_logger(__name__)


class Watch:
    """Holds what was read last, and keeps it current."""

    def __init__(self, told: Changes = changes, clock: Callable[[], float] = time.monotonic) -> None:
        self.told = told
        self.clock = clock
        self.rulesets: Rulesets | None = None
        self.failed = ""
        """The kind of error of the last look; empty where it went well."""
        self.looked_at = float("-inf")
        self.started = False
        self.ears: Ears | None = None
        self.readers: list[Callable[[Rulesets], None]] = []
        """Called in the watch's thread with all that was read anew; they return at once, and raise nothing."""
        self._seen = -1
        self._lock = threading.Lock()
        self._waiting: list[Future[Rulesets]] = []
        self._generation = 0
        self._wake = threading.Event()
        self._over = threading.Event()
        self._running = ExitStack()
        """What ends all that was started."""
        told.listeners.append(self.changed)

    async def current(self) -> Rulesets:
        """Returns all flags: without SQL, but for the first time and after a change in this process. Raises
        DatabaseError only where they were never read."""
        return self._known() or await self._next()

    def current_blocking(self) -> Rulesets:
        """Returns the same to code that is not async."""
        known = self._known()
        if known is not None:
            return known
        try:
            return self.look().result()
        except Exception:
            if self.rulesets is None:
                raise
            return self.rulesets

    def _known(self) -> Rulesets | None:
        """What is known, if it need not be read anew first."""
        return self.rulesets if self._seen == self.told.count or self.failed else None

    async def at_least(self, version: int) -> Rulesets:
        """Returns all flags, read anew if what is known is of an older version than this."""
        known = await self.current()
        return known if known.version >= version or self.failed else await self._next()

    async def _next(self) -> Rulesets:
        try:
            return await asyncio.shield(asyncio.wrap_future(self.look()))
        except Exception:
            known = self.rulesets
            if known is None:
                raise
            return known

    def look(self) -> "Future[Rulesets]":
        """Has the thread look now. What goes wrong is raised where the outcome is asked for."""
        asked: Future[Rulesets] = Future()
        asked.set_running_or_notify_cancel()  # from now on nobody who gives up takes it from the others
        with self._lock:
            self._waiting.append(asked)
        self.start()
        self._wake.set()
        return asked

    def changed(self) -> None:
        """Flags were changed, here or elsewhere. What was changed here proves that the database is there."""
        self.failed = ""
        self._wake.set()

    @property
    def age(self) -> float:
        """Seconds since the last look that went well."""
        return self.clock() - self.looked_at

    def start(self) -> None:
        """Starts the thread, unless it runs."""
        with self._lock:
            if self.started:
                return
            self.started, self._over = True, threading.Event()
            thread = threading.Thread(target=self._run, args=(self._over,), name="flags-watch", daemon=True)
            thread.start()
            self._running.callback(thread.join, 5)
            if settings.REDIS_URL:
                self.ears = Ears(settings.REDIS_URL, self._wake.set)
                self._running.callback(self.ears.stop)
        atexit.register(self.stop)

    def stop(self) -> None:
        """Ends the thread. It may be started again."""
        with self._lock:
            if not self.started:
                return
            self.started, running = False, self._running.pop_all()
        atexit.unregister(self.stop)
        self._over.set()
        self._wake.set()
        running.close()

    def forget(self) -> None:
        """Drops what was read, so that not even a database that is away is answered for."""
        with self._lock:
            self._generation += 1  # a look that is under way is too late
            self.rulesets, self.failed, self._seen, self.looked_at = None, "", -1, float("-inf")

    def _run(self, over: threading.Event) -> None:
        while not over.is_set():
            self._wake.clear()
            self._round()
            self._wake.wait(EVERY)

    def _round(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        known = self.rulesets
        try:
            found = self._look()
        except Exception as error:
            if not self.failed:
                unforeseen = not isinstance(error, DatabaseError)
                log.warning("flags_not_refreshed", error=type(error).__name__, exc_info=unforeseen)
            self.failed = type(error).__name__
            for asked in waiting:
                asked.set_exception(error)
        else:
            for reader in self.readers if found is not known else ():
                reader(found)
            for asked in waiting:
                asked.set_result(found)
        finally:
            connection.close()

    def _look(self) -> Rulesets:
        """Reads anew if the version moved, or if this process changed something."""
        while True:
            generation, count, known = self._generation, self.told.count, self.rulesets
            if known is None or count != self._seen or FlagsVersion.current() != known.version:
                known = read(known)
            with self._lock:
                if generation == self._generation:
                    self.rulesets, self._seen, self.looked_at, self.failed = known, count, self.clock(), ""
                    return known


watch = Watch()
"""The one of this process."""
current = watch.current
