"""docs/commands.md lists every command and make target, and every command line in the documentation can be typed."""

import argparse
import re
import shlex
from collections.abc import Iterator

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandError

from tests.docs.pages import ROOT, Page, code, page, pages

OURS = ("accounts", "analytics", "api", "features", "lukhas_site")
INVOKED = re.compile(r"manage\.py (.+)$")
MADE = re.compile(r"\bmake( .*)?$")


def own_commands() -> dict[str, str]:
    """Our management commands, and the app of each."""
    return {name: str(app) for name, app in get_commands().items() if app in OURS}


def targets() -> set[str]:
    """What the Makefile declares as phony: the targets that are for people."""
    found = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found is not None
    return set(found[1].split())


def typed(one: Page) -> Iterator[tuple[int, str]]:
    """Every line of a console block that a person types."""
    for block in one.blocks:
        if block.language == "console":
            for number, line in enumerate(block.text.splitlines(), block.line):
                if line.startswith("$ "):
                    yield number, line[2:].partition("  #")[0].rstrip()


def own_options(parser: argparse.ArgumentParser) -> set[str]:
    """The options of a command that are not of every Django command."""
    bare = BaseCommand().create_parser("manage.py", "any")
    every = {option for action in bare._actions for option in action.option_strings} | {"--skip-checks"}
    found = {option for action in parser._actions for option in action.option_strings if option.startswith("--")}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found |= set().union(*map(own_options, action.choices.values()))
    return found - every


def test_every_command_has_a_section_with_an_example_and_nothing_else_has() -> None:
    headings = {line[4:] for _, line in page("commands").prose if line.startswith("### ")}
    assert headings == set(own_commands())
    examples = [line for _, line in typed(page("commands"))]
    lacking = [name for name in own_commands() if not any(f"manage.py {name}" in line for line in examples)]
    assert not lacking


def test_every_option_of_every_command_is_mentioned_in_its_section() -> None:
    text = (ROOT / "docs" / "commands.md").read_text()
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##)", text, re.MULTILINE | re.DOTALL))
    missing = [
        f"{name} {option}"
        for name, app in own_commands().items()
        for option in own_options(load_command_class(app, name).create_parser("manage.py", name))
        if option not in sections[name]
    ]
    assert not missing


def test_every_make_target_is_documented_and_nothing_else_is() -> None:
    shown = {code(row[0])[0].removeprefix("make ") for row in page("commands").rows("make")}
    assert shown == targets()


@pytest.mark.parametrize("one", [pytest.param(one, id=one.name) for one in pages()])
def test_every_command_line_can_be_typed(one: Page) -> None:
    known = get_commands()
    for number, line in typed(one):
        place = f"{one.name}:{number}: {line}"
        if found := INVOKED.search(line):
            name, *arguments = shlex.split(found[1])
            assert name in known, place
            command = load_command_class(str(known[name]), name)
            try:
                command.create_parser("manage.py", name).parse_args(arguments)
            except (CommandError, SystemExit) as error:
                pytest.fail(f"{place}: {error}")
        elif found := MADE.search(line):
            words = [word for word in (found[1] or "").split() if "=" not in word]
            assert set(words) <= targets(), place


def test_every_target_and_variable_named_in_prose_exists() -> None:
    variables = set(re.findall(r"^([A-Z]+) \?=", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for one in pages():
        for number, line in one.prose:
            for words in (text.split()[1:] for text in code(line) if re.match(r"make \w", text)):
                for word in words:
                    name = word.partition("=")[0]
                    assert name in variables if "=" in word else name in targets(), f"{one.name}:{number}: {word}"
