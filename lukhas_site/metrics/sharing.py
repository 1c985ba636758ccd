"""One set of metrics for the processes of one server: prometheus_client's multi-process mode.

Each process writes its counts to files in a directory of the server's, and whichever is asked adds up all of them.
"""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, multiprocess

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
GAUGES = re.compile(r"gauge_live\w+_(\d+)\.db")


@contextmanager
def shared() -> Iterator[None]:
    """Has processes that are started within this share their metrics, as they read the variable when they begin."""
    with tempfile.TemporaryDirectory(prefix="lukhas-metrics-") as directory:
        before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = directory
        try:
            yield
        finally:
            if before is None:
                del os.environ[VARIABLE]
            else:
                os.environ[VARIABLE] = before


def directory() -> Path | None:
    """Where the processes of this server share their metrics; None where this one is alone."""
    found = os.environ.get(VARIABLE, "")
    return Path(found) if found else None


def registry() -> CollectorRegistry:
    """What is told: of this process, or of all of its server. How things stood in processes that ended is left out."""
    place = directory()
    if place is None:
        return REGISTRY
    for file in place.iterdir():
        found = GAUGES.fullmatch(file.name)
        if found and not _is_alive(int(found[1])):
            multiprocess.mark_process_dead(int(found[1]), str(place))
    whole = CollectorRegistry()
    multiprocess.MultiProcessCollector(whole, str(place))
    return whole


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's, and so none of ours
        return False
    return True
