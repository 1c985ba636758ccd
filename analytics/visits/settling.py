"""Up to which event all are there."""

from collections.abc import Callable

from django.db import connection
from django.db.models import Max

from analytics.models import Event
from analytics.visits.settling_postgres import settled_postgres, share


def settled_sqlite() -> int:
    """Returns the key up to which no event will come to be there any more: one writes at a time, and keys grow."""
    last: int | None = Event.objects.aggregate(last=Max("pk"))["last"]
    return last or 0


SETTLED: dict[str, Callable[[], int]] = {"sqlite": settled_sqlite, "postgresql": settled_postgres}
ABOUT_TO_INSERT: dict[str, Callable[[], None]] = {"sqlite": lambda: None, "postgresql": share}


def about_to_insert() -> None:
    """Says that this transaction is about to insert events. To be called before it takes any lock."""
    ABOUT_TO_INSERT[connection.vendor]()


def settled() -> int:
    """Returns the key of an event up to which none will come to be there any more. Raises DatabaseError."""
    return SETTLED[connection.vendor]()
