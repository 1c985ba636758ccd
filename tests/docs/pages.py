"""The documentation as tests read it: pages, their code blocks, tables, headings and links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"

FENCE = re.compile(r"^```(\w*)\s*$")
NOTE = re.compile(r"^<!--\s*(.+?)\s*-->$")
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$")
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(([^()\s]+)\)")
CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line of the page on which its text begins. `note` is the
    comment right above it, `after` the language of the block that stands right before it, if nothing is between."""

    language: str
    text: str
    line: int
    note: str = ""
    after: str = ""


@dataclass(frozen=True)
class Page:
    """A Markdown file."""

    path: Path
    blocks: tuple[Block, ...] = ()
    prose: tuple[tuple[int, str], ...] = field(default=())

    @property
    def name(self) -> str:
        """The path from the project's root."""
        return str(self.path.relative_to(ROOT))

    def anchors(self) -> set[str]:
        """What a link to a heading of this page may name, as GitHub makes it."""
        found: set[str] = set()
        for _, line in self.prose:
            if heading := HEADING.match(line):
                slug = re.sub(r"[^\w\- ]", "", heading[1].lower()).replace(" ", "-")
                while slug in found:
                    slug = f"{slug}-1"
                found.add(slug)
        return found

    def links(self) -> Iterator[tuple[int, str]]:
        """Every link's line and target."""
        for number, line in self.prose:
            for target in LINK.findall(line):
                yield number, target

    def rows(self, heading: str = "") -> list[list[str]]:
        """The cells of every table row, of the section under `heading` or the whole page, without the head rows."""
        rows: list[list[str]] = []
        inside = not heading
        table: list[list[str]] = []
        for _, line in [*self.prose, (0, "")]:
            if found := HEADING.match(line):
                inside = not heading or found[1] == heading
            if inside and line.startswith("|"):
                table.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
            else:
                rows += table[2:]
                table = []
        return rows


def read(path: Path) -> Page:
    """The page in this file."""
    blocks: list[Block] = []
    prose: list[tuple[int, str]] = []
    text: list[str] = []
    language: str | None = None
    start = 0
    note = last = ""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        fence = FENCE.match(line)
        if language is not None:
            if line.startswith("```"):
                blocks.append(Block(language, "\n".join(text) + "\n", start, note, last))
                last, note, language, text = language, "", None, []
            else:
                text.append(line)
        elif fence:
            language, start = fence[1], number + 1
        else:
            prose.append((number, line))
            if line.strip():
                found = NOTE.match(line.strip())
                note = found[1] if found else ""
                last = last if found else ""
    assert language is None, f"{path}: the block that begins on line {start} is never closed"
    return Page(path, tuple(blocks), tuple(prose))


@cache
def pages() -> tuple[Page, ...]:
    """Every page that a user reads: those of docs/, and the ones at the root."""
    return tuple(read(path) for path in sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")]))


def page(name: str) -> Page:
    """The page of this name in docs/, without its suffix."""
    return read(DOCS / f"{name}.md")


def code(cell: str) -> list[str]:
    """What stands in backticks in a cell."""
    return CODE.findall(cell)
