"""docs/security.md goes through ASVS 5.0, chapters 6 and 7, line by line, and proves what it claims by tests that
exist."""

import re

from tests.docs.pages import ROOT, code, page
from tests.docs.test_roadmap import NODE, collected_from

# How many requirements each section has: 6.1 has three, and so on.
CHAPTERS = {
    "Authentication": (6, (3, 12, 8, 6, 8, 4, 2, 4)),
    "Session management": (7, (3, 4, 2, 5, 3, 2)),
}
KINDS = re.compile(r"(yes|partly|no|does not apply)(?=[:,.;]|$)")


def kind(cell: str) -> str:
    """How a line stands: `yes`, `partly`, `no` or `does not apply`."""
    found = KINDS.match(cell)
    assert found is not None, cell
    return found[1]


def test_every_requirement_of_both_chapters_has_a_line() -> None:
    for heading, (chapter, sections) in CHAPTERS.items():
        expected = [
            f"{chapter}.{section}.{number}"
            for section, count in enumerate(sections, 1)
            for number in range(1, count + 1)
        ]
        assert [row[0].split()[0] for row in page("security").rows(heading)] == expected


def test_what_is_claimed_is_proved_and_what_is_not_here_says_why() -> None:
    for requirement, here, proof in page("security").rows():
        claimed = kind(here) in ("yes", "partly")
        untested = here.endswith("There is no code for it, so no test")
        assert bool(NODE.search(proof)) == (claimed and not untested), requirement
        assert kind(here) == "yes" or len(here.split()) >= 5, f"{requirement}: no reason is given"


def test_every_test_that_is_named_exists() -> None:
    missing = []
    for _, _, proof in page("security").rows():
        assert not re.sub(r"`[^`]*`", "", proof).strip()
        for cell in code(proof):
            found = NODE.fullmatch(cell)
            assert found is not None, cell
            path = ROOT / found[1]
            if not path.is_file() or found[2] not in collected_from(path):
                missing.append(cell)
    assert not missing


def test_the_lines_that_refer_to_another_refer_to_one_that_is_there() -> None:
    rows = page("security").rows()
    numbers = {row[0].split()[0] for row in rows}
    named = {number for row in rows for number in re.findall(r"\b\d\.\d\.\d+\b", " ".join(row[1:2]))}
    assert named <= numbers
