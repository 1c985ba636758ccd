"""docs/dependencies.md lists every direct dependency, with its licence."""

import re
import tomllib
from importlib import metadata

from tests.docs.pages import ROOT, code, page

NAME = re.compile(r"[A-Za-z0-9-]+")


def declared(section: str) -> set[str]:
    """The names of what pyproject.toml asks for at run time, or for development."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] if section == "run" else project["optional-dependencies"]["dev"]
    return {match[0] for line in wanted if (match := NAME.match(line))}


def rows(heading: str) -> dict[str, list[str]]:
    return {code(row[0])[0]: row for row in page("dependencies").rows(heading)}


def licence(package: str) -> str:
    """What the installed package says of its licence, in whichever of three ways."""
    told = metadata.metadata(package)
    kinds = [value for value in told.get_all("Classifier") or [] if value.startswith("License")]
    return " ".join([*(told.get_all("License-Expression") or []), *(told.get_all("License") or []), *kinds])


def test_every_dependency_is_listed_and_nothing_else_is() -> None:
    assert set(rows("At run time")) == declared("run")
    assert set(rows("For tests and checks")) == declared("dev")


def test_every_package_with_weights_or_vocabularies_is_listed_here_and_in_the_notices() -> None:
    pinned = set(re.findall(r"^([\w-]+)==", (ROOT / "requirements" / "models.txt").read_text(), re.MULTILINE))
    assert set(rows("Models and vocabularies")) == pinned
    notice = (ROOT / "NOTICE").read_text()
    assert [name for name in pinned if name not in notice] == []


def test_every_row_is_filled_in() -> None:
    assert [row for row in page("dependencies").rows() if not all(row)] == []


def test_the_licence_is_the_one_that_the_package_states() -> None:
    families = {
        "BSD": "BSD",
        "MIT": "MIT",
        "Apache": "Apache",
        "MPL": "MPL|Mozilla",
        "LGPL": "LGPL|LESSER",
        "PSF": "PSF",
    }
    wrong = []
    for name, row in {**rows("At run time"), **rows("For tests and checks"), **rows("Models and vocabularies")}.items():
        shown = [pattern for family, pattern in families.items() if family in row[-1]]
        told = licence(name)
        if not shown or not any(re.search(pattern, told) for pattern in shown):
            wrong.append(f"{name}: {row[-1]} on the page, {told!r} in the package")
    assert not wrong


def test_the_licence_and_the_notices_of_the_project_are_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    notice = (ROOT / "NOTICE").read_text()
    for work in ("SmolLM2-135M-Instruct", "all-MiniLM-L6-v2", "cl100k_base", "o200k_base"):
        assert work in notice
