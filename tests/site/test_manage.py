"""manage.py, and the settings as a user meets them: what is wrong with them is told in one line."""

import signal
import subprocess

import pytest

from tests.processes import MANAGE, ROOT
from tests.site.conftest import Install


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("LUKHAS_CHAT_SLOTS", "many", "LUKHAS_CHAT_SLOTS must be a whole number, not 'many'."),
        ("LUKHAS_LOG_FORMAT", "xml", "LUKHAS_LOG_FORMAT must be one of json, console, not 'xml'."),
        ("DATABASE_URL", "mysql://u:secret@h/x", "DATABASE_URL must start with postgres:// or sqlite:///."),
        ("LUKHAS_DATA_DIR", "/dev/null/data", "The secret key cannot be kept in /dev/null/data/secret_key: "),
    ],
)
def test_a_setting_that_cannot_be_taken_stops_every_command_with_its_name(
    install: Install, name: str, value: str, message: str
) -> None:
    refused = install(**{name: value}).manage("check", status=1)
    assert refused.stderr.startswith(f"Not started: {message}")
    assert refused.stderr.count("\n") == 1
    assert "secret@" not in refused.stderr
    assert refused.stdout == ""


def test_what_only_a_check_finds_stops_the_server_with_a_hint(install: Install) -> None:
    refused = install(LUKHAS_CHAT_SLOTS="0").manage("serve", status=1)
    assert "(api.E002) LUKHAS_CHAT_SLOTS must be above zero, not 0." in refused.stderr
    assert "HINT" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_ctrl_c_leaves_no_traceback(install: Install) -> None:
    with subprocess.Popen(
        [*MANAGE, "shell", "-v", "0", "-c", "import time; print('busy', flush=True); time.sleep(60)"],
        cwd=ROOT,
        env=install().environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as busy:
        assert busy.stdout is not None
        assert busy.stdout.readline() == "busy\n"
        busy.send_signal(signal.SIGINT)
        assert busy.communicate(timeout=30) == ("", "")
        assert busy.returncode == 130
