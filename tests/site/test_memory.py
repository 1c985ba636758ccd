"""What a burst of requests used goes back to the system once the process has come to rest."""

import gc
import weakref
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from api import metrics as inference
from lukhas_site import memory
from lukhas_site.http import metrics as http
from lukhas_site.memory import BUSY, EVERY, Tidying

A_LITTLE, A_LOT = 0.5 * BUSY * EVERY, 2 * BUSY * EVERY


class Ring:
    """Refers to itself, so that only the collector finds it."""

    def __init__(self) -> None:
        self.itself = self


class Process:
    """How long the process has worked, as tests tell it; what was trimmed, and what waited to be counted."""

    def __init__(self) -> None:
        self.used = 0.0
        self.trimmed = 0
        self.counted: list[str] = []
        self.tidying = Tidying()

    def works(self, seconds: float) -> int:
        """For so long until the next look; returns how often memory was given back so far."""
        self.used += seconds
        self.tidying.round()
        return self.trimmed

    def trim(self) -> None:
        self.trimmed += 1


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    process = Process()
    monkeypatch.setattr(memory.time, "process_time", lambda: process.used)
    monkeypatch.setattr(memory, "trim", process.trim)
    for name, module in (("http", http), ("inference", inference)):
        monkeypatch.setattr(module, "batch", http.Batch(process.counted.append))
        module.batch.add(name)
    gc.disable()
    yield process
    gc.enable()


def test_it_is_done_once_after_every_burst_and_not_while_it_lasts(process: Process) -> None:
    worked = (A_LITTLE, A_LOT, A_LOT, A_LITTLE, A_LITTLE, A_LOT, A_LITTLE)
    assert [process.works(seconds) for seconds in worked] == [0, 0, 0, 1, 1, 1, 2]


def test_a_burst_of_a_second_that_falls_into_two_looks_is_one(process: Process) -> None:
    assert [process.works(seconds) for seconds in (0.15, 0.55, 0.55, 0.15)] == [0, 0, 0, 1]


def test_garbage_is_gone_and_nothing_waits_to_be_counted(process: Process) -> None:
    garbage = weakref.ref(Ring())
    process.works(A_LOT)
    assert (garbage() is None, process.counted) == (False, [])
    process.works(A_LITTLE)
    assert (garbage() is None, process.counted) == (True, ["http", "inference"])


def test_memory_is_given_back_only_where_the_c_library_can(monkeypatch: pytest.MonkeyPatch) -> None:
    trimmed: list[int] = []
    monkeypatch.setattr("ctypes.CDLL", lambda name: SimpleNamespace(malloc_trim=trimmed.append))
    memory.trim()
    monkeypatch.setattr("ctypes.CDLL", lambda name: SimpleNamespace())
    memory.trim()
    assert trimmed == [0]
