"""What a benchmark found, written into the documentation: between two marks, which no reader sees."""

import platform
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.servers import ROOT

PYTHON = platform.python_version()

IMAGES = ROOT / "docs" / "images"


def fill(path: Path, name: str, text: str) -> None:
    """Puts `text` between `<!-- measured: NAME -->` and `<!-- /measured -->`, instead of what is there. Raises
    ValueError where there are no such marks, or more than one pair."""
    written = path.read_text()
    opening, closing = f"<!-- measured: {name} -->", "<!-- /measured -->"
    if written.count(opening) != 1:
        raise ValueError(f"{path.name} has no one place for what {name} measured")
    before, after = written.split(opening)
    _, mark, rest = after.partition(closing)
    if not mark:
        raise ValueError(f"{path.name}: what {name} measured has no end")
    path.write_text(f"{before}{opening}\n{text.strip()}\n{closing}{rest}")


def draw(name: str, svg: str, place: Path = IMAGES) -> None:
    """Writes `docs/images/NAME.svg`, or one elsewhere."""
    (place / f"{name}.svg").write_text(svg)


def today() -> str:
    """As the documentation writes it: 29 November 2026."""
    now = datetime.now(UTC)
    return f"{now.day} {now:%B %Y}"
