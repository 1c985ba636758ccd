"""What is not code and cannot be run here: the container's recipe and the list of changes."""

import re
import tomllib

from lukhas_site import __version__
from tests.docs.pages import ROOT

RECIPE = (ROOT / "Containerfile").read_text()


def copied() -> list[str]:
    """Everything that the recipe copies from the project."""
    lines = re.findall(r"^COPY (.+)$", RECIPE, re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


def test_the_recipe_copies_every_package_and_everything_it_copies_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {name.rstrip("*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert packages <= set(copied())
    assert [name for name in copied() if not (ROOT / name).exists()] == []


def test_everything_that_the_recipe_copies_is_let_into_its_context() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied()) == let_in


def test_the_container_is_one_stage_not_root_and_keeps_its_data_in_a_volume() -> None:
    assert len(re.findall(r"^FROM ", RECIPE, re.MULTILINE)) == 1
    user = re.findall(r"^USER (\S+)$", RECIPE, re.MULTILINE)
    assert user == ["10001"]
    assert f"useradd --system --uid {user[0]}" in RECIPE
    assert "LUKHAS_DATA_DIR=/data" in RECIPE
    assert re.search(r"^VOLUME /data$", RECIPE, re.MULTILINE)
    assert "serve --host 0.0.0.0" in RECIPE


def test_what_the_container_installs_is_pinned_by_hash() -> None:
    installed = re.findall(r"pip install (.+?)(?: \\)?$", RECIPE, re.MULTILINE)
    assert len(installed) == 3
    assert [line for line in installed if "--require-hashes" not in line] == ["--no-deps -e ."]


def test_the_list_of_changes_has_this_version_below_what_is_not_released() -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert __version__ in headings[1:]
