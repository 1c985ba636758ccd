"""Where a subcommand acts, and how it says what it did."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from accounts.bootstrap import ensure_defaults
from accounts.models import Organization, Project
from features.models import Environment, Flag, FlagState
from features.problems import Invalid

Writes = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Place:
    """An organisation, and one of its environments."""

    organization: Organization
    environment: Environment

    @classmethod
    def of(cls, options: dict[str, Any]) -> "Place":
        """The one that the options name: the default project's environment, unless they say otherwise. Raises
        CommandError."""
        organization, project = _home(options)
        if options["environment"] is None:
            environments = Environment.objects
            found = environments.of_project(project) if project else environments.production(organization)
            return cls(organization, found)
        known = {each.key: each for each in organization.environments.order_by("key")}
        if options["environment"] not in known:
            there = f"There is: {', '.join(known)}." if known else "There is none yet."
            raise CommandError(f"There is no environment {options['environment']!r}. {there}")
        return cls(organization, known[options["environment"]])

    def flag(self, key: str) -> Flag:
        """Raises CommandError where there is none."""
        found = self.organization.flags.filter(key=key).first()
        if found is None:
            raise CommandError(f"There is no flag {key!r} in {self.organization}.")
        return found

    def state(self, key: str) -> FlagState:
        """The flag's state here, or a new one."""
        return self.flag(key).state_in(self.environment)


def _home(options: dict[str, Any]) -> tuple[Organization, Project | None]:
    organization = None
    if (text := options["organization"]) is not None:
        organizations = Organization.objects
        organization = organizations.filter(public_id=text).first() or organizations.filter(slug=text).first()
        if organization is None:
            raise CommandError(f"There is no organisation {text!r}.")
    if (text := options["project"]) is None:
        return (organization, None) if organization else ensure_defaults()
    projects = Project.objects.filter(organization=organization or ensure_defaults()[0])
    found = list(projects.filter(public_id=text) or projects.filter(name=text))
    if len(found) != 1:
        raise CommandError(
            f"More than one project is named {text!r}: give its id." if found else f"There is no project {text!r}."
        )
    return found[0].organization, found[0]


class Subcommand:
    """One of `manage.py flag …`. `write` is what was asked for, `say` a word on it, unless the command is to be quiet,
    and `warn` what people have to know of it."""

    name: ClassVar[str]
    help: ClassVar[str]
    changes: ClassVar[bool] = False

    def __init__(self, write: Writes, warn: Writes, options: dict[str, Any]) -> None:
        self.write = write
        self.warn = warn
        self.options = options

    @classmethod
    def add_arguments(cls, parser: CommandParser) -> None:
        """Adds its own; those of all subcommands are there."""

    def run(self, place: Place) -> None:
        """Does it. Raises CommandError where it cannot."""

    @property
    def dry(self) -> bool:
        return bool(self.options.get("dry_run"))

    def say(self, text: str) -> None:
        if self.options["verbosity"] > 0 and not self.options["json"]:
            self.write(text)

    def show(self, rows: Sequence[dict[str, Any]], columns: Sequence[str], nothing: str) -> None:
        """Rows as JSON, or these columns of them as a table."""
        if self.options["json"]:
            self.write(dumped(rows))
        else:
            self.write(table(rows, columns) if rows else nothing)


class Changing(Subcommand):
    """A subcommand that changes something: all of it, or with --dry-run nothing."""

    changes = True

    def run(self, place: Place) -> None:
        """Raises CommandError with everything that is wrong."""
        try:
            with transaction.atomic():
                self.change(place)
                if self.dry:
                    transaction.set_rollback(True)
        except ValidationError as error:
            raise CommandError("\n".join(error.messages)) from error
        except Invalid as error:
            raise CommandError("\n".join(map(str, error.problems))) from error

    def change(self, place: Place) -> None:
        """Does it, within a transaction. Raises CommandError, ValidationError and Invalid."""

    def save(self, row: Flag | FlagState) -> bool:
        """Saves a row if it was changed; returns whether it was."""
        stored = type(row).objects.filter(pk=row.pk).first()
        if stored is not None and all(getattr(stored, name) == getattr(row, name) for name in row.audit_fields):
            return False
        row.full_clean()
        row.save()
        return True

    def report(self, state: FlagState, changed: bool, what: str) -> None:
        """Says that the flag is `what`: now, already, or that it would be."""
        told = {"key": state.flag.key, "environment": state.environment.key, "changed": changed, **state.to_data()}
        if self.options["json"]:
            self.write(dumped(told))
        verb = "would be" if self.dry and changed else "is"
        already = "" if changed else " already"
        self.say(f"{state.flag.key} {verb} {what}{already}.")


def dumped(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """Columns beside each other, under their names."""
    lines = [list(columns), *([shown(row[name]) for name in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(shown, value))
    return "-" if value in ("", None) else str(value)
