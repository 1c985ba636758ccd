"""PostgreSQL as the default database of every thread, on a server of its own that lives as long as a test module."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, connections

from tests.conftest import empty_database
from tests.measuring import unmeasured


def binaries() -> Path:
    """Where initdb and pg_ctl are."""
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return packaged[-1] if packaged else Path(str(shutil.which("initdb"))).parent


@pytest.fixture(scope="module")
def server_of_postgres() -> Iterator[str]:
    """A directory whose socket leads to an empty server. It refuses to run as root, so then another user runs it."""
    as_other = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    home = tempfile.mkdtemp(prefix="lukhas-postgres-")
    if as_other:
        shutil.chown(home, "postgres")

    def run(program: str, *arguments: str) -> None:
        command = [*as_other, str(binaries() / program), "-D", f"{home}/data", *arguments]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, timeout=60)

    run("initdb", "--auth=trust", "--username=lukhas", "--encoding=UTF8", "--no-sync")
    options = f"-c listen_addresses= -c unix_socket_directories={home} -c fsync=off"
    run("pg_ctl", "-w", "-l", f"{home}/log", "-o", options, "start")
    try:
        yield home
    finally:
        run("pg_ctl", "-w", "-m", "immediate", "stop")
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def migrated(server_of_postgres: str, django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """That server as the default database of every thread, migrated."""
    former, settings = connections["default"], connections.settings["default"]
    with django_db_blocker.unblock():
        connections.settings["default"] = {
            **settings,
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "postgres",
            "USER": "lukhas",
            "HOST": server_of_postgres,
            "OPTIONS": {},
        }
        del connections["default"]
        try:
            with unmeasured():
                call_command("migrate", verbosity=0)
            yield
        finally:
            connections["default"].close()
            connections.settings["default"] = settings
            connections["default"] = former


@pytest.fixture
def postgres(migrated: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        assert connection.vendor == "postgresql"
        yield
        empty_database()
