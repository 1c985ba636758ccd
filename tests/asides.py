"""What runs nothing of the application and yet takes most of the time of tests: coverage looks away while it runs.

A tracer makes all that a thread runs half as slow again, whether it is to be measured or not. These are the client that
tests ask the server with, and Django's way from a query to its rows. A query with annotations is left as it is: some
of those are the application's, and say for themselves what they are in SQL.
"""

import functools
import sys
from collections.abc import Callable
from typing import Any

QUERY = ("add_ordering", "add_q", "build_filter", "chain", "clone", "setup_joins")


def always(*_: Any) -> bool:
    return True


def look_away(owner: type, name: str, where: Callable[..., bool] = always) -> None:
    """From now on this method of `owner` is not measured, where `where` is true of what it is called with first."""
    method = getattr(owner, name)

    @functools.wraps(method)
    def unwatched(self: Any, *args: Any, **options: Any) -> Any:
        tracer = sys.gettrace()
        if tracer is None or not where(self):
            return method(self, *args, **options)
        sys.settrace(None)
        try:
            return method(self, *args, **options)
        finally:
            sys.settrace(tracer)

    setattr(owner, name, unwatched)


def look_away_from_all() -> None:
    """Looks away from everything that the head of this module speaks of."""
    import httpx
    from django.db.backends.utils import CursorWrapper
    from django.db.models.sql.compiler import SQLCompiler, SQLInsertCompiler
    from django.db.models.sql.query import Query

    for name in ("__init__", "close", "request", "send"):
        look_away(httpx.Client, name)
    look_away(CursorWrapper, "execute")  # the rows of `executemany` may be made meanwhile, by the application
    for name in QUERY:
        look_away(Query, name)
    for compiler in (SQLCompiler, SQLInsertCompiler):
        look_away(compiler, "execute_sql", where=lambda compiler: not compiler.query.annotations)
