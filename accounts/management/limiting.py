"""What the commands that set limits have in common."""

from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.db.models import Model, QuerySet

from accounts.audit.commands import AuditedCommand
from accounts.bootstrap import ensure_defaults
from accounts.models import ApiKey, Organization, Project
from accounts.models.limits import Limiting, LimitingQuerySet, kind_of

NONE = "none"

Row = TypeVar("Row", bound=Model)
Scope = Organization | Project | ApiKey


class LimitingCommand(AuditedCommand):
    """Sets a limit of one scope, or takes it away. Doing it twice is doing it once."""

    def add_arguments(self, parser: CommandParser) -> None:
        scope = parser.add_mutually_exclusive_group()
        scope.add_argument("--project", metavar="P", help="id or name of a project; else the default project")
        scope.add_argument("--organization", metavar="O", help="id or slug of an organisation")
        scope.add_argument("--key", metavar="K", help="id of an API key")
        parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")

    def put(
        self, rows: LimitingQuerySet[Any], values: dict[str, Any], options: dict[str, Any], what: str, **which: Any
    ) -> None:
        """Sets the row that `which` tells apart, see `LimitingQuerySet.put`, and reports it. Raises CommandError."""
        try:
            with transaction.atomic():
                scope = find_scope(options)
                row: Limiting | None = rows.put(scope, values, **which)
                said = str(row) if row is not None else f"no limit on {what}"
                if options["dry_run"]:
                    transaction.set_rollback(True)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        if options["verbosity"] > 0:
            verb = "Would be set" if options["dry_run"] else "Set"
            self.stdout.write(f"{verb} for {kind_of(type(scope))} {scope}: {said}.")


def find_scope(options: dict[str, Any]) -> Scope:
    """Returns what the options name, or the default project. Raises CommandError where there is no such thing."""
    if (text := options["key"]) is not None:
        return _one(ApiKey.objects.filter(public_id=text), text)
    return find_home(options)


def find_home(options: dict[str, Any]) -> Organization | Project:
    """Returns the organisation or project that the options name; likewise."""
    if (text := options["organization"]) is not None:
        return _one(Organization.objects.filter(public_id=text) or Organization.objects.filter(slug=text), text)
    if (text := options["project"]) is not None:
        return _one(Project.objects.filter(public_id=text) or Project.objects.filter(name=text), text)
    return ensure_defaults()[1]


def _one(rows: QuerySet[Row], text: str) -> Row:
    """The one row that was found by this text."""
    if len(rows) == 1:
        return rows[0]
    kind = kind_of(rows.model)
    raise CommandError(
        f"More than one {kind} is named {text!r}: give its id." if rows else f"There is no {kind} {text!r}."
    )
