"""`make check`: everything that is judged without running the code, and the counts that may not rise."""

import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ("accounts", "analytics", "api", "features", "lukhas_site")
# How often a rule is set aside in source. Each place says why; lower a number when one goes.
ALLOWED = {"pragma: no cover": 0, "type: ignore": 2, "noqa": 29}
COMMANDS = {
    "format": ["-m", "ruff", "format", "--check", "-q", "."],
    "lint": ["-m", "ruff", "check", "-q", "."],
    "types": ["-m", "mypy"],
    "imports": ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache"],
    "system checks": ["manage.py", "check", "--deploy", "--fail-level", "WARNING"],
    "migrations": ["manage.py", "makemigrations", "--check", "--dry-run"],
    "API document": ["manage.py", "spectacular", "--validate", "--fail-on-warn", "--file", os.devnull],
    "wire": ["-m", "tests.wire"],
}


def without_a_reason() -> list[str]:
    """Every place in source that sets a rule aside and does not say why."""
    bare = re.compile(r"#\s*(noqa|pragma: no cover|type: ignore)(: ?[A-Z0-9, ]+|\[[a-z, -]+\])?\s*$")
    paths = (path for folder in SOURCE for path in sorted((ROOT / folder).rglob("*.py")))
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in paths
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if bare.search(line)
    ]


def exceptions_to_rules() -> dict[str, list[str]]:
    """Every place in source that sets a rule aside, by kind."""
    found: dict[str, list[str]] = {kind: [] for kind in ALLOWED}
    for folder in SOURCE:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                for kind, places in found.items():
                    if re.search(rf"#\s*{kind}", line):
                        places.append(f"{path.relative_to(ROOT)}:{number}")
    return found


def run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    """One of the commands, on a data directory of its own; what it says is kept, for others run meanwhile."""
    with tempfile.TemporaryDirectory() as data:
        return subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env={**os.environ, "LUKHAS_DATA_DIR": data, "LUKHAS_SECURE_COOKIES": "true"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )


def main() -> int:
    failed = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, done in zip(COMMANDS, pool.map(run, COMMANDS.values()), strict=True):
            print(f"check: {name}\n{done.stdout}", end="", flush=True)
            if done.returncode:
                failed.append(name)
    for kind, places in exceptions_to_rules().items():
        print(f"check: {kind}: {len(places)} (at most {ALLOWED[kind]})")
        if len(places) > ALLOWED[kind]:
            print("\n".join(f"  {place}" for place in places))
            failed.append(kind)
    if bare := without_a_reason():
        print("check: without a reason:\n" + "\n".join(f"  {place}" for place in bare))
        failed.append("reasons")
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
