"""How the examples of a page are run: as a reader would who pastes them in order.

The ```python blocks of a page share one interpreter; each ```bash block gets a shell of its own. Both get a key in
LUKHAS_API_KEY, an admin key in LUKHAS_ADMIN_KEY, a user in LUKHAS_USERNAME and LUKHAS_PASSWORD, and the address of the
test server where the page says 127.0.0.1:8000.
What is not to be run has another tag (```console, ```text). Comments right above a block say what is expected of it:

    <!-- answers 401 -->    curl gets this status; without the comment, any below 400
    <!-- prints -->         above a ```text block: the ```python block above it prints this, line by line
    a ```json block right after a ```bash block is its answer: the same keys, and values of the same types

A page with the comment `<!-- tutorial -->` goes from step to step: its ```python and its manage.py lines in ```console
are run in the order in which they stand. What it shows under a command is among what that prints, and each ```text
block is all that the ```python block above it prints.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from codeop import compile_command
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any
from unittest import mock

from features.exposures import exposed
from tests.api.commands import run
from tests.docs.pages import ROOT, Block, Page

ADDRESS = re.compile(r"http://(?:127\.0\.0\.1|localhost):8000")
ANSWERS = re.compile(r"answers (\d{3})")
TIMEOUT = 100

# curl as the page has it, but silent about progress, and with the status of each answer in a file.
CURL = """curl() {
  command curl --silent --show-error --max-time 60 --write-out '%{stderr}status=%{http_code}\\n' "$@"
}
"""


@dataclass(frozen=True)
class Keys:
    """What a reader has at hand: a key of the default project, an admin key, and a user."""

    api: str
    admin: str
    username: str = "ann"
    password: str = "correct horse battery staple"


def environment(keys: Keys) -> dict[str, str]:
    """What an example finds in its environment: nothing of the test's own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "LUKHAS_API_KEY": keys.api,
        "LUKHAS_ADMIN_KEY": keys.admin,
        "LUKHAS_USERNAME": keys.username,
        "LUKHAS_PASSWORD": keys.password,
        "PYTHONWARNINGS": "error::SyntaxWarning",
    }


def run_python(page: Page, url: str, keys: Keys) -> subprocess.CompletedProcess[str]:
    """Runs all Python of a page in one interpreter, every line under its own number on the page."""
    lines: list[str] = []
    for block in python(page):
        lines += [""] * (block.line - 1 - len(lines))
        lines += block.text.splitlines()
    source = ADDRESS.sub(url, "\n".join(lines))
    program = f"exec(compile({source!r}, {page.name!r}, 'exec'), {{'__name__': '__main__'}})"
    return subprocess.run(
        [sys.executable, "-c", program],
        # The modules of the tree under test, which need not be the one that is installed.
        env={**environment(keys), "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        cwd="/",
    )


def is_tutorial(page: Page) -> bool:
    return any(line == "<!-- tutorial -->" for _, line in page.prose)


def follow(page: Page, url: str, keys: Keys) -> None:
    """Goes through a tutorial; fails where something is not as it says. Commands run in this process, which serves."""
    names: dict[str, Any] = {"__name__": "__main__"}
    heard_until_then = mock.patch.object(
        exposed, "receivers", [*exposed.receivers]
    )  # what a page connects goes with it
    with mock.patch.dict(os.environ, environment(keys)), heard_until_then:
        for block, following in zip(page.blocks, [*page.blocks[1:], None], strict=True):
            place = f"{page.name}:{block.line}"
            if block.language == "console":
                _type(block, place)
            elif block.language == "python":
                output = StringIO()
                with redirect_stdout(output):
                    exec(compile(ADDRESS.sub(url, block.text), place, "exec"), names)
                shown = following.text if following and following.note == "prints" else ""
                assert output.getvalue() == shown, f"{place} prints:\n{output.getvalue()}"


def _type(block: Block, place: str) -> None:
    printed: list[str] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            words = shlex.split(line)
            assert words[1:3] == [".venv/bin/python", "manage.py"], place
            printed = "".join(run(*words[3:])).splitlines()
        else:
            assert line in printed, f"{place}: {line!r} is not printed, but {printed}"


def fault_when_pasted(block: Block) -> str | None:
    """What an interactive interpreter says to a block that is pasted line by line, with the line on the page.

    It takes a line that is not indented for a part of the compound statement before it, unless an empty one is between.
    """
    typed: list[str] = []
    number = block.line
    for number, line in enumerate([*block.text.splitlines(), ""], block.line):
        typed.append(line)
        try:
            if compile_command("\n".join(typed), block.language, "single") is not None:
                typed = []
        except SyntaxError as error:
            return f"{number}: {error.msg}"
    return f"{number}: the block is not complete" if any(typed) else None


def run_bash(block: Block, url: str, keys: Keys) -> tuple[int, list[int], str]:
    """Runs a block; returns the exit status, the statuses that curl got, and the output."""
    script = CURL + ADDRESS.sub(url, block.text)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=environment(keys),
        check=False,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        cwd="/",
    )
    statuses = [int(status) for status in re.findall(r"^status=(\d+)$", done.stderr, re.MULTILINE)]
    return done.returncode, statuses, done.stdout or done.stderr


def python(page: Page) -> list[Block]:
    return [block for block in page.blocks if block.language == "python"]


def bash(page: Page) -> list[Block]:
    return [block for block in page.blocks if block.language == "bash"]


def printed(page: Page) -> list[str]:
    """The lines that the page says its Python prints."""
    blocks = [block for block in page.blocks if block.language == "text" and block.note == "prints"]
    return [line for block in blocks for line in block.text.splitlines()]


def answer_to(page: Page, block: Block) -> Any:
    """The JSON that the page shows as the answer to a bash block; None where it shows none."""
    following = page.blocks[page.blocks.index(block) + 1 :]
    if following and following[0].language == "json" and following[0].after == "bash":
        return json.loads(following[0].text)
    return None


def expected_status(block: Block) -> int | None:
    """The status that the page says curl gets."""
    found = ANSWERS.fullmatch(block.note)
    return int(found[1]) if found else None


def difference(shown: Any, real: Any, path: str = "answer") -> str | None:
    """Where the shape of a real answer is not the one that is shown: other keys, or a value of another type. Of an
    array the first items are compared; whole numbers and decimals are one type."""
    if isinstance(shown, dict) and isinstance(real, dict):
        if shown.keys() != real.keys():
            return f"{path} has {sorted(real)}, the page shows {sorted(shown)}"
        return next((found for key in shown if (found := difference(shown[key], real[key], f"{path}.{key}"))), None)
    if isinstance(shown, list) and isinstance(real, list):
        return difference(shown[0], real[0], f"{path}[0]") if shown and real else None
    numbers = isinstance(shown, int | float) and isinstance(real, int | float)
    if not numbers and type(shown) is not type(real):
        return f"{path} is {real!r}, the page shows {shown!r}"
    return None
