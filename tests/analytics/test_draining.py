"""From the journal to the database: all of it, once. Runs on SQLite and PostgreSQL alike."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import DataError, OperationalError, connection
from structlog.testing import capture_logs

from analytics import draining, segments
from analytics.draining import Drainer, store
from analytics.journal import Journal
from analytics.models import UsageRecord
from analytics.records import Record, encode
from tests.analytics.recorded import GOOD, record

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def drainer(journal: Journal) -> Drainer:
    return Drainer(journal)


def ids() -> list[str]:
    return list(UsageRecord.objects.order_by("request_id").values_list("request_id", flat=True))


def left(directory: Path, *lines: bytes) -> Path:
    """A segment that a process which has ended left behind."""
    path, segment = segments.create(directory)
    os.write(segment, b"".join(lines))
    os.close(segment)
    return path


def test_a_record_is_stored_as_it_was_written(drainer: Drainer, journal: Journal) -> None:
    other = record(2, first_token_us=None, project_id="", stream=False, status=499, flag="f", variant="é 'x' \t\\N")
    for one in (GOOD, other):
        journal.append(encode(one))
    drainer.round()
    rows = UsageRecord.objects.order_by("request_id").values_list(*Record._fields)
    assert [tuple(row) for row in rows] == [(one[0], one.moment, *one[2:]) for one in (GOOD, other)]
    assert drainer.stored == 2


def test_what_was_stored_is_gone_from_the_journal_and_is_not_stored_again(drainer: Drainer, journal: Journal) -> None:
    journal.append(encode(GOOD))
    drainer.round()
    path, size = journal.live()
    assert path is not None
    assert (size, path.stat().st_size) == (0, 0)
    drainer.round()
    journal.append(encode(record(2)))
    drainer.round()
    assert ids() == ["req_1", "req_2"]
    assert drainer.stored == 2


def test_what_comes_in_meanwhile_is_for_the_next_round(
    drainer: Drainer, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(batch: list[Record]) -> list[Record]:
        journal.append(encode(record(len(batch) + 1)))
        return store(batch)

    journal.append(encode(GOOD))
    monkeypatch.setattr(draining, "store", busy)
    drainer.round()
    assert ids() == ["req_1"]
    monkeypatch.undo()
    read: list[int] = []

    def watched(batch: list[Record]) -> list[Record]:
        read.append(len(batch))
        return store(batch)

    monkeypatch.setattr(draining, "store", watched)
    drainer.round()
    assert ids() == ["req_1", "req_2"]
    assert read == [1], "what was stored is not read once more"
    assert journal.live()[1] == 0


def test_what_earlier_processes_left_is_stored_and_their_segments_are_deleted(
    drainer: Drainer, journal: Journal
) -> None:
    journal.append(encode(GOOD))
    for number in (2, 3):
        left(journal.directory, encode(record(number)))
    drainer.round()
    assert ids() == ["req_1", "req_2", "req_3"]
    assert segments.found(journal.directory) == [journal.live()[0]]


def test_a_segment_that_is_still_written_is_left_to_its_writer(drainer: Drainer, journal: Journal) -> None:
    other = Journal(journal.directory)
    other.append(encode(GOOD))
    drainer.round()
    assert ids() == []
    Drainer(other).round()
    other.close()
    assert ids() == ["req_1"]


def test_a_segment_that_this_process_gave_up_is_read_on_from_where_it_was(
    drainer: Drainer, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append(encode(GOOD))
    monkeypatch.setattr(Journal, "release", lambda *_: False)
    drainer.round()
    monkeypatch.undo()
    journal.append(encode(record(2)))
    journal.close()
    drainer.round()
    assert drainer.stored == 2
    assert segments.found(journal.directory) == []
    assert drainer._places == {}


@pytest.mark.parametrize("torn", [encode(record(2))[:-1], encode(record(2))[:20], b"\0" * 100], ids=["end", "cut", "0"])
def test_a_torn_last_line_is_told_and_costs_no_other(drainer: Drainer, journal: Journal, torn: bytes) -> None:
    left(journal.directory, encode(GOOD), torn)
    with capture_logs() as logs:
        drainer.round()
    assert ids() == ["req_1"]
    assert [(line["event"], line["bytes"]) for line in logs] == [("journal_line_torn", len(torn))]
    assert segments.found(journal.directory) == []


def test_a_damaged_line_is_set_aside_and_costs_no_other(drainer: Drainer, journal: Journal) -> None:
    damaged = encode(record(2)).replace(b"vendor", b"vandal")
    left(journal.directory, encode(GOOD), damaged, encode(record(3)))
    with capture_logs() as logs:
        drainer.round()
    assert ids() == ["req_1", "req_3"]
    assert [line["event"] for line in logs] == ["journal_line_set_aside"]
    assert (journal.directory / "lines.aside").read_bytes() == damaged
    drainer.round()
    assert (journal.directory / "lines.aside").read_bytes() == damaged


def test_a_record_that_the_database_refuses_is_set_aside_and_costs_no_other(
    drainer: Drainer, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def strict(batch: list[Record]) -> list[Record]:
        if any(one.model == "impossible" for one in batch):
            raise DataError("value too long")
        return store(batch)

    monkeypatch.setattr(draining, "store", strict)
    bad = record(2, model="impossible")
    for one in (GOOD, bad, record(3)):
        journal.append(encode(one))
    drainer.round()
    assert ids() == ["req_1", "req_3"]
    assert (journal.directory / "lines.aside").read_bytes() == encode(bad)
    assert journal.live()[1] == 0
    assert drainer.stored == 2


def test_a_negative_count_is_refused_by_the_database_and_set_aside(drainer: Drainer, journal: Journal) -> None:
    bad = record(2, input_tokens=-1)
    journal.append(encode(bad))
    journal.append(encode(GOOD))
    drainer.round()
    assert ids() == ["req_1"]
    assert (journal.directory / "lines.aside").read_bytes() == encode(bad)


class Away:
    """Stands in for the database: refuses everything until it is `back`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.back = False
        monkeypatch.setattr(draining, "store", self)

    def __call__(self, batch: list[Record]) -> list[Record]:
        if not self.back:
            raise OperationalError("the server closed the connection unexpectedly")
        return store(batch)


def test_while_the_database_is_away_the_journal_grows_and_then_all_of_it_is_stored(
    drainer: Drainer, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = Away(monkeypatch)
    left(journal.directory, encode(record(0)))
    with capture_logs() as logs:
        for number in range(1, 6):
            journal.append(encode(record(number)))
            drainer.round()
    assert [line["event"] for line in logs] == ["usage_not_stored"], "it is said once"
    caught_up = journal.caught_up
    assert ids() == []
    away.back = True
    with capture_logs() as logs:
        drainer.round()
    assert [line["event"] for line in logs] == ["usage_stored_again"]
    assert ids() == [f"req_{number}" for number in range(6)]
    assert journal.caught_up > caught_up
    assert segments.found(journal.directory) == [journal.live()[0]]


def test_a_crash_between_storing_and_forgetting_stores_nothing_twice(
    drainer: Drainer, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = left(journal.directory, *(encode(record(number)) for number in range(5)))
    kept = path.read_bytes()
    drainer.round()
    path.write_bytes(kept + encode(record(5)))
    again = Drainer(journal)
    again.round()
    assert ids() == [f"req_{number}" for number in range(6)]
    assert again.stored == 1


def test_a_clock_that_jumps_back_loses_nothing(drainer: Drainer, journal: Journal) -> None:
    journal.append(encode(record(1, at=2_000_000_000_000_000)))
    journal.append(encode(record(2, at=1_000_000_000_000_000)))
    journal.close()
    (segment,) = segments.found(journal.directory)
    os.utime(segment, (4_000_000_000, 4_000_000_000))
    journal.append(encode(record(3, at=-1)))
    journal.tend()
    drainer.round()
    assert ids() == ["req_1", "req_2", "req_3"]


def test_a_large_journal_is_stored_in_portions(
    drainer: Drainer, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "PIECE_BYTES", 1000)
    sizes: list[int] = []

    def counted(batch: list[Record]) -> list[Record]:
        sizes.append(len(batch))
        return store(batch)

    monkeypatch.setattr(draining, "store", counted)
    left(journal.directory, *(encode(record(number)) for number in range(50)))
    drainer.round()
    assert len(ids()) == 50
    assert len(sizes) >= 10


def test_flushers_that_read_the_same_at_once_store_it_once(tmp_path: Path, journal: Journal) -> None:
    def copied(name: str) -> Drainer:
        """A drainer of a journal that has the same records as all others, and some of its own."""
        directory = tmp_path / name
        own = int(name) * 1000
        numbers = [*range(300), *range(own, own + 50)]
        left(directory, *(encode(record(number)) for number in numbers[:: -1 if own % 2000 else 1]))
        return Drainer(Journal(directory))

    drainers = [copied(str(number)) for number in range(1, 5)]
    at_once(drainer.round for drainer in drainers)
    assert len(ids()) == 500
    assert sum(drainer.stored for drainer in drainers) == 500


def test_flushers_of_one_directory_share_the_work(journal: Journal) -> None:
    for start in range(0, 200, 10):
        left(journal.directory, *(encode(record(number)) for number in range(start, start + 10)))
    drainers = [Drainer(Journal(journal.directory)) for _ in range(3)]
    at_once(drainer.round for drainer in drainers)
    assert len(ids()) == 200
    assert sum(drainer.stored for drainer in drainers) == 200
    assert segments.found(journal.directory) == []


def at_once(calls: Any) -> None:
    def closing(call: Callable[[], None]) -> None:
        try:
            call()
        finally:
            connection.close()

    threads = [threading.Thread(target=closing, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_storing_returns_what_was_not_there_before() -> None:
    assert store([]) == []
    assert store([GOOD, GOOD]) == [GOOD]
    assert store([GOOD, record(2)]) == [record(2)]
    assert store([GOOD]) == []


def test_more_than_the_database_takes_in_one_query_is_looked_up_in_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.features, "max_query_params", 3)
    batch = [record(number) for number in range(10)]
    assert store(batch[:5]) == batch[:5]
    assert store(batch) == batch[5:]
    monkeypatch.setattr(connection.features, "max_query_params", None)
    assert store(batch) == []


def test_what_is_deleted_from_the_journal_is_on_the_disk_of_the_database() -> None:
    store([GOOD])
    asked = {"sqlite": ("PRAGMA synchronous", 2), "postgresql": ("SHOW synchronous_commit", "on")}
    statement, safe = asked[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.fetchone() == (safe,)


def test_forgetting_waits_and_leaves_nothing(drainer: Drainer, journal: Journal) -> None:
    journal.append(encode(GOOD))
    drainer._places[journal.directory / "x"] = 1
    drainer.forget()
    drainer.round()
    assert ids() == []
    assert drainer._places == {}
