"""The way of events into the database: one thread of this process writes them, and whoever sent them waits.

Batches that come at the same time share a transaction. While the database is away they go to a journal, which is
drained once it is back; so an event that was accepted is safe in one of the two.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import structlog
from django.conf import settings
from django.db import DatabaseError, DataError, Error, IntegrityError, close_old_connections, connection

from accounts.limits.keeper import Keeper
from analytics.draining import Drainer
from analytics.entries import Entry, decode, encode
from analytics.erasing import spared
from analytics.exceptions import EventsOverloaded, JournalUnavailable
from analytics.journal import Journal
from analytics.keeping import Outcome, durable, keep, tidy
from analytics.lines import NotALine

MOST_AT_ONCE = 5_000
"""Events of one transaction, unless a single batch has more."""
MOST_WAITING = 50_000
IDLE_SECONDS = 1.0
"""How long the writer keeps a connection that it does not need."""
PAUSE_SECONDS = 1.0
"""For how long nobody waits for a database that did not answer."""
TIDY_SECONDS = 60.0
NOT_STORED, STORED_AGAIN = "events_not_stored", "events_stored_again"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A batch, and who waits for it."""

    entries: Sequence[Entry]
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[list[Outcome] | None]"

    def tell(self, outcomes: list[Outcome] | None, error: BaseException | None = None) -> None:
        """Wakes whoever waits, from the writer's thread. None says that the batch is in the journal."""
        with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            self.loop.call_soon_threadsafe(self._settle, outcomes, error)

    def _settle(self, outcomes: list[Outcome] | None, error: BaseException | None) -> None:
        if self.done.done():  # whoever waited has hung up
            return
        if error is None:
            self.done.set_result(outcomes)
        else:
            self.done.set_exception(error)


class Intake:
    """What one process takes in. `journal` is where events go while the database is away."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.waiting = 0
        self._batches: deque[Waiting] = deque()
        self._lock = threading.Condition()
        self._thread: threading.Thread | None = None
        self._over = False
        self._away_until = -PAUSE_SECONDS
        self._away = False

    async def take(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Returns what became of each event, once that is durable; of those that wait in the journal, that they were
        accepted. Raises EventsOverloaded where too many wait, and JournalUnavailable where neither takes them."""
        loop = asyncio.get_running_loop()
        batch = Waiting(entries, loop, loop.create_future())
        with self._lock:
            if self.waiting > MOST_WAITING:
                raise EventsOverloaded
            self.waiting += len(entries)
            self._batches.append(batch)
            if self._thread is None or not self._thread.is_alive():
                self._over = False
                self._thread = threading.Thread(target=self._run, name="events", daemon=True)
                self._thread.start()
            self._lock.notify()
        outcomes = await batch.done
        if outcomes is not None:
            return outcomes
        await self.journal.committed()
        return [Outcome.REJECTED if entry.code else Outcome.ACCEPTED for entry in entries]

    def stop(self) -> None:
        """Ends the thread once everything that waits is written. May be used again."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._over = True
            self._lock.notify()
        if thread is not None:
            thread.join(10)

    def forget(self) -> None:
        """Waits for what is being written, and knows nothing any more."""
        self.stop()
        self._away_until, self._away = -PAUSE_SECONDS, False

    def _run(self) -> None:
        try:
            while batches := self._next():
                self._write(batches)
        finally:
            connection.close()

    def _next(self) -> list[Waiting]:
        """Waits for batches, and returns those of one transaction; none once it is over."""
        with self._lock:
            while not self._batches and not self._over:
                if not self._lock.wait(IDLE_SECONDS):
                    connection.close()
            taken: list[Waiting] = []
            size = 0
            while self._batches and (not taken or size + len(self._batches[0].entries) <= MOST_AT_ONCE):
                taken.append(self._batches.popleft())
                size += len(taken[-1].entries)
            self.waiting -= size
            return taken

    def _write(self, batches: list[Waiting]) -> None:
        try:
            if monotonic() >= self._away_until:
                self._try(batches)
            while batches:
                told = self._written_down(batches[0].entries)
                batches.pop(0).tell(*told)
        except BaseException as error:
            for batch in batches:
                batch.tell(None, error)
            raise

    def _try(self, batches: list[Waiting]) -> None:
        """Stores batches, those away that are stored. Where the database is away, the others are left."""
        try:
            self._store(batches)
        except Error as error:
            connection.close()
            self._away_until = monotonic() + PAUSE_SECONDS
            if not self._away:
                log.warning(NOT_STORED, error=type(error).__name__)
            self._away = True
            return
        if self._away:
            log.warning(STORED_AGAIN)
        self._away = False

    def _store(self, batches: list[Waiting]) -> None:
        durable()
        try:
            outcomes = keep([entry for batch in batches for entry in batch.entries])
        except (DataError, IntegrityError):  # one of them cannot be stored: the others shall not fall with it
            while batches:
                told = [store_alone(entry) for entry in batches[0].entries]
                batches.pop(0).tell(told)
            return
        while batches:
            size = len(batches[0].entries)
            batches.pop(0).tell(outcomes[:size])
            del outcomes[:size]

    def _written_down(self, entries: Sequence[Entry]) -> tuple[None, Exception | None]:
        """Appends events to the journal. Returns what whoever waits is told."""
        # Nobody can be told later that it was one too many.
        lines = b"".join(encode(entry._replace(limit=0)) for entry in entries)
        kept = not self.journal.refusing and self.journal.append(lines)
        return None, None if kept else JournalUnavailable()


def store_alone(entry: Entry) -> Outcome:
    """Stores one event; one that the database does not take is said in the log. Raises other errors of the database."""
    try:
        return keep([entry])[0]
    except (DataError, IntegrityError) as error:
        log.error("event_not_stored", error=type(error).__name__, project=entry.project_id, id=entry.event_id)
        return Outcome.UNFIT


class EventDrainer(Drainer):
    """Takes events from the journal to the database. `stored` counts those that were not there before."""

    not_stored = NOT_STORED
    stored_again = STORED_AGAIN

    def _take(self, lines: list[bytes]) -> None:
        entries = []
        for line in lines:
            try:
                entries.append(decode(line))
            except NotALine as reason:
                self._set_aside(line, str(reason))
        durable()
        entries = spared(entries)
        try:
            outcomes = keep(entries)
        except (DataError, IntegrityError):
            outcomes = [self._stored_or_set_aside(entry) for entry in entries]
        self.stored += outcomes.count(Outcome.ACCEPTED)

    def _stored_or_set_aside(self, entry: Entry) -> Outcome:
        outcome = store_alone(entry)
        if outcome == Outcome.UNFIT:
            self._set_aside(encode(entry).rstrip(), "not storable")
        return outcome


class Tidying:
    """Deletes now and then what nothing rests on any more."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.clock = clock
        self._next = clock() + TIDY_SECONDS

    def round(self) -> None:
        """Does so where it is time to."""
        if self.clock() >= self._next:
            self._next = self.clock() + TIDY_SECONDS
            close_old_connections()
            try:
                tidy()
            except DatabaseError as error:
                log.warning("events_not_tidied", error=type(error).__name__)
            finally:
                close_old_connections()


journal = Journal(
    Path(settings.LUKHAS_JOURNAL_DIR) / "events",
    fsync=settings.LUKHAS_JOURNAL_FSYNC,
    max_bytes=settings.LUKHAS_JOURNAL_MAX_BYTES,
)
drainer = EventDrainer(journal)
intake = Intake(journal)
tidying = Tidying()


def flush() -> None:
    """Brings what is in the journal to the database, if that is there."""
    drainer.round()
    tidying.round()


keeper = Keeper(flush, "events")


def start() -> None:
    """Begins to drain; what earlier processes left is drained first."""
    keeper.start()


def stop() -> None:
    """Writes what waits, drains once more, and leaves to others what the database did not take. May be started
    again."""
    intake.stop()
    keeper.stop()
    journal.close()


def forget() -> None:
    """Forgets everything, as if no process had ever begun."""
    intake.forget()
    drainer.forget()
