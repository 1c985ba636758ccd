"""`make test` on a machine that lacks something: exactly those modules are left out, and named."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import binaries, failing, run
from tests.processes import ROOT


def collected(tmp_path: Path, without: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """`python -m tests.run`, which only lists the tests of this directory, on a machine without something."""
    environment = {
        **os.environ,
        "COVERAGE_FILE": str(tmp_path / "coverage"),
        "LUKHAS_TESTS_WITHOUT": without,
        "LUKHAS_TESTS_COMPLETE": "",
    }
    return subprocess.run(
        [sys.executable, "-m", "tests.run", "--collect-only", "-q", "tests/site"],
        cwd=ROOT,
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def modules_of(output: str) -> set[str]:
    return {line.partition("::")[0] for line in output.splitlines() if "::" in line}


def named(*endings: str) -> set[str]:
    """The modules of this directory with one of these endings."""
    paths = (str(path.relative_to(ROOT)) for path in Path(__file__).parent.glob("test_*.py"))
    return {path for path in paths if path.endswith(endings)}


def test_without_servers_exactly_their_modules_are_left_out_and_named(tmp_path: Path) -> None:
    done = collected(tmp_path, "postgres,redis")
    assert done.returncode == 0, done.stderr
    assert modules_of(done.stdout) == named(".py") - named("_postgres.py", "_redis.py")
    no_postgres, no_redis = (
        next(line for line in done.stdout.splitlines() if line.startswith(f"No {name} on this machine. Left out: "))
        for name in ("PostgreSQL", "Redis")
    )
    assert {path for path in no_postgres.partition("out: ")[2].split(", ") if path.startswith("tests/site/test")} == (
        named("_postgres.py", "_postgres_redis.py")
    )
    assert "tests/site/test_outages_redis.py" in no_redis
    assert "tests/site/test_outages_postgres.py" not in no_redis


def test_without_one_server_what_needs_both_is_left_out_too(tmp_path: Path) -> None:
    done = collected(tmp_path, "redis")
    assert modules_of(done.stdout) == named(".py") - named("_redis.py")
    assert "No PostgreSQL" not in done.stdout


def test_where_the_run_must_be_complete_a_module_that_is_left_out_is_a_failure(tmp_path: Path) -> None:
    done = collected(tmp_path, "redis", LUKHAS_TESTS_COMPLETE="1")
    assert done.returncode == 1
    assert "with LUKHAS_TESTS_COMPLETE that is a failure" in done.stdout
    assert modules_of(done.stdout) == set()


def test_a_machine_with_everything_runs_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "find", lambda kind: Path("/bin/true"))
    assert run.left_out() == []


def test_modules_are_kept_compiled_also_where_the_environment_says_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("LUKHAS_LANE", "tests")
    environment = run.environment_of_the_run()
    assert "PYTHONDONTWRITEBYTECODE" not in environment
    assert environment["LUKHAS_LANE"] == "tests"
    assert environment["COVERAGE_FILE"]


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("test_x.py", set()),
        ("test_x_redis.py", {"redis"}),
        ("test_redis_x.py", set()),
        ("test_x_postgres_redis.py", {"postgres", "redis"}),
        ("pages_chromium.py", {"chromium"}),
    ],
)
def test_what_a_module_needs_is_said_by_the_end_of_its_name(name: str, needed: set[str]) -> None:
    assert run.kinds(Path("tests") / name) == needed


def test_a_binary_is_found_on_the_path_or_where_debian_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(binaries.WITHOUT, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(binaries, "DEBIAN", tmp_path / "debian")
    assert [binaries.find(kind) for kind in binaries.NAMES] == [None, None, None]
    for version in ("9", "15"):
        (tmp_path / "debian" / version / "bin").mkdir(parents=True)
        (tmp_path / "debian" / version / "bin" / "pg_ctl").touch()
    assert binaries.find("postgres") == tmp_path / "debian" / "15" / "bin" / "pg_ctl"
    (tmp_path / "path").mkdir()
    for name in binaries.BINARIES.values():
        (tmp_path / "path" / name).touch(mode=0o755)
    assert [binaries.find(kind) for kind in binaries.NAMES] == [
        tmp_path / "path" / name for name in binaries.BINARIES.values()
    ]
    monkeypatch.setenv(binaries.WITHOUT, "redis,chromium")
    assert binaries.find("redis") is None
    assert binaries.find("postgres") is not None


FLAKY = """
import os
import pytest

def test_good():
    pass

@pytest.mark.parametrize("name", ["a b", "c"])
def test_bad(name):
    assert name == "c"

@pytest.fixture
def broken():
    raise RuntimeError

def test_not_even_begun(broken):
    pass
"""


def test_which_tests_failed_is_told_and_those_can_be_run_alone(tmp_path: Path) -> None:
    (tmp_path / "test_flaky.py").write_text(FLAKY)
    told = tmp_path / "failed"
    command = [sys.executable, "-m", "pytest", "-p", "tests.failing", "-p", "no:django", f"--rootdir={tmp_path}", "-q"]
    environment = {**os.environ, failing.VARIABLE: str(told), "PYTHONPATH": str(ROOT)}

    def run_alone(*tests: str) -> int:
        return subprocess.run(
            [*command, *tests], cwd=tmp_path, env=environment, capture_output=True, check=False
        ).returncode

    assert run_alone() == pytest.ExitCode.TESTS_FAILED
    few = run.failed(told, pytest.ExitCode.TESTS_FAILED)
    assert few == ["test_flaky.py::test_bad[a b]", "test_flaky.py::test_not_even_begun"]
    (tmp_path / "test_flaky.py").write_text(FLAKY.replace('== "c"', "").replace("raise RuntimeError", "return 1"))
    assert run_alone(*few) == pytest.ExitCode.OK
    assert told.read_text() == ""


@pytest.mark.parametrize(
    ("count", "status", "wanted"),
    [(run.FEW, 1, run.FEW), (run.FEW + 1, 1, 0), (1, 0, 0), (1, 2, 0), (1, 3, 0)],
    ids=["a few", "many", "none", "interrupted", "broken"],
)
def test_only_a_few_that_failed_are_run_once_more(tmp_path: Path, count: int, status: int, wanted: int) -> None:
    told = tmp_path / "failed"
    told.write_text("".join(f"tests/test_{number}.py::test_it\n" for number in range(count)))
    assert len(run.failed(told, status)) == wanted
