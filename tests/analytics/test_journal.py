"""The journal: what was appended is there, and what cannot be appended is not taken in."""

import asyncio
import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from analytics import journal as module
from analytics import segments
from analytics.exceptions import JournalUnavailable
from analytics.journal import ALWAYS, NEVER, RESERVE, RESERVE_BYTES, Journal
from tests.processes import eventually

NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
Write = Callable[[int, bytes], int]


def content(journal: Journal) -> bytes:
    """Everything that is in the segments, in the order of their names."""
    return b"".join(path.read_bytes() for path in segments.found(journal.directory))


@pytest.fixture
def still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    """A journal without a thread: the test tends it."""
    monkeypatch.setattr(Journal, "_start", lambda journal: None)
    return Journal(tmp_path / "usage")


@pytest.fixture
def clocked(still: Journal) -> Any:
    """A journal on a clock of the test's own."""
    still.clock = clock = Clock()
    still.caught_up = still._begun = clock.now
    return still, clock


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Disk:
    """Stands in for os.write: takes so many bytes, and then is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room = room
        self.write = os.write
        monkeypatch.setattr(module.os, "write", self)

    def __call__(self, opened: int, data: bytes) -> int:
        if self.room <= 0:
            raise NO_SPACE
        written = self.write(opened, data[: self.room])
        self.room -= written
        return written


def test_what_is_appended_is_in_the_file_at_once(journal: Journal) -> None:
    assert journal.append(b"a\n")
    assert journal.append(b"b\n")
    path, size = journal.live()
    assert path is not None
    assert path.read_bytes() == b"a\nb\n"
    assert size == 4


def test_threads_that_append_at_once_do_not_mix_their_lines(journal: Journal) -> None:
    def write(letter: str) -> None:
        for _ in range(500):
            journal.append(letter.encode() * 50 + b"\n")

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = content(journal).splitlines()
    assert len(lines) == 2000
    assert all(line == line[:1] * 50 for line in lines)


def test_a_journal_that_is_started_has_a_segment_and_a_reserve(journal: Journal) -> None:
    journal.start()
    eventually(lambda: segments.size_of(journal.directory / RESERVE)[0] == RESERVE_BYTES, 10, "the reserve is there")
    journal.start()
    assert len(segments.found(journal.directory)) == 1


def test_closing_leaves_what_was_not_drained_and_no_empty_file(journal: Journal) -> None:
    journal.start()
    journal.close()
    assert segments.found(journal.directory) == []
    journal.append(b"a\n")
    journal.close()
    (left,) = segments.found(journal.directory)
    claimed = segments.claim(left)
    assert claimed is not None
    os.close(claimed)
    journal.append(b"b\n")
    assert content(journal) in (b"a\nb\n", b"b\na\n")


def test_what_was_drained_is_emptied_unless_more_came_in(journal: Journal) -> None:
    journal.append(b"a\n")
    path, size = journal.live()
    assert path is not None
    assert not journal.release(path.with_name("other"), size)
    journal.append(b"b\n")
    assert not journal.release(path, size)
    assert journal.release(path, 4)
    assert content(journal) == b""
    journal.append(b"c\n")
    assert content(journal) == b"c\n"


class TestSegments:
    def test_a_long_one_is_given_up_for_a_new_one(self, clocked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        journal, _ = clocked
        monkeypatch.setattr(module, "SEGMENT_BYTES", 4)
        journal.append(b"a\n")
        journal.tend()
        assert len(segments.found(journal.directory)) == 1
        journal.append(b"b\n")
        old, _ = journal.live()
        journal.tend()
        new, size = journal.live()
        assert new != old
        assert size == 0
        claimed = segments.claim(old)
        assert claimed is not None, "whoever drains next may take it"
        os.close(claimed)
        journal.append(b"c\n")
        assert new.read_bytes() == b"c\n"

    def test_an_old_one_is_given_up_unless_it_is_empty(self, clocked: Any) -> None:
        journal, clock = clocked
        journal.start()
        first, _ = journal.live()
        clock.now += 1000
        journal.tend()
        assert journal.live()[0] == first
        journal.append(b"a\n")
        journal.tend()
        assert journal.live()[0] != first
        second, _ = journal.live()
        journal.append(b"b\n")
        clock.now += 59
        journal.tend()
        assert journal.live()[0] == second

    def test_where_no_new_one_can_be_made_the_old_one_goes_on(
        self, clocked: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        journal, clock = clocked
        journal.append(b"a\n")
        clock.now += 61

        def full(directory: Path) -> Any:
            raise NO_SPACE

        monkeypatch.setattr(segments, "create", full)
        with pytest.raises(OSError, match="No space"):
            journal.tend()
        assert journal.append(b"b\n")
        assert content(journal) == b"a\nb\n"


class TestDurability:
    def test_batch_brings_lines_to_the_disk_behind_the_request(
        self, journal: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        synced = threading.Event()
        monkeypatch.setattr(module.os, "fdatasync", lambda segment: synced.set())
        journal.append(b"a\n")
        assert synced.wait(10)

    def test_nothing_is_synced_twice(self, still: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
        synced: list[int] = []
        monkeypatch.setattr(module.os, "fdatasync", synced.append)
        still.append(b"a\n")
        still.tend()
        still.tend()
        assert len(synced) == 1
        still.append(b"b\n")
        still.tend()
        assert len(synced) == 2

    def test_what_comes_after_an_emptying_is_synced_as_well(
        self, still: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        synced: list[int] = []
        still.append(b"a\n")
        path, size = still.live()
        assert path is not None

        def while_it_is_emptied(segment: int) -> None:
            synced.append(segment)
            if len(synced) == 1:
                assert still.release(path, size)
                still.append(b"b\n")

        monkeypatch.setattr(module.os, "fdatasync", while_it_is_emptied)
        still.tend()
        still.tend()
        assert len(synced) == 2

    async def test_batch_and_never_do_not_wait(self, journal: Journal) -> None:
        journal.append(b"a\n")
        await asyncio.wait_for(journal.committed(), 5)

    def test_never_leaves_it_to_the_system(self, still: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
        def unwanted(segment: int) -> None:
            raise AssertionError("synced")

        still.fsync = NEVER
        monkeypatch.setattr(module.os, "fdatasync", unwanted)
        still.append(b"a\n")
        still.tend()

    async def test_always_waits_for_the_disk_all_of_a_batch_at_once(
        self, journal: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        journal.fsync = ALWAYS
        let_go, syncs = threading.Event(), []

        def slow(segment: int) -> None:
            syncs.append(segment)
            let_go.wait(10)

        monkeypatch.setattr(module.os, "fdatasync", slow)
        journal.append(b"a\n")
        first = asyncio.create_task(journal.committed())
        await asyncio.to_thread(eventually, lambda: syncs, 10, "the first sync is under way")
        others = []
        for _ in range(20):
            journal.append(b"b\n")
            others.append(asyncio.create_task(journal.committed()))
        await asyncio.sleep(0.05)
        assert not first.done()
        others[0].cancel()
        let_go.set()
        await asyncio.wait_for(asyncio.gather(first, *others[1:]), 10)
        assert len(syncs) <= 3, "twenty-one requests share them"

    async def test_always_fails_where_the_disk_does(self, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
        journal.fsync = ALWAYS

        def broken(segment: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(module.os, "fdatasync", broken)
        journal.append(b"a\n")
        with pytest.raises(JournalUnavailable):
            await asyncio.wait_for(journal.committed(), 10)

    async def test_always_fails_where_the_segment_that_was_given_up_cannot_be_synced(
        self, clocked: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        journal, clock = clocked
        journal.fsync = ALWAYS
        journal.append(b"a\n")
        journal.tend()
        clock.now += 61
        waiting = asyncio.create_task(journal.committed())

        def broken(segment: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(module.os, "fdatasync", broken)
        journal._rotate()
        await asyncio.sleep(0)
        journal.tend()
        with pytest.raises(JournalUnavailable):
            await asyncio.wait_for(waiting, 10)

    def test_who_waited_in_a_loop_that_is_closed_holds_nobody_up(self, still: Journal) -> None:
        still.fsync = ALWAYS
        still.append(b"a\n")

        async def give_up() -> None:
            task = asyncio.create_task(still.committed())
            await asyncio.sleep(0)
            task.cancel()

        asyncio.run(give_up())
        still.tend()
        assert still.append(b"b\n")

    def test_a_failure_of_the_thread_does_not_end_it(self, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
        tended = threading.Semaphore(0)

        def broken(journal: Journal) -> None:
            tended.release()
            raise NO_SPACE

        monkeypatch.setattr(Journal, "tend", broken)
        journal.start()
        for _ in range(2):
            assert tended.acquire(timeout=10)


class TestFullDisk:
    def test_what_is_under_way_is_written_into_the_reserve_and_nothing_more_is_taken_in(
        self, still: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        still.append(b"a\n")
        still.tend()
        reserve = still.directory / RESERVE
        assert reserve.stat().st_size == RESERVE_BYTES
        disk = Disk(monkeypatch, 1)
        truncate = os.truncate

        def give_up(path: Path, length: int) -> None:
            truncate(path, length)
            disk.room = 100

        monkeypatch.setattr(module.os, "truncate", give_up)
        with capture_logs() as logs:
            assert still.append(b"bb\n")
            assert still.append(b"cc\n")
        assert content(still) == b"a\nbb\ncc\n"
        assert reserve.stat().st_size == 0
        assert still.refusing == "No space left on device"
        assert [line["event"] for line in logs] == ["journal_full"]

    @pytest.mark.parametrize("room", [0, 1, 2])
    def test_where_nothing_helps_no_piece_of_the_line_is_left(
        self, still: Journal, monkeypatch: pytest.MonkeyPatch, room: int
    ) -> None:
        still.append(b"a\n")
        disk = Disk(monkeypatch, room)
        assert not still.append(b"bbbb\n")
        assert still.refusing
        disk.room = 1000
        assert still.append(b"cc\n")
        assert content(still) == b"a\ncc\n"

    def test_a_piece_of_the_second_try_is_not_left_either(
        self, still: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        still.append(b"a\n")
        disk = Disk(monkeypatch, 1)
        truncate = os.ftruncate

        def more(segment: int, length: int) -> None:
            truncate(segment, length)
            disk.room = 2

        monkeypatch.setattr(module.os, "ftruncate", more)
        assert not still.append(b"bbbb\n")
        assert content(still) == b"a\n"

    def test_what_is_owed_is_written_when_there_is_room_again(
        self, clocked: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        journal, clock = clocked
        journal.append(b"a\n")
        disk = Disk(monkeypatch, 0)

        def no_reserve(opened: int, start: int, length: int) -> None:
            if not disk.room:
                raise NO_SPACE

        monkeypatch.setattr(module.os, "posix_fallocate", no_reserve)
        assert not journal.append(b"b\n")
        with capture_logs() as logs:
            journal.owe(b"b\n")
            journal.owe(b"c\n")
        assert [line["line"] for line in logs] == ["b", "c"]
        clock.now += 1
        journal.tend()
        assert journal.refusing
        disk.room = 3
        clock.now += 1
        journal.tend()
        assert content(journal) == b"a\nb\n"
        assert journal.refusing
        disk.room = 100
        clock.now += 1
        with capture_logs() as logs:
            journal.tend()
        assert [line["event"] for line in logs] == ["journal_has_room_again"]
        assert not journal.refusing
        assert content(journal) == b"a\nb\nc\n"

    def test_it_is_noticed_ahead_by_the_reserve(self, clocked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        journal, _ = clocked
        monkeypatch.setattr(module.os, "posix_fallocate", raises(NO_SPACE))
        journal.start()
        journal.tend()
        assert journal.refusing == "No space left on device"

    def test_a_long_segment_is_not_given_up_while_there_is_no_room(
        self, clocked: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        journal, clock = clocked
        journal.append(b"a\n")
        path, _ = journal.live()
        monkeypatch.setattr(module.os, "posix_fallocate", raises(NO_SPACE))
        journal.tend()
        clock.now += 61
        journal.tend()
        assert journal.live()[0] == path

    def test_a_directory_that_cannot_be_written_refuses_from_the_start_and_until_it_can(self, tmp_path: Path) -> None:
        (tmp_path / "usage").write_text("a file")
        journal = Journal(tmp_path / "usage")
        journal.start()
        try:
            assert journal.refusing
            assert not journal.append(b"a\n")
            (tmp_path / "usage").unlink()
            eventually(lambda: not journal.refusing, 10, "there is room")
            assert journal.append(b"a\n")
            assert content(journal) == b"a\n"
        finally:
            journal.close()


def raises(error: OSError) -> Callable[..., Any]:
    def fail(*arguments: Any) -> Any:
        raise error

    return fail


class TestBacklog:
    def test_more_than_is_allowed_refuses_until_it_is_drained(self, clocked: Any) -> None:
        journal, clock = clocked
        journal.max_bytes = 3
        journal.append(b"a\n")
        journal.tend()
        assert not journal.refusing
        assert journal.backlog == 2
        journal.append(b"b\n")
        clock.now += 1
        journal.tend()
        assert journal.refusing == "more than 3 bytes wait for the database"
        path, size = journal.live()
        journal.release(path, size)
        clock.now += 1
        journal.tend()
        assert not journal.refusing
        assert journal.backlog == 0

    def test_what_other_processes_left_counts_with_its_age(self, clocked: Any) -> None:
        journal, _ = clocked
        path, segment = segments.create(journal.directory)
        os.write(segment, b"left\n")
        os.close(segment)
        old = path.stat().st_mtime - 500
        os.utime(path, (old, old))
        journal.tend()
        assert journal.backlog == 5
        assert 499 < journal.oldest < 600

    def test_the_age_is_since_when_not_everything_was_drained(self, clocked: Any) -> None:
        journal, clock = clocked
        journal.append(b"a\n")
        clock.now += 7
        journal.tend()
        assert journal.oldest == 7
        journal.caught_up = clock.now
        clock.now += 1
        journal.tend()
        assert journal.oldest == 1

    def test_a_time_of_day_that_jumps_back_makes_no_age_of_less_than_nothing(
        self, clocked: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        journal, _ = clocked
        journal.append(b"a\n")
        monkeypatch.setattr(module, "time", lambda: 1.0)
        journal.tend()
        assert journal.oldest == 0

    def test_forgetting_leaves_nothing(self, journal: Journal) -> None:
        journal.append(b"a\n")
        journal.owe(b"b\n")
        journal.tend()
        journal.forget()
        assert list(journal.directory.iterdir()) == []
        assert (journal.backlog, journal.oldest, journal.refusing) == (0, 0.0, "")
