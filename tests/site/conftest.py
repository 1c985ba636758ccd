"""What tests of the roof share: installations, and throwaway servers."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_redis import factories

from tests.binaries import find
from tests.processes import Installation
from tests.site.cluster_postgres import (
    empty_postgresql,
    postgresql,
    postgresql_noproc,
    postgresql_of_another_user,
    postgresql_proc,
    postgresql_server,
    postgresql_tables,
)

__all__ = [
    "empty_postgresql",
    "postgresql",
    "postgresql_noproc",
    "postgresql_of_another_user",
    "postgresql_proc",
    "postgresql_server",
    "postgresql_tables",
]

Install = Callable[..., Installation]

redis_proc = factories.redis_proc(executable=str(find("redis") or "redis-server"), port=None)


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """`install(NAME="value")`: an installation on a data directory that does not exist yet."""
    return lambda **variables: Installation(tmp_path / "data", **variables)
