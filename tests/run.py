"""`make test`: the whole suite with coverage; what needs a server that this machine has not is left out by name.

The suite runs in as many processes as the machine has processors, a file of tests in one of them. Where no more than a
FEW tests fail, they run once more, alone, and the suite is judged by that: some of them measure time, and a machine may
be too busy with the others. What failed at first is named all the same, to be looked into.
LUKHAS_TESTS_COMPLETE=1 makes a left-out module a failure, as in continuous integration. LUKHAS_TESTS_WITHOUT=redis
plays a machine without it. Arguments go to pytest, and then coverage is not judged: part of the suite cannot reach it.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests import badge, failing
from tests.binaries import NAMES, find

ROOT = Path(__file__).resolve().parent.parent
FEW = 3
PARALLEL = ("--numprocesses=auto", "--dist=loadfile", "--no-loadscope-reorder")
FOLDERS = ("accounts", "analytics", "api", "features", "lukhas_site", "tests")


def kinds(path: Path) -> set[str]:
    """What a module needs, by the end of its name: `test_workers_postgres_redis.py` needs both."""
    needed = set()
    for word in reversed(path.stem.split("_")):
        if word not in NAMES:
            break
        needed.add(word)
    return needed


def modules() -> dict[str, set[str]]:
    """The modules of source and tests that need a server or the browser, and which."""
    paths = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    needs = {str(path.relative_to(ROOT)): kinds(path) for path in paths}
    return {path: needed for path, needed in sorted(needs.items()) if needed}


def left_out() -> list[str]:
    """The modules that cannot run here; prints them by what is missing."""
    missing = {kind for kind in NAMES if find(kind) is None}
    needs = modules()
    for kind in sorted(missing):
        names = [path for path, needed in needs.items() if kind in needed]
        print(f"No {NAMES[kind]} on this machine. Left out: {', '.join(names) or 'nothing'}", flush=True)
    return [path for path, needed in needs.items() if needed & missing]


def environment_of_the_run() -> dict[str, str]:
    """This one, with a place for what is measured; modules are kept compiled, or each process compiles them anew."""
    environment = {"COVERAGE_FILE": str(ROOT / ".coverage"), **os.environ}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def failed(file: Path, status: int) -> list[str]:
    """The tests that failed, where they are few and nothing else is wrong; else none."""
    names = file.read_text().splitlines() if status == pytest.ExitCode.TESTS_FAILED else []
    return names if len(names) <= FEW else []


def main(arguments: list[str]) -> int:
    """Runs the suite; returns the exit status."""
    absent = left_out()
    if absent and os.environ.get("LUKHAS_TESTS_COMPLETE"):
        print("Tests are left out, and with LUKHAS_TESTS_COMPLETE that is a failure.")
        return 1
    environment = environment_of_the_run()
    ignored = [f"--ignore={path}" for path in absent]

    def coverage(*command: str) -> int:
        return subprocess.run(
            [sys.executable, "-m", "coverage", *command], cwd=ROOT, env=environment, check=False
        ).returncode

    coverage("erase")
    if arguments:
        return coverage("run", "-m", "pytest", *ignored, *arguments)
    with tempfile.TemporaryDirectory() as folder:
        environment[failing.VARIABLE] = str(Path(folder) / "failed")
        status = coverage("run", "-m", "pytest", *PARALLEL, *ignored)
        if few := failed(Path(environment.pop(failing.VARIABLE)), status):
            print(f"Failed beside all others, and run once more, alone: {', '.join(few)}", flush=True)
            status = coverage("run", "-m", "pytest", *few)
    omitted = [f"--omit={','.join(['*/migrations/*', *absent])}"] if absent else []
    judged = coverage("combine", "-q") or coverage("report", *omitted)
    badge.main(omitted)
    return judged or status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
