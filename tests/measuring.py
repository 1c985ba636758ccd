"""Coverage, left off where it would measure nothing of ours and costs as much as what it measures.

It watches each line of each module that a thread runs, to count those of the application. A thread that makes up
hostile requests for a server in another thread runs hypothesis, schemathesis and an HTTP client.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unmeasured() -> Iterator[None]:
    """Within this, what this thread runs is not measured; what others run is."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)


def unmeasured_environment() -> dict[str, str]:
    """This process's environment, for a process that shall not be measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
