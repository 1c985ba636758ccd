"""What makes the audit log append-only, also for plain SQL, and the one switch by which rows may go.

Events and checkpoints are never updated; they, and heads, are deleted only while the switch is on; a head never counts
backwards. The switch is for `prune_audit`, and for tests that empty the database. Whoever owns the database can drop a
trigger: that is what the hash chain and its signatures are for.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from accounts.audit import triggers_postgres

EVENTS = "accounts_auditevent"
HEADS = "accounts_audithead"
CHECKPOINTS = "accounts_auditcheckpoint"
TABLES = (EVENTS, HEADS, CHECKPOINTS)
APPEND_ONLY = (EVENTS, CHECKPOINTS)
REFUSAL = "the audit log is append-only"


def sqlite_deletion(table: str) -> str:
    return f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"


def sqlite_update(table: str) -> str:
    when = "WHEN NEW.count < OLD.count " if table == HEADS else ""
    return (
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {when}BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
    )


def install(connection: Any) -> None:
    """Creates the triggers. Raises NotImplementedError on a database other than SQLite and PostgreSQL."""
    if connection.vendor == "postgresql":
        statements = triggers_postgres.creation(APPEND_ONLY, HEADS, REFUSAL)
    elif connection.vendor == "sqlite":
        statements = [make(table) for table in TABLES for make in (sqlite_deletion, sqlite_update)]
    else:
        raise NotImplementedError(f"The audit log has no triggers for {connection.vendor}.")
    run(connection, statements)


def remove(connection: Any) -> None:
    """Drops the triggers."""
    if connection.vendor == "postgresql":
        run(connection, triggers_postgres.removal(TABLES))
    else:
        run(connection, [f"DROP TRIGGER {table}_no_{what}" for table in TABLES for what in ("delete", "update")])


@contextmanager
def deletion_allowed(using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Within this, and within the transaction that it must be in, rows of the audit log can be deleted.

    On SQLite that transaction is IMMEDIATE, so that nobody else sees the log unguarded. Raises RuntimeError outside a
    transaction. Where the block fails, the transaction is rolled back whatever the caller does: that brings the guard
    back.
    """
    connection = connections[using]
    if not connection.in_atomic_block:
        raise RuntimeError("The audit log can be opened for deletion within a transaction only.")
    on_postgres = connection.vendor == "postgresql"
    drops = [f"DROP TRIGGER {table}_no_delete" for table in TABLES]
    run(connection, triggers_postgres.switch("on") if on_postgres else drops)
    try:
        yield
    except BaseException:
        connection.set_rollback(True)
        raise
    again = [sqlite_deletion(table) for table in TABLES]
    run(connection, triggers_postgres.switch("off") if on_postgres else again)


def run(connection: Any, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
