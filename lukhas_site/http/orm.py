"""The way from async hot-path code to the database."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections

P = ParamSpec("P")
T = TypeVar("T")


async def in_database(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """What `function` returns, run in the thread that may use the ORM.

    The lean handler sends no request signals, so this closes connections that broke or grew too old, as Django does
    around each request. On the lean path all callers share one thread: keep functions short. Raises what `function`
    raises. A caller that is cancelled does not stop a function that already runs.
    """
    return await sync_to_async(_with_upkeep, thread_sensitive=True)(function, *args, **kwargs)


def _with_upkeep(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    close_old_connections()
    try:
        return function(*args, **kwargs)
    finally:
        close_old_connections()
