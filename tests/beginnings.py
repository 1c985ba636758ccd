"""What tests begin with, made once for the run, kept beside, and brought back for each test: first of all what a first
start leaves in the database.

What makes the rows is the application's own code; bringing them back is plain SQL.
"""

import copy
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeVar

from django.db import connection, transaction

from accounts.audit.triggers import TABLES as GUARDED
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


def columns(table: str) -> list[str]:
    """By name: a migration that a test takes back and applies again may leave them in another order."""
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {quote(table)} LIMIT 0")
        return [quote(column[0]) for column in cursor.description]


def empty(tables: list[str]) -> None:
    """Deletes every row of these tables, most of which hold none; they are asked all at once."""
    quote = connection.ops.quote_name
    asked = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {quote(table)})" for table in tables)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(asked)
        holding = [table for (table,) in cursor.fetchall()]
        # Not flushed: where rows are few, truncating takes PostgreSQL longer.
        run([f"DELETE FROM {quote(table)}" for table in holding], unguarded=not set(GUARDED).isdisjoint(holding))


def run(statements: list[str], *, unguarded: bool) -> None:
    """Runs these in the transaction under way, PostgreSQL all at once. On SQLite it takes a while, and each connection
    reads the schema anew, where the audit log is left `unguarded` meanwhile."""
    at_once = connection.vendor == "postgresql" and statements
    with deletion_allowed() if unguarded else nullcontext(), connection.cursor() as cursor:
        for statement in ["; ".join(statements)] if at_once else statements:
            cursor.execute(statement)


def mark() -> tuple[Any, ...]:
    """What tells two states of the database apart: the ends of the chains in which every change is written down."""
    return tuple(AuditHead.objects.order_by("organization").values_list("organization", "hash"))


class Kept:
    """The rows that tables hold at this moment, as far as `before` did not hold them."""

    def __init__(self, name: str, tables: list[str], before: Rows) -> None:
        self.rows, self.mark = rows(tables), mark()
        self._statements: list[str] = []
        self._unguarded = False
        with transaction.atomic():
            for table, found in self.rows.items():
                if found != before.get(table, []):
                    self._keep(table, f"{name}_{table}", before.get(table, []))

    def _keep(self, table: str, beside: str, before: list[Any]) -> None:
        """Keeps a table beside: of one that has lost no row, those that are new or changed. Keys come first in it."""
        quote = connection.ops.quote_name
        found, names, kept = self.rows[table], columns(table), quote(beside)
        insert = f"INSERT INTO {quote(table)} ({', '.join(names)}) SELECT {', '.join(names)} FROM {kept}"
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLE {kept} AS SELECT * FROM {quote(table)}")
            if not before:
                self._statements.append(insert)
            elif {row[0] for row in before} <= {row[0] for row in found}:
                same = [[row[0]] for row in before if row in found]
                cursor.executemany(f"DELETE FROM {kept} WHERE {names[0]} = %s", same)
                changes = ", ".join(f"{name} = excluded.{name}" for name in names)
                self._statements.append(f"{insert} WHERE true ON CONFLICT ({names[0]}) DO UPDATE SET {changes}")
            else:
                self._statements += [f"DELETE FROM {quote(table)}", insert]
                self._unguarded |= table in GUARDED

    def bring_back(self) -> None:
        """Makes the tables, which hold what `before` was, hold these rows."""
        with transaction.atomic():
            run(self._statements, unguarded=self._unguarded)


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
