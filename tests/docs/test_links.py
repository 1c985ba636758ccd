"""Every link in the documentation leads somewhere, every page can be found, and no page says what it must not."""

import re

import pytest

from tests.docs.pages import DOCS, ROOT, Page, page, pages, read

SOURCE = ("accounts", "analytics", "api", "features", "lukhas_site", "tests", "benchmarks")


@pytest.mark.parametrize("one", [pytest.param(one, id=one.name) for one in pages()])
def test_relative_links_and_their_anchors_resolve(one: Page) -> None:
    broken = []
    for number, target in one.links():
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (one.path.parent / path).resolve() if path else one.path
        if not file.is_file() or (anchor and anchor not in read(file).anchors()):
            broken.append(f"{one.name}:{number}: {target}")
    assert not broken


def test_the_index_names_every_page() -> None:
    linked = {(DOCS / target.partition("#")[0]).resolve() for _, target in page("index").links()}
    written = {path for path in DOCS.glob("*.md") if path.name != "index.md"} | {DOCS / "adr" / "README.md"}
    assert written - linked == set()


def test_the_list_of_decision_records_names_every_one() -> None:
    listed = read(DOCS / "adr" / "README.md")
    linked = {(listed.path.parent / target).resolve() for _, target in listed.links()}
    assert set((DOCS / "adr").glob("0*.md")) <= linked


def test_every_page_that_the_source_refers_to_exists() -> None:
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for folder in SOURCE
        for path in (ROOT / folder).rglob("*.py")
        for name in re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text())
        if not (ROOT / name).is_file()
    ]
    assert not missing


def test_every_file_that_a_page_refers_to_exists() -> None:
    suffixes = r"py|md|toml|txt|yaml|svg"
    pattern = re.compile(
        rf"(?:lukhas_site|accounts|features|analytics|api|tests|requirements|docs)/[\w/.-]+\.(?:{suffixes})"
    )
    missing = [
        f"{one.name}: {name}"
        for one in pages()
        for name in pattern.findall(one.path.read_text())
        if not (ROOT / name).is_file()
    ]
    assert not missing


@pytest.mark.parametrize("one", [pytest.param(one, id=one.name) for one in pages()])
def test_a_page_names_no_machine_and_no_key(one: Page) -> None:
    text = one.path.read_text()
    assert not re.search(r"/(?:work|root|home)/|\.\./\.\./", text)
    assert not re.search(r"sk-(?:lukhas|admin-lukhas)-[A-Za-z0-9]{20,}", text)


def test_an_anchor_is_made_as_github_makes_it() -> None:
    headings = {line for _, line in page("errors").prose if line.startswith("#")}
    assert "## 401: who are you?" in headings
    assert "401-who-are-you" in page("errors").anchors()
    assert "alive-healthz" in page("health").anchors()
