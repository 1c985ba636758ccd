"""The way of events into the database, and into the journal while that is away. On SQLite and PostgreSQL alike."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, DataError, InterfaceError, OperationalError, connection, connections
from structlog.testing import capture_logs

from analytics import intake as module
from analytics.entries import Entry, encode
from analytics.exceptions import EventsOverloaded, JournalUnavailable
from analytics.intake import EventDrainer, Intake, Tidying
from analytics.journal import Journal
from analytics.keeping import Outcome, keep
from analytics.models import Event, EventCount, Width
from tests.analytics.judged import entry

pytestmark = pytest.mark.usefixtures("database")
A, D, R = Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.REJECTED
Fault = Callable[[Sequence[Entry]], list[Outcome]]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "events")
    yield journal
    journal.close()


@pytest.fixture
def intake(journal: Journal) -> Iterator[Intake]:
    intake = Intake(journal)
    yield intake
    intake.forget()


def failing(error: Exception, times: int = 10**6) -> Fault:
    """A database that fails so often, and then works."""
    left = [times]

    def fail(entries: Sequence[Entry]) -> list[Outcome]:
        left[0] -= 1
        if left[0] >= 0:
            raise error
        return keep(entries)

    return fail


def ids() -> list[str]:
    return sorted(Event.objects.values_list("event_id", flat=True))


async def test_what_is_taken_is_in_the_database(intake: Intake) -> None:
    assert await intake.take([entry(1), entry(2), entry(1)]) == [A, A, D]
    assert await intake.take([entry(2), entry(3)]) == [D, A]
    assert intake.waiting == 0
    intake.stop()
    assert await asyncio.to_thread(lambda: (ids(), connection.close())[0]) == ["e1", "e2", "e3"]


async def test_batches_that_come_at_once_share_a_transaction_and_each_is_told_of_its_own(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    writing, begun = threading.Event(), threading.Event()

    def slow(entries: Sequence[Entry]) -> list[Outcome]:
        sizes.append(len(entries))
        writing.set()
        begun.wait(10)
        return keep(entries)

    monkeypatch.setattr(module, "keep", slow)
    monkeypatch.setattr(module, "MOST_AT_ONCE", 6)
    first = asyncio.ensure_future(intake.take([entry(0)]))
    await asyncio.to_thread(writing.wait, 10)
    rest = [asyncio.ensure_future(intake.take([entry(number), entry(0)])) for number in range(1, 5)]
    await asyncio.sleep(0)
    begun.set()
    assert await first == [A]
    assert await asyncio.gather(*rest) == [[A, D]] * 4
    assert sizes == [1, 6, 2]


async def test_a_batch_larger_than_a_transaction_goes_alone(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_AT_ONCE", 2)
    assert await intake.take([entry(number) for number in range(3)]) == [A] * 3


async def test_more_than_may_wait_is_refused(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", -1)
    with pytest.raises(EventsOverloaded):
        await intake.take([entry()])


@pytest.mark.parametrize("error", [OperationalError("away"), InterfaceError("closed"), DatabaseError("odd")])
async def test_while_the_database_is_away_events_are_in_the_journal_and_come_in_once_when_it_is_back(
    intake: Intake, journal: Journal, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    assert await intake.take([entry(1, limit=1)]) == [A]
    monkeypatch.setattr(module, "keep", failing(error))
    with capture_logs() as log:
        # What is there already is told apart only when it is stored; and nobody can be told then that it was too many.
        assert await intake.take([entry(1, limit=1), entry(2, limit=1), entry(3, code="x")]) == [A, A, R]
        intake._away_until = 0.0
        assert await intake.take([entry(2), entry(4)]) == [A, A]
    assert [each["event"] for each in log if each["event"].startswith("events_")] == ["events_not_stored"]
    monkeypatch.undo()
    drainer = EventDrainer(journal)
    await asyncio.to_thread(lambda: (drainer.round(), connection.close()))
    assert drainer.stored == 2
    found = await asyncio.to_thread(
        lambda: (ids(), EventCount.objects.get(width=Width.HOUR).count, connection.close())[:2]
    )
    assert found == (["e1", "e2", "e4"], 3)


async def test_nobody_waits_for_a_database_that_did_not_answer_a_moment_ago(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def away(entries: Sequence[Entry]) -> list[Outcome]:
        tried.append(len(entries))
        raise OperationalError

    monkeypatch.setattr(module, "keep", away)
    for number in range(3):
        assert await intake.take([entry(number)]) == [A]
    assert tried == [1]
    intake._away_until = 0.0
    monkeypatch.undo()
    with capture_logs() as log:
        assert await intake.take([entry(9)]) == [A]
        intake.stop()
    assert [each["event"] for each in log] == ["events_stored_again"]


async def test_where_the_journal_takes_nothing_either_the_caller_is_told(
    intake: Intake, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "keep", failing(OperationalError()))
    monkeypatch.setattr(Journal, "append", lambda *_: False)
    with pytest.raises(JournalUnavailable):
        await intake.take([entry()])
    monkeypatch.undo()
    monkeypatch.setattr(module, "keep", failing(OperationalError()))
    journal.refusing = "full"
    with pytest.raises(JournalUnavailable):
        await intake.take([entry()])


async def test_with_fsync_always_the_journal_is_on_the_disk_before_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "events", fsync="always")
    intake = Intake(journal)
    monkeypatch.setattr(module, "keep", failing(OperationalError()))
    assert await intake.take([entry()]) == [A]
    assert journal._synced == journal._written == 1
    intake.forget()
    journal.close()


async def test_one_that_the_database_does_not_take_sinks_no_other(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def picky(entries: Sequence[Entry]) -> list[Outcome]:
        if any(each.name == "bad" for each in entries):
            raise DataError
        return keep(entries)

    monkeypatch.setattr(module, "keep", picky)
    with capture_logs() as log:
        assert await intake.take([entry(1), entry(2, name="bad"), entry(1)]) == [A, Outcome.UNFIT, D]
    assert [(each["event"], each["id"]) for each in log] == [("event_not_stored", "e2")]


async def test_a_crash_is_told_to_whoever_waits_and_the_next_batch_goes_well(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashes: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", crashes.append)
    monkeypatch.setattr(module, "keep", failing(KeyError("bug"), times=1))
    with pytest.raises(KeyError):
        await intake.take([entry(1)])
    assert intake._thread is not None
    await asyncio.to_thread(intake._thread.join, 10)
    assert len(crashes) == 1
    assert await intake.take([entry(1)]) == [A]


async def test_who_hangs_up_leaves_the_event_behind(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    held = threading.Event()

    def slow(entries: Sequence[Entry]) -> list[Outcome]:
        held.wait(10)
        return keep(entries)

    monkeypatch.setattr(module, "keep", slow)
    gone = asyncio.ensure_future(intake.take([entry(1)]))
    await asyncio.sleep(0)
    gone.cancel()
    held.set()
    assert await intake.take([entry(1)]) == [D]


def test_a_loop_that_has_ended_is_told_nothing(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    held = threading.Event()

    def slow(entries: Sequence[Entry]) -> list[Outcome]:
        held.wait(10)
        return keep(entries)

    async def leave() -> None:
        waiting = asyncio.ensure_future(intake.take([entry(1)]))
        await asyncio.sleep(0)
        waiting.cancel()

    monkeypatch.setattr(module, "keep", slow)
    asyncio.run(leave())
    held.set()
    intake.stop()
    assert ids() == ["e1"]


async def test_an_idle_writer_gives_its_connection_back(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = threading.Event()

    def close(_: object) -> None:
        if threading.current_thread() is intake._thread:
            closed.set()

    monkeypatch.setattr(module, "IDLE_SECONDS", 0.01)
    await intake.take([entry(1)])
    monkeypatch.setattr(type(connections["default"]), "close", close)
    assert await asyncio.to_thread(closed.wait, 10)
    monkeypatch.undo()
    monkeypatch.undo()
    assert await intake.take([entry(2)]) == [A]


class TestDraining:
    def test_a_line_that_is_none_and_an_event_that_cannot_be_stored_are_set_aside(
        self, journal: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def picky(entries: Sequence[Entry]) -> list[Outcome]:
            if any(each.name == "bad" for each in entries):
                raise DataError
            return keep(entries)

        for line in (encode(entry(1)), b"torn\n", encode(entry(2, name="bad")), encode(entry(3)), encode(entry(3))):
            journal.append(line)
        monkeypatch.setattr(module, "keep", picky)
        drainer = EventDrainer(journal)
        with capture_logs() as log:
            drainer.round()
        assert ids() == ["e1", "e3"]
        assert drainer.stored == 2
        assert [each["reason"] for each in log if each["event"] == "journal_line_set_aside"] == [
            "another version",
            "not storable",
        ]
        assert (journal.directory / "lines.aside").read_bytes().count(b"\n") == 2

    def test_what_a_process_left_behind_is_stored_by_the_next_even_twice(self, journal: Journal) -> None:
        journal.append(encode(entry(1)))
        journal.close()
        other = Journal(journal.directory)
        other.append(encode(entry(1)) + encode(entry(2)))
        EventDrainer(other).round()
        other.close()
        assert ids() == ["e1", "e2"]
        assert EventCount.objects.get(width=Width.HOUR).count == 2

    def test_while_the_database_is_away_the_journal_waits(
        self, journal: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        journal.append(encode(entry(1)))
        drainer = EventDrainer(journal)
        monkeypatch.setattr(module, "keep", failing(OperationalError()))
        with capture_logs() as log:
            drainer.round()
            monkeypatch.undo()
            drainer.round()
        assert [each["event"] for each in log] == ["events_not_stored", "events_stored_again"]
        assert ids() == ["e1"]


def test_it_is_tidied_now_and_then_and_a_database_that_is_away_harms_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    done: list[float] = []
    tidying = Tidying(lambda: now[0])
    monkeypatch.setattr(module, "tidy", lambda: done.append(now[0]))
    for second in (0.0, 59.0, 60.0, 61.0, 125.0):
        now[0] = second
        tidying.round()
    assert done == [60.0, 125.0]

    def away() -> None:
        raise OperationalError

    monkeypatch.setattr(module, "tidy", away)
    now[0] = 200.0
    with capture_logs() as log:
        tidying.round()
    assert [each["event"] for each in log] == ["events_not_tidied"]
