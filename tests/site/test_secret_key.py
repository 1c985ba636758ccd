"""The secret key that an installation makes for itself."""

import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from lukhas_site import secret_key
from tests.processes import ROOT

PRINT_IT = """
import pathlib, sys
from lukhas_site import secret_key
print(secret_key.read_or_create(pathlib.Path(sys.argv[1])))
"""


def test_it_is_made_once_and_long_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "directory" / "secret_key"
    key = secret_key.read_or_create(path)
    assert len(key) >= 64
    assert len(set(key)) > 20
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert secret_key.read_or_create(path) == key
    assert list(path.parent.iterdir()) == [path], "a draft was left behind"


def test_two_installations_have_two_keys(tmp_path: Path) -> None:
    assert secret_key.read_or_create(tmp_path / "one") != secret_key.read_or_create(tmp_path / "other")


def test_a_key_that_an_editor_ended_with_a_newline_is_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    path.write_text("a key of one's own\n")
    assert secret_key.read_or_create(path) == "a key of one's own"


def test_of_two_that_make_it_at_once_the_later_takes_the_earlier_ones(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    path.write_text("made by another between the look and the link")
    secret_key.create(path)
    assert path.read_text() == "made by another between the look and the link"
    assert list(tmp_path.iterdir()) == [path]


def test_threads_that_start_together_end_with_the_same_key(tmp_path: Path) -> None:
    keys: list[str] = []
    together = threading.Barrier(8)

    def start() -> None:
        together.wait()
        keys.append(secret_key.read_or_create(tmp_path / "secret_key"))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


def test_processes_that_start_together_end_with_the_same_key(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PRINT_IT, str(tmp_path / "secret_key")]
    started = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert len({process.communicate(timeout=60)[0] for process in started}) == 1
    assert [process.returncode for process in started] == [0] * 4


@pytest.mark.parametrize("place", ["a directory", "below a file"])
def test_where_it_cannot_be_kept_the_way_out_is_told(tmp_path: Path, place: str) -> None:
    path = tmp_path / "secret_key"
    if place == "a directory":
        path.mkdir()
    else:
        (tmp_path / "file").touch()
        path = tmp_path / "file" / "secret_key"
    with pytest.raises(
        ImproperlyConfigured, match=r"cannot be kept in .*secret_key: .*Set SECRET_KEY, or LUKHAS_DATA_DIR"
    ):
        secret_key.read_or_create(path)


def test_an_empty_file_is_no_key(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    path.touch()
    with pytest.raises(ImproperlyConfigured, match="is empty"):
        secret_key.read_or_create(path)
    assert path.read_text() == ""
