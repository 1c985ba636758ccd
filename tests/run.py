"""`make test`: the whole suite with coverage; what needs a server that this machine has not is left out by name.

LUKHAS_TESTS_COMPLETE=1 makes a left-out test a failure, as in continuous integration. Arguments go to pytest, and
then coverage is not judged: part of the suite cannot reach it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SERVERS = {"postgres": "PostgreSQL", "redis": "Redis"}


def available(kind: str) -> bool:
    """Whether the machine has the server's binary."""
    if kind == "redis":
        return shutil.which("redis-server") is not None
    return shutil.which("postgres") is not None or any(Path("/usr/lib/postgresql").glob("*/bin/postgres"))


def modules(kind: str) -> list[str]:
    """The modules of source and tests that need this server."""
    return sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(f"*/**/*_{kind}.py"))


def main(arguments: list[str]) -> int:
    left_out = [path for kind in SERVERS if not available(kind) for path in modules(kind)]
    command = [sys.executable, "-m", "pytest", *(f"--ignore={path}" for path in left_out), *arguments]
    environment = {**os.environ, "COVERAGE_FILE": str(ROOT / ".coverage")}
    for kind, name in SERVERS.items():
        if not available(kind):
            print(f"No {name} on this machine. Left out: {', '.join(modules(kind)) or 'nothing'}", flush=True)
    coverage = [sys.executable, "-m", "coverage"]
    subprocess.run([*coverage, "erase"], cwd=ROOT, env=environment, check=True)
    status = subprocess.run([*coverage, "run", *command[1:]], cwd=ROOT, env=environment, check=False).returncode
    if arguments:
        return status
    subprocess.run([*coverage, "combine", "-q"], cwd=ROOT, env=environment, check=True)
    omit = [f"--omit={','.join(['*/migrations/*', *left_out])}"] if left_out else []
    judged = subprocess.run([*coverage, "report", *omit], cwd=ROOT, env=environment, check=False).returncode
    if left_out and os.environ.get("LUKHAS_TESTS_COMPLETE"):
        print("Tests were left out, and here that is a failure.")
        return 1
    return status or judged


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
