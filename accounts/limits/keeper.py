"""A thread that does the same work every second or so, until it is stopped, and then once more."""

import atexit
import threading
from collections.abc import Callable

import structlog
from django.db import connection

EVERY = 1.0
"""Seconds between two rounds unless told otherwise, and so what a crash may leave unwritten."""

log = structlog.get_logger(__name__)


class Keeper:
    def __init__(self, work: Callable[[], None], name: str = "limits", every: float = EVERY) -> None:
        self.work = work
        self.name = name
        self.every = every
        self.started = False
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Starts the thread, unless it runs."""
        with self._lock:
            if not self.started:
                self._over = threading.Event()
                self._thread = threading.Thread(
                    target=self._run, args=(self._over,), name=f"{self.name}-keeper", daemon=True
                )
                self._thread.start()
                atexit.register(self.stop)
                self.started = True

    def stop(self) -> None:
        """Ends the thread after a last round."""
        with self._lock:
            if self.started and self._thread is not None:
                self.started = False
                atexit.unregister(self.stop)
                self._over.set()
                self._thread.join(5)

    def _run(self, over: threading.Event) -> None:
        try:
            while not over.wait(self.every):
                self._round()
            self._round()
        finally:
            connection.close()

    def _round(self) -> None:
        try:
            self.work()
        except Exception as error:  # noqa: BLE001 - the next round may go well, and without rounds nothing is written
            log.error("not_kept", kept=self.name, error=repr(error))
