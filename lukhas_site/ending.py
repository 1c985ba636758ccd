"""The end of the server, told before uvicorn waits for it."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def told_of_the_end(tell: Callable[[], None]) -> Iterator[None]:
    """Has the running loop call `tell` when a signal asks the process to end.

    uvicorn then waits for the answers that are under way before it says a word to the application; a stream that
    waits for events would have it wait in vain. What the signal did before, it does as well. Outside the main thread
    no signal can be heard, and nothing is told.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    former: dict[signal.Signals, Callable[[int, Any], Any]] = {}

    def heard(number: int, frame: Any) -> None:
        loop.call_soon_threadsafe(tell)
        former[signal.Signals(number)](number, frame)

    for each in SIGNALS:
        handler = signal.getsignal(each)
        if callable(handler):  # else nobody shuts anything down, and the process simply ends
            former[each] = handler
            signal.signal(each, heard)
    try:
        yield
    finally:
        for each, handler in former.items():
            signal.signal(each, handler)
