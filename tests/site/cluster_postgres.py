"""A throwaway PostgreSQL for the whole run, by pytest-postgresql, and a database for each test.

PostgreSQL refuses to run as root. So where the tests do, the server is started as another user, in a directory of that
user's, and pytest-postgresql is told of it; else it starts one itself.
"""

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pytest_postgresql import factories
from pytest_postgresql.janitor import DatabaseJanitor

from tests.binaries import find
from tests.processes import free_port, migrate

OTHER_USER = "postgres"
BIN = (find("postgres") or Path("pg_ctl")).parent


@dataclass
class Running:
    """A server that this module started: what pytest-postgresql wants to know of it."""

    port: int
    host: str = "127.0.0.1"
    user: str = "postgres"
    password: str = ""
    options: str = ""
    template_dbname: None = None


def run_on(data: Path, *command: str) -> int:
    """Runs a program of PostgreSQL on the directory of a server, as whom the server runs. Returns its exit status."""
    user = [] if os.geteuid() else ["runuser", "-u", OTHER_USER, "--"]
    whole = [*user, str(BIN / command[0]), "-D", str(data), *command[1:]]
    return subprocess.run(whole, cwd=data.parent, check=False, stdout=subprocess.DEVNULL).returncode


@pytest.fixture(scope="session")
def postgresql_of_another_user() -> Iterator[Running]:
    """A server that runs as OTHER_USER, for tests that run as root."""
    place = Path(tempfile.mkdtemp(prefix="lukhas-postgres-"))
    shutil.chown(place, OTHER_USER)
    port = free_port()

    def run(*command: str) -> int:
        return run_on(place / "data", *command)

    assert run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync") == 0
    options = f"-F -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='{place}'"
    assert run("pg_ctl", "start", "-w", "-l", str(place / "log"), "-o", options) == 0
    try:
        yield Running(port)
    finally:
        run("pg_ctl", "stop", "-m", "immediate")
        shutil.rmtree(place)


postgresql_proc = factories.postgresql_proc(executable=str(BIN / "pg_ctl"), port=None)
postgresql_noproc = factories.postgresql_noproc(depends_on="postgresql_of_another_user")


class Database:
    """A database: how to reach it, and SQL that goes past the application."""

    def __init__(self, server: Any, name: str) -> None:
        self.server = server
        self.name = name

    def url(self, port: int | None = None) -> str:
        """For DATABASE_URL; `port` is where a gate to the server is."""
        return f"postgres://{self.server.user}@{self.server.host}:{port or self.server.port}/{self.name}"

    def execute(self, statement: str) -> list[Any]:
        """Runs one statement and commits it; returns its rows. Raises psycopg's errors."""
        with closing(psycopg.connect(self.url())) as connection, connection.transaction():
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def away(self) -> Iterator[None]:
        """The whole server is ended at once, as by a crash, and started again after the block, as it was before."""
        data = Path(self.execute("SHOW data_directory")[0][0])
        options = shlex.split((data / "postmaster.opts").read_text())[1:]
        assert run_on(data, "pg_ctl", "stop", "-m", "immediate") == 0
        try:
            yield
        finally:
            started = run_on(data, "pg_ctl", "start", "-w", "-l", str(data / "log"), "-o", shlex.join(options))
            assert started == 0


@pytest.fixture(scope="session")
def postgresql_server(request: pytest.FixtureRequest) -> Any:
    """The server of this run, whoever it runs as."""
    return request.getfixturevalue("postgresql_proc" if os.geteuid() else "postgresql_noproc")


def janitor(server: Any, name: str, **options: Any) -> DatabaseJanitor:
    """Makes a database of the server for as long as a block takes."""
    return DatabaseJanitor(
        user=server.user,
        host=server.host,
        port=server.port,
        version=server.version,
        dbname=name,
        password=server.password,
        **options,
    )


@pytest.fixture(scope="session")
def postgresql_tables(postgresql_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a database that has every table, and no row but those of migrations. Making it takes seconds."""
    name = "lukhas_tables"
    with janitor(postgresql_server, name, as_template=True):
        migrate(tmp_path_factory.mktemp("tables"), Database(postgresql_server, name).url())
        yield name


@pytest.fixture
def empty_postgresql(postgresql_server: Any) -> Iterator[Database]:
    """An empty database of the test's own."""
    with janitor(postgresql_server, "lukhas"):
        yield Database(postgresql_server, "lukhas")


@pytest.fixture
def postgresql(postgresql_server: Any, postgresql_tables: str) -> Iterator[Database]:
    """A database of the test's own that has the tables already."""
    with janitor(postgresql_server, "lukhas", template_dbname=postgresql_tables):
        yield Database(postgresql_server, "lukhas")
