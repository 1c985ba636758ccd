"""The usage of this process: what is written down, and brought to the database.

usage.admit()                   # before a request may reach a model: can it be written down?
…
usage.journal.append(encode(Record(…)))     # before the last byte of its answer
await usage.journal.committed()
"""

from pathlib import Path

from django.conf import settings

from accounts.limits.keeper import Keeper
from analytics.draining import Drainer
from analytics.exceptions import JournalUnavailable
from analytics.journal import Journal
from analytics.refusals import Refusals

journal = Journal(
    Path(settings.LUKHAS_JOURNAL_DIR) / "usage",
    fsync=settings.LUKHAS_JOURNAL_FSYNC,
    max_bytes=settings.LUKHAS_JOURNAL_MAX_BYTES,
)
drainer = Drainer(journal)
refusals = Refusals()


def admit() -> None:
    """Raises JournalUnavailable where a request could not be written down."""
    if journal.refusing:
        raise JournalUnavailable


def flush() -> None:
    """Brings everything that is known so far to the database, if that is there."""
    drainer.round()
    refusals.flush()


keeper = Keeper(flush, "usage")


def start() -> None:
    """Begins to write and to drain; what earlier processes left is drained first."""
    journal.start()
    keeper.start()


def stop() -> None:
    """Drains once more, and leaves to others what the database did not take. May be started again."""
    keeper.stop()
    journal.close()


def forget() -> None:
    """Forgets everything, as if no process had ever begun."""
    drainer.forget()
    refusals.forget()
