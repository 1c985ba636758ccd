"""The tests of everything that is kept in the database, once more on PostgreSQL."""

import os
import subprocess
import sys

import pytest

from tests.processes import ROOT
from tests.site.cluster_postgres import Database

API = (
    "test_add_model",
    "test_add_upstream",
    "test_alias_model",
    "test_bootstrap",
    "test_catalog",
    "test_catalog_admin",
    "organization/test_lists",
    "organization/test_audit_logs",
    "organization/test_service_accounts",
)
# Those of SQLite's way of locking, and those that start servers of their own.
APART = (
    "--deselect=tests/accounts/test_audit_chain.py::test_while_the_log_is_open_nobody_else_writes",
    "--ignore-glob=*_postgres.py",
    "--ignore-glob=*_redis.py",
)


@pytest.mark.timeout(600)
def test_accounts_and_the_catalog_do_on_postgresql_what_they_do_on_sqlite(postgresql: Database) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/accounts", *APART, *(f"tests/api/{name}.py" for name in API)],
        cwd=ROOT,
        env={**os.environ, "LUKHAS_TESTS_DATABASE_URL": postgresql.url()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "\ndatabase: postgresql\n" in done.stdout
