"""Coverage, left off where it would measure nothing of ours, or nothing new, and costs as much as what it measures.

It watches each line of each module that a thread runs, to count those of the application. So what pytest does between
fixtures and tests is not measured. Neither are tests with the mark `unmeasured`: those that go through a whole table or
make up hostile requests, and so run over and over what others have measured already. Fixtures that they share with
others are, and threads that start then: one of a pool goes on to serve other tests. Nor is the process that only hands
the tests out to others, nor what `tests/asides.py` names.
"""

import os
import sys
import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.asides import look_away_from_all

MARK = "unmeasured"
LOOPS: set[AbstractEventLoop] = set()
"""The event loops of servers in other threads of this process."""


@contextmanager
def traced(here: Any, others: Any) -> Iterator[None]:
    """Within this, `here` watches this thread, and `others` those that start; None watches nothing."""
    former = sys.gettrace(), threading.gettrace()
    threading.settrace(others)
    sys.settrace(here)
    try:
        yield
    finally:
        sys.settrace(former[0])
        threading.settrace(former[1])  # type: ignore[arg-type]


def unmeasured() -> Any:
    """Within this, what this thread runs is not measured; what others run is."""
    return traced(None, threading.gettrace())


@contextmanager
def unmeasured_loops() -> Iterator[None]:
    """Within this, the servers that run already are not measured."""
    loops = LOOPS.copy()
    tracers: dict[AbstractEventLoop, Any] = {}

    def ask(what: Callable[[AbstractEventLoop], None]) -> None:
        for loop in loops & LOOPS:
            loop.call_soon_threadsafe(what, loop)

    def rest(loop: AbstractEventLoop) -> None:
        tracers[loop] = sys.gettrace()
        sys.settrace(None)

    ask(rest)
    yield
    ask(lambda loop: sys.settrace(tracers[loop]))


def unmeasured_environment() -> dict[str, str]:
    """This process's environment, for a process that shall not be measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


class Coverage:
    """A plugin of pytest: what is measured of the tests. `now` is what watches while fixtures and tests are run."""

    def __init__(self) -> None:
        self.all = self.now = sys.gettrace(), threading.gettrace()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """What pytest does for a test is not measured, but for what the hooks below see to."""
        self.all = self.now = sys.gettrace(), threading.gettrace()
        if item.get_closest_marker(MARK) is None:
            with unmeasured():
                return (yield)
        self.now = None, self.all[1]
        with unmeasured_loops(), traced(*self.now):
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        with traced(*(self.now if fixturedef.scope == "function" else self.all)):
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_pyfunc_call(self) -> Generator[None, Any, Any]:
        with traced(*self.now):
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_teardown(self) -> Generator[None, Any, Any]:
        with traced(*self.now):
            return (yield)


def hands_out(config: pytest.Config) -> bool:
    """Whether this process runs no tests, but has others run them."""
    return bool(getattr(config.option, "numprocesses", None)) and not hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARK}: coverage does not measure what this test runs.")
    if hands_out(config):
        threading.settrace(None)
        sys.settrace(None)
    if sys.gettrace() is not None:
        look_away_from_all()
    config.pluginmanager.register(Coverage())
