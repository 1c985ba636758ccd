"""The way from async hot-path code to the database."""

from collections.abc import Callable
from time import monotonic
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import OperationalError, close_old_connections

P = ParamSpec("P")
T = TypeVar("T")

SLOW_SECONDS = 1.0
"""A failure that took longer is one of a database that is away; others are of the statement."""
PAUSE_SECONDS = 1.0


async def in_database(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """What `function` returns, run in the thread that may use the ORM.

    The lean handler sends no request signals, so this closes connections that broke or grew too old, as Django does
    around each request. On the lean path all callers share one thread: keep functions short. Raises what `function`
    raises. A caller that is cancelled does not stop a function that already runs.

    Where the database is away, a function fails only after it has waited for a connection. Those behind it would each
    wait as long, one after the other; so for a second after such a failure they fail at once, with OperationalError.
    """
    return await sync_to_async(_with_upkeep, thread_sensitive=True)(function, *args, **kwargs)


class _Outage:
    """Until when nobody need wait for the database, on the monotonic clock."""

    until = 0.0


def _with_upkeep(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    started = monotonic()
    if started < _Outage.until:
        raise OperationalError("The database did not answer a moment ago.")
    close_old_connections()
    try:
        return function(*args, **kwargs)
    except OperationalError:
        if monotonic() - started > SLOW_SECONDS:
            _Outage.until = monotonic() + PAUSE_SECONDS
        raise
    finally:
        close_old_connections()
