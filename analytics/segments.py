"""The files of a journal: each is written by one process, which holds a lock on it for as long as it lives.

Whoever gets the lock of a segment knows that its writer is gone, and may read it to its end and delete it. Locks are
those of flock(2): the system takes them back however a process ends. They need a disk of this machine's own.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

SUFFIX = ".journal"
ASIDE = ".aside"
PIECE_BYTES = 1024 * 1024
"""What is read at once, and so about what one transaction stores."""


def create(directory: Path) -> tuple[Path, int]:
    """Makes a segment of this process's own, and returns it open to be appended to, and locked.

    It gets its name after its lock: nobody finds it without. Raises OSError.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = f"{os.getpid()}-{secrets.token_hex(8)}"
    unnamed, path = directory / f".{name}", directory / f"{name}{SUFFIX}"
    segment = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    try:
        fcntl.flock(segment, fcntl.LOCK_EX)
        unnamed.rename(path)
        sync_directory(directory)
    except OSError:
        os.close(segment)
        unnamed.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise
    return path, segment


def sync_directory(directory: Path) -> None:
    """Makes the names in a directory outlast a loss of power."""
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def found(directory: Path) -> list[Path]:
    """The segments that there are now, whoever writes them."""
    return sorted(directory.glob(f"[!.]*{SUFFIX}"))


def claim(path: Path) -> int | None:
    """Opens and locks a segment that nobody writes any more. None where somebody does, or it is gone."""
    try:
        segment = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(segment, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(segment)
        return None
    if os.fstat(segment).st_nlink:
        return segment
    os.close(segment)  # another process has read and deleted it meanwhile
    return None


def size_of(path: Path) -> tuple[int, float]:
    """Bytes of a segment, and when it was last written to, in seconds since 1970; zeros where it is gone."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return 0, 0.0
    return stat.st_size, stat.st_mtime


def lines(segment: int, start: int, end: int) -> Iterator[tuple[list[bytes], int]]:
    """The whole lines between two places of a segment, without their newlines, in portions; with each the place that
    follows it. What comes after the last newline is left."""
    piece = PIECE_BYTES
    while start < end:
        block = os.pread(segment, min(piece, end - start), start)
        last = block.rfind(b"\n")
        if last < 0:
            if len(block) < piece:
                return
            piece *= 2  # longer than any line of ours: only damage looks so
            continue
        start += last + 1
        yield block[:last].split(b"\n"), start
