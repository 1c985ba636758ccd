"""What is left out of measuring, and that nothing else is."""

import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from tests.measuring import unmeasured, unmeasured_environment


def nothing(frame: FrameType, event: str, argument: Any) -> None:
    """A tracer that traces no lines."""


@pytest.fixture
def tracer() -> Iterator[Any]:
    """The tracer of this thread and of those to come; afterwards the one that was there."""
    here, others = sys.gettrace(), threading.gettrace()
    sys.settrace(nothing)
    threading.settrace(nothing)
    yield nothing
    sys.settrace(here)
    threading.settrace(others)


def of_another_thread() -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(sys.gettrace()))
    thread.start()
    thread.join()
    return found[0]


def test_this_thread_is_not_measured_and_others_are(tracer: Any) -> None:
    with unmeasured():
        assert sys.gettrace() is None
        assert of_another_thread() is tracer
    assert sys.gettrace() is tracer


def test_a_failure_is_the_end_of_it_too(tracer: Any) -> None:
    with pytest.raises(ZeroDivisionError), unmeasured():
        _ = 1 // 0
    assert sys.gettrace() is tracer


def test_a_process_is_not_measured_without_what_coverage_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVERAGE_PROCESS_CONFIG", "{}")
    monkeypatch.setenv("LUKHAS_LANE", "tests")
    environment = unmeasured_environment()
    assert [name for name in environment if name.startswith("COVERAGE")] == []
    assert environment["LUKHAS_LANE"] == "tests"
