"""The tests of everything that is kept in the database, once more on PostgreSQL: those that use it.

Some of those of analytics are measured, for they alone reach what is only PostgreSQL's; of the other parts that is
measured by modules of their own. All that is not measured is one run: to start one and make its tables takes seconds.
"""

import os
import subprocess
import sys

import pytest

from tests.measuring import unmeasured_environment
from tests.processes import ROOT
from tests.site.cluster_postgres import Database

# What a page looks like and how a command is typed does not depend on the database: these are about what is kept.
ACCOUNTS = (
    "test_admin",
    "test_alerts",
    "test_api_audit",
    "test_api_audit_restore",
    "test_audit",
    "test_audit_chain",
    "test_audit_restore",
    "test_bootstrap",
    "test_expire_api_key",
    "test_invites",
    "test_key_life",
    "test_key_owners",
    "test_last_owner",
    "test_limits_audit",
    "test_limits_gate",
    "test_limits_models",
    "test_limits_ruleset",
    "test_models",
    "test_reach",
    "test_rotate_api_key",
    "test_staff",
    "test_stale_keys",
    "test_uses",
    "sessions/test_create_session",
    "sessions/test_ending",
    "sessions/test_list_sessions",
    "sessions/test_one_session",
    "sessions/test_prune_sessions",
)
API = (
    "test_add_model",
    "test_add_upstream",
    "test_alias_model",
    "test_import_models",
    "test_bootstrap",
    "test_beginnings",
    "test_catalog",
    "test_catalog_admin",
    "test_deployments",
    "test_add_deployment",
    "test_set_fallbacks",
    "test_allow_models",
    "test_permissions_admin",
    "test_misfits",
    "test_rollouts",
    "organization/test_lists",
    "organization/test_audit_logs",
    "organization/test_service_accounts",
    "organization/test_spend_alerts",
    "organization/test_users",
    "organization/test_project_users",
    "organization/test_roles",
    "organization/test_invites",
)
FEATURES = (
    "test_models",
    "test_changes",
    "test_ruleset",
    "test_exposures",
    "test_raw_exposures",
    "test_flag_showing",
    "test_flag_changing",
    "test_flag_transferring",
    "test_ofrep_flags",
    "test_protection",
    "test_ramps",
    "test_admin_environments",
    "test_admin_flag_history",
    "test_admin_flag_kill",
    "test_admin_flag_list",
    "test_admin_flag_overtaken",
    "test_admin_flag_page",
    "test_admin_flag_states",
    "test_sparklines",
    "api/test_list",
    "api/test_update",
    "api/test_history",
    "api/test_restore",
    "test_ofrep_events",
    "test_streams",
)
# All tests of this part are run; of what only PostgreSQL does, these see each line and branch.
ANALYTICS = (
    "test_draining",
    "test_events",
    "test_keeping",
    "test_rebuild_rollups",
    "test_rebuild_visits",
    "test_rollups",
)
# Those of SQLite's way of locking, and those that start servers of their own.
APART = (
    "--deselect=tests/accounts/test_audit_chain.py::test_while_the_log_is_open_nobody_else_writes",
    "--ignore-glob=*_postgres.py",
    "--ignore-glob=*_redis.py",
)


def some(part: str, names: tuple[str, ...]) -> list[str]:
    """The files of these tests of a part."""
    return [f"tests/{part}/{name}.py" for name in names]


OWN = some("analytics", ANALYTICS)
MEASURED = ("measured",)
SUITES = {
    "measured": OWN,
    "others": [
        *some("accounts", ACCOUNTS),
        "tests/analytics",
        *(f"--ignore={path}" for path in OWN),
        *some("api", API),
        *some("features", FEATURES),
    ],
}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("suite", SUITES)
def test_what_is_kept_in_the_database_does_on_postgresql_what_it_does_on_sqlite(
    empty_postgresql: Database, suite: str
) -> None:
    environment = os.environ if suite in MEASURED else unmeasured_environment()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *APART, *SUITES[suite]],
        cwd=ROOT,
        env={**environment, "LUKHAS_TESTS_DATABASE_URL": empty_postgresql.url()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "\ndatabase: postgresql\n" in done.stdout
