"""The files of a journal, and whose they are."""

import errno
import os
from pathlib import Path

import pytest

from analytics import segments


def closed(directory: Path, content: bytes) -> Path:
    """A segment that its writer has left."""
    path, segment = segments.create(directory)
    os.write(segment, content)
    os.close(segment)
    return path


def test_a_segment_is_its_writers_alone_until_it_is_closed(tmp_path: Path) -> None:
    path, segment = segments.create(tmp_path)
    assert segments.found(tmp_path) == [path]
    assert segments.claim(path) is None
    os.close(segment)
    claimed = segments.claim(path)
    assert claimed is not None
    assert segments.claim(path) is None, "who drains it holds it as well"
    os.close(claimed)


def test_names_are_never_used_twice(tmp_path: Path) -> None:
    made = [segments.create(tmp_path) for _ in range(20)]
    for _, segment in made:
        os.close(segment)
    assert len({path for path, _ in made}) == 20


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    path = closed(tmp_path / "new", b"")
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_segment_that_is_gone_cannot_be_claimed(tmp_path: Path) -> None:
    assert segments.claim(tmp_path / "1-a.journal") is None
    assert segments.size_of(tmp_path / "1-a.journal") == (0, 0.0)


def test_a_segment_that_was_deleted_while_it_was_opened_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = closed(tmp_path, b"a\n")
    lock = segments.fcntl.flock

    def late(segment: int, how: int) -> None:
        path.unlink()
        lock(segment, how)

    monkeypatch.setattr(segments.fcntl, "flock", late)
    assert segments.claim(path) is None


def test_a_segment_that_cannot_be_named_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(directory: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(segments, "sync_directory", full)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match="No space"):
        segments.create(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 100])
def test_lines_are_whole_however_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(segments, "PIECE_BYTES", piece)
    path = closed(tmp_path, b"a\nbcd\nefghij\ntorn")
    segment = os.open(path, os.O_RDONLY)
    portions = list(segments.lines(segment, 0, 17))
    assert [line for lines, _ in portions for line in lines] == [b"a", b"bcd", b"efghij"]
    assert portions[-1][1] == 13
    assert list(segments.lines(segment, 2, 6)) == [([b"bcd"], 6)]
    assert list(segments.lines(segment, 2, 5)) == []
    os.close(segment)
