"""docs/roadmap.md proves each promise by tests that exist, or says that it is not kept yet."""

import ast
import re
from functools import cache
from pathlib import Path

from tests.docs.pages import ROOT, code, page

NODE = re.compile(r"(tests/[\w/]+\.py)::([\w:]+)")


@cache
def collected_from(path: Path) -> set[str]:
    """The tests of a file as pytest names them after the file: `test_x` and `TestY::test_x`."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{inner.name}" for inner in node.body if isinstance(inner, FUNCTIONS)}
        elif isinstance(node, FUNCTIONS):
            found.add(node.name)
    return {name for name in found if name.rpartition("::")[2].startswith("test_")}


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def test_every_promise_is_proved_or_said_to_be_open() -> None:
    rows = page("roadmap").rows()
    assert len(rows) > 30
    unclear = [row[0] for row in rows if len(row) != 2 or bool(NODE.search(row[1])) == ("not yet" in row[1])]
    assert not unclear


def test_every_test_that_is_named_exists() -> None:
    missing = []
    for _, proof in page("roadmap").rows():
        for cell in code(proof):
            found = NODE.fullmatch(cell)
            assert found is not None, cell
            path = ROOT / found[1]
            if not path.is_file() or found[2] not in collected_from(path):
                missing.append(cell)
    assert not missing


def test_tests_are_recognised_as_pytest_names_them() -> None:
    assert "test_tests_are_recognised_as_pytest_names_them" in collected_from(Path(__file__))
    assert "collected_from" not in collected_from(Path(__file__))
