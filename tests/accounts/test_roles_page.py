"""docs/roles.md prints the tables of the code."""

import re
from pathlib import Path

import pytest

from accounts import vocabulary
from accounts.roles import ACTIONS, SCOPE_ROLES, Role
from accounts.scopes import PUBLISHABLE_SCOPES, SCOPES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "roles.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its first two lines."""
    section = PAGE[PAGE.index(f"\n{heading}\n") :].partition(heading)[2]
    table = re.search(r"(?:^\|.*\|\n)+", section, re.MULTILINE)
    assert table
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[0].splitlines()[2:]]


@pytest.mark.parametrize(
    ("heading", "where"), [("### In the organisation", "organization"), ("### In a project", "project")]
)
def test_the_actions_are_those_of_the_code(heading: str, where: str) -> None:
    expected = [[f"`{name}`", action.least.value] for name, action in ACTIONS.items() if action.where == where]
    assert rows(heading) == expected


def test_the_scopes_are_those_of_the_code() -> None:
    publishable = {scope: "yes" if scope in PUBLISHABLE_SCOPES else "" for scope in SCOPES}
    expected = [[f"`{scope}`", says, SCOPE_ROLES[scope].value, publishable[scope]] for scope, says in SCOPES.items()]
    assert rows("## Scopes") == expected


def test_the_wires_names_are_those_of_the_code() -> None:
    def name(role: Role | None) -> str:
        return role.value if role else "no role"

    vocabularies = [
        vocabulary.USERS,
        vocabulary.PROJECT_USERS,
        vocabulary.INVITES,
        vocabulary.INVITED_TO_PROJECTS,
        vocabulary.SERVICE_ACCOUNTS,
    ]
    expected = [
        [
            ", ".join(f"`{word}` → {name(role)}" for word, role in each.reads.items()),
            ", ".join(f"{name(role)} → `{word}`" for role, word in each.shows.items()),
        ]
        for each in vocabularies
    ]
    assert [row[1:] for row in rows("## The wire's names for roles")] == expected
