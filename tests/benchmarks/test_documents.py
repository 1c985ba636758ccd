"""What a benchmark writes into the documentation."""

from pathlib import Path

import pytest

from benchmarks.documents import fill
from tests.docs.pages import ROOT

PAGE = "before\n<!-- measured: one -->\nold\n<!-- /measured -->\nbetween\n<!-- measured: two -->\n<!-- /measured -->\n"


def test_only_what_is_between_its_marks_changes_and_twice_is_once(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    for _ in range(2):
        fill(page, "one", "\nnew\n\n")

    assert page.read_text() == PAGE.replace("old", "new")


@pytest.mark.parametrize("text", ["nothing", PAGE + PAGE, "<!-- measured: one -->\nno end"])
def test_without_a_place_of_its_own_nothing_is_written(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(ValueError, match=r"page\.md"):
        fill(page, "one", "new")

    assert page.read_text() == text


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("README.md", "gateway"),
        ("docs/performance.md", "gateway"),
        ("docs/performance.md", "stages"),
        ("docs/soak.md", "soak"),
    ],
)
def test_every_benchmark_that_writes_has_its_place(page: str, name: str) -> None:
    assert (ROOT / page).read_text().count(f"<!-- measured: {name} -->") == 1
