"""The servers and the browser that some tests need: whether this machine has them, and where."""

import os
import shutil
from pathlib import Path

NAMES = {"postgres": "PostgreSQL", "redis": "Redis", "chromium": "Chromium"}
BINARIES = {"postgres": "pg_ctl", "redis": "redis-server", "chromium": "chromium"}
DEBIAN = Path("/usr/lib/postgresql")
WITHOUT = "LUKHAS_TESTS_WITHOUT"
"""The variable that plays a machine without some of them: their kinds, separated by commas."""


def find(kind: str) -> Path | None:
    """The binary of a kind, or None. Debian keeps PostgreSQL's off the path; the newest version counts there."""
    if kind in os.environ.get(WITHOUT, "").split(","):
        return None
    found = shutil.which(BINARIES[kind])
    if found is not None:
        return Path(found)
    if kind == "postgres":
        versions = sorted(DEBIAN.glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
        return versions[-1] if versions else None
    return None
