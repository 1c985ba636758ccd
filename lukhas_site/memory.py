"""Memory that was used for a burst of requests, and freed, goes back to the system."""

import ctypes
import gc
import time

from accounts.limits.keeper import Keeper
from api import metrics as inference
from lukhas_site.http import metrics as http

EVERY = 10.0
"""Seconds between two looks."""
BUSY = 0.05
"""The share of a processor from which on the process is busy: three times what it does by itself. A burst of a second
falls into two looks, and is one all the same."""


def trim() -> None:
    """Gives back what was freed, where the C library knows how to: of the models' loading some 70 MB."""
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)


class Tidying:
    """Once the process has come to rest: collects all garbage, the interpreter's own spare objects included, and gives
    back what is free then. An object that lives on keeps the whole megabyte that it lies in, so what waits to be
    counted is counted first."""

    def __init__(self) -> None:
        self.used = 0.0
        self.was_busy = False

    def round(self) -> None:
        """Looks whether it has."""
        used = time.process_time()
        busy = used - self.used > BUSY * EVERY
        self.used = used
        if self.was_busy and not busy:
            for batch in (http.batch, inference.batch):
                batch.flush()
            gc.collect()
            trim()
        self.was_busy = busy


tidying = Tidying()
keeper = Keeper(tidying.round, "memory", EVERY)
