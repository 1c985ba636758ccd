"""A first start on PostgreSQL, and that what the database has to hold, it holds there too."""

from typing import Any

import psycopg.errors
import pytest

from tests.processes import Installation
from tests.site.cluster_postgres import Database
from tests.site.conftest import Install


@pytest.fixture
def site(install: Install, postgresql: Database) -> Installation:
    return install(DATABASE_URL=postgresql.url())


def test_a_first_start_makes_everything_from_nothing_and_a_second_changes_nothing(
    install: Install, empty_postgresql: Database
) -> None:
    site = install(DATABASE_URL=empty_postgresql.url())
    site.bootstrap()
    assert empty_postgresql.execute("SELECT model_id FROM api_model ORDER BY 1") == [
        ("lukhas-chat-1",),
        ("lukhas-echo-1",),
        ("lukhas-embed-1",),
        ("lukhas-moderation-1",),
    ]
    before = everything(empty_postgresql)
    assert "sk-" not in site.manage("bootstrap").stdout
    assert everything(empty_postgresql) == before
    assert not (site.data / "lukhas.sqlite3").exists()
    site.manage("migrate", "--check")
    site.manage("makemigrations", "--check", "--dry-run")


def everything(database: Database) -> dict[str, Any]:
    tables = database.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    return {name: sorted(map(repr, database.execute(f'SELECT * FROM "{name}"'))) for (name,) in tables}


def test_commands_work(site: Installation) -> None:
    site.bootstrap()
    key = site.manage("create_api_key", "my-app").stdout.strip()
    assert key.startswith("sk-lukhas-")
    site.manage("alias_model", "gpt-4o", "lukhas-echo-1")
    assert "is revoked" in site.manage("revoke_api_key", key).stdout


VIOLATIONS = {
    "UPDATE api_model SET input_price = -1": psycopg.errors.CheckViolation,
    "UPDATE api_upstream SET base_url = 'http://x' WHERE kind = 'echo'": psycopg.errors.CheckViolation,
    "UPDATE api_model SET model_id = 'same'": psycopg.errors.UniqueViolation,
    "UPDATE accounts_apikey SET service_account_id = NULL": psycopg.errors.CheckViolation,
    "UPDATE accounts_apikey SET is_admin = TRUE": psycopg.errors.CheckViolation,
    "UPDATE accounts_apikey SET digest = 'same'": psycopg.errors.UniqueViolation,
    "UPDATE accounts_project SET is_default = TRUE": psycopg.errors.UniqueViolation,
    "DELETE FROM accounts_organization": psycopg.errors.ForeignKeyViolation,
}


def test_rows_that_must_not_be_are_refused_by_the_database_itself(site: Installation, postgresql: Database) -> None:
    site.bootstrap()
    site.manage("create_api_key", "another")
    postgresql.execute(
        "INSERT INTO accounts_project (public_id, name, organization_id, is_default, created_at, data_retention) "
        "SELECT 'proj_other', 'Other', id, FALSE, now(), 'organization_default' FROM accounts_organization"
    )
    before = everything(postgresql)
    for statement, error in VIOLATIONS.items():
        with pytest.raises(error):
            postgresql.execute(statement)
    assert everything(postgresql) == before
