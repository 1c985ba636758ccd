"""The durable write path: lines appended to files of this process's own, before an answer's last byte goes out.

A line that was appended survives the end of every process, for the system holds it; LUKHAS_JOURNAL_FSYNC says when it
is on the disk itself: before `committed` returns (`always`), within a tenth of a second (`batch`), or when the system
sees fit (`never`). What is in the journal is taken to the database by `analytics.draining`.

When the disk is full, a reserve that was kept for that moment is given up, so that what is under way can still be
written, and `refusing` says so until there is room again. The same holds when more waits than `max_bytes`.
"""

import asyncio
import errno
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, time

import structlog

from analytics import segments
from analytics.exceptions import JournalUnavailable

ALWAYS, BATCH, NEVER = "always", "batch", "never"
TEND_SECONDS = 0.1
"""How long a line may be on its way to the disk where `batch` is set."""
SEGMENT_BYTES = 8 * 1024 * 1024
SEGMENT_SECONDS = 60.0
RESERVE_BYTES = 4 * 1024 * 1024
"""Room for some ten thousand requests that are under way when the disk is full."""
RESERVE = "reserve"
LOOK_SECONDS = 1.0

log = structlog.get_logger(__name__)

Waiting = tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class Journal:
    """The journal of one process in `directory`, which all processes of the machine share.

    `refusing` is why nothing more may be taken in, empty where all is well. `backlog` is what waits to be drained, in
    bytes, as it was last measured, and `oldest` for how many seconds the longest of it has waited. `caught_up` is when
    whoever drains last had everything, on `clock`.
    """

    def __init__(
        self, directory: Path, *, fsync: str = BATCH, max_bytes: int = 2**30, clock: Callable[[], float] = monotonic
    ) -> None:
        self.directory = directory
        self.fsync = fsync
        self.max_bytes = max_bytes
        self.clock = clock
        self.refusing = ""
        self.backlog = 0
        self.oldest = 0.0
        self.caught_up = self._begun = clock()
        self._full = ""
        self._looked_at = -LOOK_SECONDS
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._segment = -1
        self._size = 0
        self._written = self._synced = 0
        self._failed: OSError | None = None
        self._owed: list[bytes] = []
        self._waiting: list[Waiting] = []
        self._wake = threading.Event()
        self._over = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Opens a segment, and starts the thread that tends it; what is appended first would do so, too."""
        with self._lock:
            self._start()
            if self._segment < 0:
                try:
                    self._open()
                except OSError as error:
                    self._declare_full(error)

    def append(self, line: bytes) -> bool:
        """Appends a line. Returns False where the disk does not take it; then nothing of it is left in the file."""
        with self._lock:
            try:
                if self._segment < 0:
                    self._open()
                if os.write(self._segment, line) == len(line):
                    self._size += len(line)
                    self._written += 1
                    return True
                full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError as error:
                full = error
            return self._press(line, full)

    def owe(self, line: bytes) -> None:
        """Keeps a line that could not be appended in memory, and writes it when there is room again."""
        with self._lock:
            self._owed.append(line)
        log.error("journal_line_owed", line=line.decode().rstrip())

    async def committed(self) -> None:
        """Returns when everything appended so far is as durable as the setting says: at once but for `always`.

        Raises JournalUnavailable where the disk fails.
        """
        if self.fsync != ALWAYS:
            return
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        with self._lock:
            self._waiting.append((loop, done))
        self._wake.set()
        await done

    def live(self) -> tuple[Path | None, int]:
        """The segment that this process writes, and how long it is."""
        with self._lock:
            return self._path, self._size

    def release(self, path: Path, drained: int) -> bool:
        """Empties the live segment if it is still `path` and holds no more than was drained. Returns whether it did."""
        with self._lock:
            if path != self._path or drained != self._size:
                return False
            os.ftruncate(self._segment, 0)
            self._size = 0
            self._begun = self.clock()
            return True

    def tend(self) -> None:
        """What the journal's thread does ten times a second: brings lines to the disk, begins a new segment where it is
        time to, and every second sees whether there is room. Raises OSError."""
        self._sync()
        self._rotate()
        if self.clock() - self._looked_at >= LOOK_SECONDS:
            self._looked_at = self.clock()
            self._make_room()
            self._measure()

    def close(self) -> None:
        """Ends the thread and gives the segment up for others to drain; an empty one is deleted. May be used again."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._over = True
        self._wake.set()
        if thread is not None:
            thread.join(10)
        with self._lock:
            path, segment = self._path, self._segment
            self._path, self._segment = None, -1
            empty, self._size = not self._size, 0
        if path is not None:
            if empty:
                path.unlink(missing_ok=True)
            os.close(segment)

    def forget(self) -> None:
        """Throws away everything that was not drained, as if nothing had ever been written."""
        self.close()
        for path in self.directory.glob("*"):
            path.unlink(missing_ok=True)
        self._owed.clear()
        self._full = self.refusing = ""
        self.backlog, self.oldest, self.caught_up = 0, 0.0, self.clock()

    def _start(self) -> None:
        """Starts the thread unless it runs. Called with the lock held."""
        if self._thread is None:
            self._over = False
            self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
            self._thread.start()

    def _open(self) -> None:
        """Begins to write. Called with the lock held; raises OSError."""
        self._start()
        self._path, self._segment = segments.create(self.directory)
        self._size = 0
        self._begun = self.clock()

    def _run(self) -> None:
        while not self._over:
            self._wake.wait(TEND_SECONDS)
            self._wake.clear()
            try:
                self.tend()
            except OSError as error:
                log.error("journal_not_tended", error=repr(error))
        self._sync()

    def _declare_full(self, error: OSError) -> None:
        if not self._full:
            log.error("journal_full", reason=error.strerror)
        self._full = self.refusing = error.strerror or type(error).__name__

    def _press(self, line: bytes, full: OSError) -> bool:
        """Tries once more with the room of the reserve. Called with the lock held."""
        self._declare_full(full)
        with suppress(OSError):
            os.truncate(self.directory / RESERVE, 0)
        with suppress(OSError):
            if self._segment < 0:
                self._open()
            os.ftruncate(self._segment, self._size)
            if os.write(self._segment, line) == len(line):
                self._size += len(line)
                self._written += 1
                return True
            os.ftruncate(self._segment, self._size)
        return False

    def _sync(self) -> None:
        with self._lock:
            segment, written, waiting, self._waiting = self._segment, self._written, self._waiting, []
            failed, self._failed = self._failed, None
        if segment >= 0 and written != self._synced:
            failed = self._flushed(segment) or failed
            self._synced = written
        for loop, done in waiting:
            with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
                loop.call_soon_threadsafe(_settle, done, failed)

    def _flushed(self, segment: int) -> OSError | None:
        """Brings a segment to the disk. Returns why that failed."""
        try:
            if self.fsync != NEVER:
                os.fdatasync(segment)
        except OSError as error:
            log.error("journal_not_synced", error=repr(error))
            return error
        return None

    def _rotate(self) -> None:
        """Begins a new segment where this one is long or old. Raises OSError, and then goes on with this one."""
        due = self._size >= SEGMENT_BYTES or (self._size > 0 and self.clock() - self._begun >= SEGMENT_SECONDS)
        if not due or self._full:
            return
        path, segment = segments.create(self.directory)
        with self._lock:
            old, self._path, self._segment = self._segment, path, segment
            self._size = 0
            self._begun = self.clock()
        self._failed = self._flushed(old)
        os.close(old)  # with its lock: whoever drains next takes it

    def _make_room(self) -> None:
        """Keeps the reserve whole. Where that can be done there is room again, and what is owed is written."""
        reserve = self.directory / RESERVE
        if not self._full and segments.size_of(reserve)[0] == RESERVE_BYTES:
            return
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            opened = os.open(reserve, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(opened, 0, RESERVE_BYTES)
            finally:
                os.close(opened)
        except OSError as error:
            self._declare_full(error)
            return
        if self._full:
            self._full = ""
            log.warning("journal_has_room_again")
        with self._lock:
            owed, self._owed = self._owed, []
        for line in owed:
            if self._full or not self.append(line):
                with self._lock:
                    self._owed.append(line)

    def _measure(self) -> None:
        sizes = [segments.size_of(path) for path in segments.found(self.directory)]
        self.backlog = sum(size for size, _ in sizes)
        now = self.clock()
        if self.backlog:
            # Of what other processes left behind, the time of day tells more; where it jumps, it tells nothing.
            since = (time() - written for size, written in sizes if size)
            self.oldest = max(now - self.caught_up, *since)
        else:
            self.oldest, self.caught_up = 0.0, now
        over = self.backlog > self.max_bytes
        self.refusing = self._full or (f"more than {self.max_bytes} bytes wait for the database" if over else "")


def _settle(done: "asyncio.Future[None]", failed: OSError | None) -> None:
    if done.done():  # its caller has hung up
        return
    if failed is None:
        done.set_result(None)
    else:
        done.set_exception(JournalUnavailable())
