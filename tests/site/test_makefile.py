"""`make run`, as a stranger types it; but for the installing, which `python -m benchmarks.startup` goes through."""

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes import KEY, ROOT, Served, answers, eventually, free_port
from tests.site.conftest import Install

VENV = Path(sys.prefix)
HASHED = re.compile(r'href="(/static/[^"]+\.[0-9a-f]{12}\.css)"')


@contextmanager
def make_run(install: Install) -> Iterator[tuple[Served, Path]]:
    """`make run` with the environment of this run of the tests taken for installed; yields what it prints too."""
    site = install()
    site.data.mkdir(exist_ok=True)
    port = free_port()
    printed, log = site.data / "printed", site.data / "log"
    unset = ("LUKHAS_STATICFILES_STORAGE", "MAKEFLAGS", "MAKELEVEL")
    with printed.open("wb") as output, log.open("wb") as errors:
        process = subprocess.Popen(
            ["make", "-o", str(VENV / ".runtime"), f"VENV={VENV}", "run", f"PORT={port}"],
            cwd=ROOT,
            env={name: value for name, value in site.environment.items() if name not in unset},
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
    served = Served(process, f"http://127.0.0.1:{port}", log)
    try:
        eventually(lambda: answers(served), 90, "the server answers")
        yield served, printed
    finally:
        os.killpg(process.pid, signal.SIGINT)  # what Ctrl-C does: the whole group gets it
        process.wait(60)


def test_it_prints_a_key_once_and_serves_with_hashed_files_and_debug_off(install: Install) -> None:
    with make_run(install) as (served, printed):
        told = printed.read_text()
        keys = KEY.findall(told)
        assert len(keys) == 1
        assert f"{served.url.replace('127.0.0.1', 'localhost')}/admin/" in told
        assert "createsuperuser" in told
        answer = served.get("/v1/models", headers={"Authorization": f"Bearer {keys[0]}"})
        names = [model["id"] for model in answer.json()["data"]]
        assert names == ["lukhas-chat-1", "lukhas-embed-1", "lukhas-moderation-1", "lukhas-echo-1"]
        sheets = HASHED.findall(served.get("/admin/login/").text)
        assert sheets
        sheet = served.get(sheets[0], headers={"Accept-Encoding": "gzip"})
        assert sheet.status_code == 200
        assert "immutable" in sheet.headers["cache-control"]
        assert sheet.headers["content-encoding"] == "gzip"
        refused = served.get("/", headers={"Host": "elsewhere.example.com"})
        assert refused.status_code == 400
        assert "DEBUG" not in refused.text
        secret = printed.parent / "secret_key"
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    ending = served.log.read_text().partition("Shutting down")[2]
    assert "Application shutdown complete." in ending
    assert "Traceback" not in ending

    with make_run(install) as (served, printed):
        assert "sk-" not in printed.read_text()
        assert f"{served.url.replace('127.0.0.1', 'localhost')}/docs" in printed.read_text()


def fake_python(place: Path, first: str) -> Path:
    """A Python that runs a line before the code it is given."""
    path = place / "python"
    path.write_text(f"""#!/bin/sh
[ "$1" = -c ] && exec {sys.executable} -c "{first}
$2"
exec {sys.executable} "$@"
""")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ("import sys; sys.modules['ensurepip'] = None", "Install it with: sudo apt install python3-venv"),
        ("import sys; sys.version_info = (3, 10, 4)", "LUKHAS needs Python 3.11 or later"),
    ],
    ids=["without python3-venv", "too old"],
)
def test_a_python_that_will_not_do_is_told_with_what_to_type(tmp_path: Path, first: str, message: str) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements").mkdir()
    for name in ("requirements/base.txt", "requirements/models.txt", "pyproject.toml"):
        (tmp_path / name).touch()
    done = subprocess.run(
        ["make", "run", f"PYTHON={fake_python(tmp_path, first)}"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert message in done.stdout
    assert "Traceback" not in done.stderr
    assert not (tmp_path / ".venv").exists()
