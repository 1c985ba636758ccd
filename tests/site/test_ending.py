"""The end of the server, told before uvicorn waits for it."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from lukhas_site.ending import SIGNALS, told_of_the_end


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """The signals that reach whoever listened before."""
    heard: list[int] = []

    def hear(number: int, _: Any) -> None:
        heard.append(number)

    former = {each: signal.signal(each, hear) for each in SIGNALS}
    yield heard
    for each, handler in former.items():
        signal.signal(each, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_told_in_the_loop_and_does_what_it_did(heard: list[int], number: signal.Signals) -> None:
    async def run() -> None:
        told = asyncio.Event()
        before = signal.getsignal(number)
        with told_of_the_end(told.set):
            signal.raise_signal(number)
            async with asyncio.timeout(20):
                await told.wait()
        assert signal.getsignal(number) is before

    asyncio.run(run())
    assert heard == [number]


def test_where_a_signal_just_ends_the_process_it_still_does(heard: list[int]) -> None:
    async def run() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with told_of_the_end(lambda: None):
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL

    asyncio.run(run())


def test_outside_the_main_thread_nothing_can_be_heard(heard: list[int]) -> None:
    before = [signal.getsignal(each) for each in SIGNALS]
    seen: list[Any] = []

    def run() -> None:
        with told_of_the_end(lambda: None):
            seen.extend(signal.getsignal(each) for each in SIGNALS)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    assert seen == before
