"""What is left out of measuring, and that nothing else is."""

import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from coverage import CoverageData

from tests.asides import look_away
from tests.measuring import traced, unmeasured, unmeasured_environment
from tests.processes import ROOT


def nothing(frame: FrameType, event: str, argument: Any) -> None:
    """A tracer that traces no lines."""


def of_another_thread() -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(sys.gettrace()))
    thread.start()
    thread.join()
    return found[0]


def test_this_thread_is_not_measured_and_others_are() -> None:
    with traced(nothing, nothing):
        with unmeasured():
            assert sys.gettrace() is None
            assert of_another_thread() is nothing
        assert sys.gettrace() is nothing


def test_a_failure_is_the_end_of_it_too() -> None:
    former = sys.gettrace()
    with traced(nothing, None):
        with pytest.raises(ZeroDivisionError), unmeasured():
            _ = 1 // 0
        assert sys.gettrace() is nothing
    assert sys.gettrace() is former


class Asked:
    """Says who watches it, or fails."""

    def who(self, *, fails: bool = False) -> Any:
        if fails:
            raise ZeroDivisionError
        return sys.gettrace()

    def who_else(self) -> Any:
        return sys.gettrace()


def test_what_nobody_looks_at_is_not_measured_and_what_follows_is() -> None:
    look_away(Asked, "who")
    asked = Asked()
    with traced(nothing, nothing):
        assert asked.who() is None
        assert sys.gettrace() is nothing
        with pytest.raises(ZeroDivisionError):
            asked.who(fails=True)
        assert sys.gettrace() is nothing
        with unmeasured():
            assert asked.who() is None
            assert sys.gettrace() is None


def test_one_looks_away_from_some_calls_of_a_method_only() -> None:
    chosen = Asked()
    look_away(Asked, "who_else", where=lambda asked: asked is chosen)
    with traced(nothing, nothing):
        assert (chosen.who_else(), Asked().who_else()) == (None, nothing)


def test_a_process_is_not_measured_without_what_coverage_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVERAGE_PROCESS_CONFIG", "{}")
    monkeypatch.setenv("LUKHAS_LANE", "tests")
    environment = unmeasured_environment()
    assert [name for name in environment if name.startswith("COVERAGE")] == []
    assert environment["LUKHAS_LANE"] == "tests"


WHERE = ("a_fixture", "a_fixture_of_the_run", "the_end_of_a_fixture", "a_test", "a_thread", "a_server")
TESTS = """
import threading
import httpx, pytest
import ours
from tests.serving import Server

async def application(scope, receive, send):
    if scope["path"] == "/measure":
        ours.a_server()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body"})

@pytest.fixture(scope="session")
def server():
    ours.a_fixture_of_the_run()
    with Server(application, lifespan="off") as server:
        yield server

@pytest.fixture
def mine():
    ours.a_fixture()
    yield
    ours.the_end_of_a_fixture()

def run(server):
    ours.a_test()
    thread = threading.Thread(target=ours.a_thread)
    thread.start()
    thread.join()
    httpx.get(f"{server.url}/measure")
"""
EARLIER = "def test_earlier(server): httpx.get(server.url)"
MARKED = "@pytest.mark.unmeasured\ndef test_marked(mine, server): run(server)"
PLAIN = "def test_plain(mine, server): run(server)"


def measured(tmp_path: Path, *tests: str) -> set[str]:
    """Where coverage saw something of ours, in a run of these tests."""
    (tmp_path / "ours.py").write_text("".join(f"def {name}():\n    return 1\n" for name in WHERE))
    (tmp_path / "test_it.py").write_text("\n\n".join([TESTS, *tests]))
    (tmp_path / "rc").write_text("[run]\nsource = ours\nconcurrency = thread\ncore = ctrace\n")
    data = tmp_path / "data"
    environment = {
        **unmeasured_environment(),
        "COVERAGE_FILE": str(data),
        "PYTHONPATH": f"{ROOT}:{tmp_path}",
        "DJANGO_SETTINGS_MODULE": "lukhas_site.settings",
    }
    plugins = ["-p", "tests.environment", "-p", "tests.measuring", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "coverage", "run", "--rcfile", "rc", "-m", "pytest", *plugins]
    done = subprocess.run([*command, "test_it.py"], cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = CoverageData(str(data))
    found.read()
    lines = set(found.lines(str(tmp_path / "ours.py")) or ())
    return {name for number, name in enumerate(WHERE, 1) if 2 * number in lines}


def test_of_a_test_with_the_mark_only_what_others_share_is_measured(tmp_path: Path) -> None:
    """Threads are: one that starts now may serve other tests later."""
    assert measured(tmp_path, EARLIER, MARKED) == {"a_fixture_of_the_run", "a_thread"}


def test_after_a_test_with_the_mark_everything_is_measured_again(tmp_path: Path) -> None:
    assert measured(tmp_path, MARKED, PLAIN) == set(WHERE)
