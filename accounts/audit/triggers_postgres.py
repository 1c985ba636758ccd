"""The triggers of the audit log on PostgreSQL, as SQL. See `accounts.audit.triggers`."""

from collections.abc import Iterable

SETTING = "lukhas.prune"
FUNCTION = "lukhas_audit_guard"


def creation(append_only: Iterable[str], heads: str, refusal: str) -> list[str]:
    """Returns what creates the triggers: no update, no deletion but with the switch on, TRUNCATE included."""
    # OLD is null for TRUNCATE, whose trigger's result is ignored.
    function = (
        f"CREATE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP <> 'UPDATE' AND current_setting('{SETTING}', true) = 'on' THEN RETURN OLD; END IF; "
        f"RAISE EXCEPTION '{refusal}'; END $$"
    )
    statements = [function]
    for table in (*append_only, heads):
        when = "WHEN (NEW.count < OLD.count) " if table == heads else ""
        execute = f"EXECUTE FUNCTION {FUNCTION}()"
        statements += [
            f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} FOR EACH ROW {when}{execute}",
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW {execute}",
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {execute}",
        ]
    return statements


def removal(tables: Iterable[str]) -> list[str]:
    """Returns what drops them."""
    whats = ("update", "delete", "truncate")
    drops = [f"DROP TRIGGER {table}_no_{what} ON {table}" for table in tables for what in whats]
    return [*drops, f"DROP FUNCTION {FUNCTION}()"]


def switch(state: str) -> list[str]:
    """Returns what turns the switch, to the end of the transaction at most."""
    return [f"SET LOCAL {SETTING} = '{state}'"]
