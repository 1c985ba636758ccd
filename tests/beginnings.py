"""What tests begin with, made once for the run, kept beside, and brought back for each test: first of all what a first
start leaves in the database.

What makes the rows is the application's own code; bringing them back is plain SQL.
"""

import copy
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import connection, transaction

from accounts.audit.triggers import deletion_allowed
from accounts.models import AuditHead

T = TypeVar("T")
Rows = dict[str, list[Any]]


def rows(tables: list[str]) -> Rows:
    """All that these tables hold."""
    found = {}
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)} ORDER BY 1")
            found[table] = cursor.fetchall()
    return found


def columns(table: str) -> str:
    """By name: a migration that a test takes back and applies again may leave them in another order."""
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {quote(table)} LIMIT 0")
        return ", ".join(quote(column[0]) for column in cursor.description)


def mark() -> tuple[Any, ...]:
    """What tells two states of the database apart: the ends of the chains in which every change is written down."""
    return tuple(AuditHead.objects.order_by("organization").values_list("organization", "hash"))


class Kept:
    """The rows that tables hold at this moment, as far as `before` did not hold them."""

    def __init__(self, name: str, tables: list[str], before: Rows) -> None:
        self.rows, self.mark = rows(tables), mark()
        self._statements: list[str] = []
        quote = connection.ops.quote_name
        with transaction.atomic(), connection.cursor() as cursor:
            for table, found in self.rows.items():
                if found == before.get(table, []):
                    continue
                kept, names = quote(f"{name}_{table}"), columns(table)
                cursor.execute(f"CREATE TABLE {kept} AS SELECT * FROM {quote(table)}")
                if before.get(table):
                    self._statements.append(f"DELETE FROM {quote(table)}")
                self._statements.append(f"INSERT INTO {quote(table)} ({names}) SELECT {names} FROM {kept}")

    def bring_back(self) -> None:
        """Makes the tables, which hold what `before` was, hold these rows."""
        with transaction.atomic(), deletion_allowed(), connection.cursor() as cursor:
            for statement in self._statements:
                cursor.execute(statement)


class Beginnings:
    """What fixtures make, by what they find and by name. `tables` are those that they may write to."""

    def __init__(self, tables: list[str]) -> None:
        from accounts.bootstrap import ensure_defaults
        from api.bootstrap import ensure_catalog

        self._tables = tables
        with transaction.atomic():
            ensure_defaults()
            ensure_catalog()
        self._first = Kept("first_start", tables, {})
        self._known: dict[tuple[Any, ...], Kept] = {self._first.mark: self._first}
        self._made: dict[tuple[Any, ...], tuple[Kept, Any]] = {}

    def first_start(self) -> None:
        """What a first start leaves, in empty tables."""
        self._first.bring_back()

    def begin(self, name: str, make: Callable[[], T]) -> T:
        """What `make()` returned when it found the database as it is now, which holds what it held then.

        It is called where nobody has called it on such a database, and where what the database holds is of the test's
        own making.
        """
        found = mark()
        if found not in self._known:
            return make()
        if (*found, name) not in self._made:
            made = make()
            kept = Kept(f"{name}_{len(self._made)}", self._tables, self._known[found].rows)
            self._known[kept.mark] = kept
            self._made[*found, name] = kept, copy.deepcopy(made)
            return made
        kept, made = self._made[*found, name]
        kept.bring_back()
        result: T = copy.deepcopy(made)
        return result
