"""What was spent, between this process and the database: read when it starts, written behind what happens."""

import threading
from collections.abc import Mapping
from datetime import date

import structlog
from django.db import Error, close_old_connections, connection, transaction

from accounts.alerts.watching import watch
from accounts.limits.buckets import LocalStore
from accounts.limits.rules import Account
from accounts.models.limits import Spend

log = structlog.get_logger(__name__)

_io = threading.Lock()
"""One at a time: who reads while another writes would miss what is between the two."""


def load(store: LocalStore) -> None:
    """Takes the current day and month from the database. Raises DatabaseError."""
    with _io:
        day, month = store.calendar.today()
        store.load(read([("day", day), ("month", month)]))


def read(periods: list[tuple[str, str]], scopes: list[str] | None = None) -> dict[Account, int]:
    """Returns what was spent in these periods, in micro-dollars: of all scopes, or of the given ones."""
    found: dict[Account, int] = {}
    for period, start in periods:
        rows = Spend.objects.filter(period=period, start=date.fromisoformat(start))
        if scopes is not None:
            rows = rows.filter(scope__in=scopes)
        found |= {(scope, period, start): micro for scope, micro in rows.values_list("scope", "micro")}
    return found


def flush(store: LocalStore) -> bool:
    """Writes what the database has not been told. Returns False where it could not be: it is tried again."""
    with _io:
        pending = store.take_pending()
        if not pending:
            return True
        close_old_connections()
        try:
            add(pending)
        except Error as error:
            store.return_pending(pending)
            log.warning("spending_not_written", error=type(error).__name__, rows=len(pending))
            return False
        finally:
            close_old_connections()
        watch.note(pending)
        return True


def add(costs: Mapping[Account, int]) -> None:
    """Adds to what was spent, in one transaction. Adding, so that several processes may do it."""
    table = connection.ops.quote_name(Spend.table())
    statement = (
        f"INSERT INTO {table} (scope, period, start, micro) VALUES (%s, %s, %s, %s) "  # noqa: S608 - its own table
        f"ON CONFLICT (scope, period, start) DO UPDATE SET micro = {table}.micro + excluded.micro"
    )
    # In one order, so that processes that write at the same time wait for each other instead of for ever.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(statement, [(*account, cost) for account, cost in sorted(costs.items())])


def forget() -> None:
    """Waits for a write that is under way."""
    with _io:
        pass
