"""`make test` of a project of its own: what fails beside all other tests is run again, alone, and judged by that."""

import os
import subprocess
import sys
from pathlib import Path

from tests.processes import ROOT

PROJECT = """
[tool.pytest.ini_options]
addopts = "-p no:cacheprovider -p xdist.plugin -p tests.failing"
testpaths = ["checks"]

[tool.coverage.run]
branch = true
source = ["lib"]
patch = ["subprocess"]
parallel = true
"""
TESTS = """
from pathlib import Path

import pytest

from lib import told

def test_good():
    assert told(True) == "yes"
    assert told(False) == "no"

@pytest.mark.parametrize("number", range({number}))
def test_that_fails_at_first(number):
    mark = Path(__file__).with_name(f"seen-{{number}}")
    again = mark.exists()
    mark.touch()
    assert told(again) == "yes"
"""
MAIN = """
import sys
from pathlib import Path
from tests import badge, run

run.ROOT = Path.cwd()
run.FOLDERS = ()
badge.main = lambda omitted: None
sys.exit(run.main(sys.argv[1:]))
"""


def make_test(place: Path, *, failing: int, for_good: bool = False) -> "subprocess.CompletedProcess[str]":
    """`make test` of a project of which so many tests fail, the first time or whenever they run."""
    (place / "pyproject.toml").write_text(PROJECT)
    (place / "lib.py").write_text("def told(true):\n    return 'yes' if true else 'no'\n")
    (place / "checks").mkdir()
    tests = TESTS.format(number=failing)
    (place / "checks" / "test_it.py").write_text(tests.replace("mark.exists()", "False") if for_good else tests)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "PYTEST_"))}
    environment |= {"PYTHONPATH": f"{place}{os.pathsep}{ROOT}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [sys.executable, "-c", MAIN], cwd=place, env=environment, capture_output=True, text=True, check=False
    )


def test_a_few_that_fail_are_run_once_more_alone_and_named(tmp_path: Path) -> None:
    done = make_test(tmp_path, failing=3)
    assert done.returncode == 0, done.stdout + done.stderr
    names = ", ".join(f"checks/test_it.py::test_that_fails_at_first[{number}]" for number in range(3))
    assert f"Failed beside all others, and run once more, alone: {names}" in done.stdout
    assert "4 passed" not in done.stdout  # alone means: without those that passed
    assert "3 passed" in done.stdout


def test_what_fails_alone_too_has_failed(tmp_path: Path) -> None:
    done = make_test(tmp_path, failing=1, for_good=True)
    assert "run once more, alone" in done.stdout
    assert done.returncode


def test_where_many_fail_none_is_run_again(tmp_path: Path) -> None:
    done = make_test(tmp_path, failing=4)
    assert "run once more, alone" not in done.stdout
    assert done.returncode
