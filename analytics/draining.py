"""From the journal to the database: in batches, and each record once, by its request id.

Every process drains its own segment, and those that nobody writes any more, whoever left them: processes that ended,
were killed, or ran on a data directory that was moved here. What is stored twice (a crash may come between storing and
forgetting, and two processes may read the same) is there once. While the database is away the journal waits.
"""

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from django.db import DatabaseError, DataError, IntegrityError, close_old_connections, connection, transaction

from analytics import records, segments
from analytics.draining_postgres import copied
from analytics.draining_sqlite import inserted, sync_every_commit
from analytics.journal import Journal
from analytics.records import NotARecord, Record
from analytics.rollups.adding import add

log = structlog.get_logger(__name__)


class Drainer:
    """Takes what is in the journals of a directory to the database.

    `stored` counts the records that this one has brought there, those not counted that were there before.
    `not_stored` and `stored_again` are what the log says where the database is away, and back.
    """

    not_stored = "usage_not_stored"
    stored_again = "usage_stored_again"

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.stored = 0
        self.away = False
        self._places: dict[Path, int] = {}
        self._lock = threading.Lock()

    def round(self) -> None:
        """Stores all that is there. Where the database is away it says so once, and leaves all to the next round."""
        with self._lock:
            close_old_connections()
            begun = self.journal.clock()
            try:
                self._drain()
            except DatabaseError as error:
                if not self.away:
                    log.warning(self.not_stored, error=type(error).__name__)
                self.away = True
                return
            finally:
                close_old_connections()
            if self.away:
                log.warning(self.stored_again)
            self.away = False
            self.journal.caught_up = begun

    def forget(self) -> None:
        """Waits for a round that is under way, and knows nothing any more."""
        with self._lock:
            self._places.clear()
            self.journal.forget()
            self.away = False

    def _drain(self) -> None:
        live, size = self.journal.live()
        if live is not None and size:
            self._drain_live(live, size)
        for path in segments.found(self.journal.directory):
            if path != live and (segment := segments.claim(path)) is not None:
                try:
                    self._drain_left(path, segment)
                finally:
                    os.close(segment)

    def _drain_live(self, path: Path, size: int) -> None:
        segment = os.open(path, os.O_RDONLY)
        try:
            self._read(path, segment, size)
        finally:
            os.close(segment)
        if self.journal.release(path, self._places.get(path, 0)):
            del self._places[path]

    def _drain_left(self, path: Path, segment: int) -> None:
        """Reads a segment to its end, and deletes it, for this process holds its lock."""
        size = os.fstat(segment).st_size
        self._read(path, segment, size)
        if (torn := size - self._places.pop(path, 0)) > 0:
            log.warning("journal_line_torn", segment=path.name, bytes=torn)
        path.unlink(missing_ok=True)

    def _read(self, path: Path, segment: int, size: int) -> None:
        for lines, place in segments.lines(segment, self._places.get(path, 0), size):
            self._take(lines)
            self._places[path] = place

    def _take(self, lines: list[bytes]) -> None:
        batch = []
        for line in lines:
            try:
                batch.append(records.decode(line))
            except NotARecord as reason:
                self._set_aside(line, str(reason))
        try:
            self.stored += len(store(batch))
        except (DataError, IntegrityError):  # one of them cannot be stored: the others shall not wait for it
            for record in batch:
                self._take_alone(record)

    def _take_alone(self, record: Record) -> None:
        try:
            self.stored += len(store([record]))
        except (DataError, IntegrityError) as error:
            self._set_aside(records.encode(record).rstrip(), type(error).__name__)

    def _set_aside(self, line: bytes, reason: str) -> None:
        """Keeps what cannot be stored for people to look at."""
        log.error("journal_line_set_aside", reason=reason)
        aside = self.journal.directory / f"lines{segments.ASIDE}"
        opened = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(opened, line + b"\n")
        finally:
            os.close(opened)


@dataclass(frozen=True, slots=True)
class Way:
    """How a kind of database stores records: what is done before the transaction, and what in it."""

    prepare: Callable[[], None]
    store: Callable[[Sequence[Record]], list[Record]]


WAYS = {"sqlite": Way(sync_every_commit, inserted), "postgresql": Way(lambda: None, copied)}


def store(batch: Sequence[Record]) -> list[Record]:
    """Stores records, and adds them to the roll-ups, in one transaction that is on the disk when this returns. Returns
    those that were not there before. Raises DatabaseError.

    Any number of processes may store the same at the same time.
    """
    if not batch:
        return []
    way = WAYS[connection.vendor]
    way.prepare()
    with transaction.atomic():
        new = way.store(batch)
        add(new)
    return new
