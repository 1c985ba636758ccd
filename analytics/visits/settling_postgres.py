"""Up to which event all are there, on PostgreSQL.

Events get their keys when they are inserted, and are seen when their transaction ends: so a smaller one may come to be
seen after a greater one. Whoever inserts events shares a lock until then; whoever asks takes it alone, for the moment
that asking takes, and so waits for those who have begun.
"""

from django.db import connection, transaction
from django.db.models import Max

from analytics.models import Event

LOCK = 7_305_806_915
"""One of PostgreSQL's advisory locks."""
LONGEST_WAIT = "SET LOCAL lock_timeout = '1s'"
"""Whoever inserts waits behind whoever waits to ask."""


def share() -> None:
    """Says that this transaction is about to insert events. To be called before it takes any other lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [LOCK])


def settled_postgres() -> int:
    """Returns the key up to which no event will come to be there any more. Raises DatabaseError where others take
    longer than a second."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LONGEST_WAIT)
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        last: int | None = Event.objects.aggregate(last=Max("pk"))["last"]
        return last or 0
