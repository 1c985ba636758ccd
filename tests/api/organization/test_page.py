"""docs/admin-api.md: its Python runs as pasted and prints what it says, and its table is the URLconf."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.api.organization.conftest import World
from tests.api.organization.endpoints import endpoints, route
from tests.serving import Server

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "admin-api.md").read_text()


def test_the_python_of_the_page_works_as_pasted(server: Server, world: World) -> None:
    source = "\n".join(re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
    done = subprocess.run(
        [sys.executable, "-c", source.replace("http://127.0.0.1:8000", server.url)],
        env={"PATH": os.environ["PATH"], "LUKHAS_ADMIN_KEY": world.admin_token},
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    shown = "".join(re.findall(r"^<!-- prints -->\n```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
    assert done.stdout == shown


def test_the_table_names_every_endpoint_and_no_other() -> None:
    table = PAGE.split("## What is supported")[1].split("| not supported |")[0]
    told = {
        (path, method.lower())
        for path, methods in re.findall(r"^\| `(/[^`]*)` \| ([A-Z, ]+) \|", table, re.MULTILINE)
        for method in methods.split(", ")
    }
    real = {(route(name).replace("<str:", "{").replace(">", "}"), method) for name, method in endpoints()}
    assert told == real
