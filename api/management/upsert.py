"""What the commands that change the catalog have in common."""

from argparse import ArgumentTypeError
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import models

from accounts.audit.commands import AuditedCommand
from api.models import Model, Upstream


class UpsertCommand(AuditedCommand):
    """Adds a row, or brings the one that is there up to date, and says which. Doing it twice is doing it once."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")

    def upsert(self, row: models.Model, values: dict[str, Any], what: str, options: dict[str, Any]) -> bool:
        """Gives `row`, new or not, these values, and reports it as `what`. A value of None leaves the field as it is.

        Returns whether the row was saved. Raises CommandError, and saves nothing, where the row is not valid.
        """
        adding = row.pk is None
        changes = []
        for name, value in values.items():
            before = None if adding or value is None else getattr(row, name)
            if value is None or before == value:
                continue
            setattr(row, name, value)
            changes.append(f"{name}: {shown(before)} → {shown(value)}")
        if not adding and not changes:
            self.say(options, f"Unchanged: {what}.")
            return False
        try:
            row.full_clean()
        except ValidationError as error:
            raise CommandError(" ".join(complaints(error))) from error
        dry = bool(options["dry_run"])
        if not dry:
            row.save()
        verb = ("Would add" if dry else "Added") if adding else ("Would change" if dry else "Changed")
        details = "" if adding else f" ({'; '.join(changes)})"
        self.say(options, f"{verb} {what}{details}.")
        return not dry

    def remove(self, row: models.Model | None, what: str, options: dict[str, Any]) -> None:
        """Deletes a row, reported as `what`. Raises CommandError where there is none."""
        if row is None:
            raise CommandError(f"There is no {what}.")
        if not options["dry_run"]:
            row.delete()
        self.say(options, f"{'Would remove' if options['dry_run'] else 'Removed'} {what}.")

    def say(self, options: dict[str, Any], text: str) -> None:
        """Reports on standard output, unless asked to be quiet."""
        if options["verbosity"] > 0:
            self.stdout.write(text)

    def advise(self, options: dict[str, Any], text: str) -> None:
        """What to do next, or to look at, on standard error, unless asked to be quiet."""
        if options["verbosity"] > 0:
            self.stderr.write(text, lambda plain: plain)


def shown(value: Any) -> str:
    """A value in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, int) else str(value or "none")


def complaints(error: ValidationError) -> list[str]:
    """Every message of a row's validation, under the name of its field if it has one."""
    return [
        message if field == NON_FIELD_ERRORS else f"{field}: {message}"
        for field, messages in error.message_dict.items()
        for message in messages
    ]


def known_model(model_id: str) -> Model:
    """The model of this id. Raises CommandError where there is none."""
    found = Model.objects.filter(model_id=model_id).first()
    if found is None:
        known = ", ".join(Model.objects.values_list("model_id", flat=True)) or "none yet"
        raise CommandError(f"No model {model_id}. There is: {known}. See manage.py add_model.")
    return found


def known_upstream(name: str) -> Upstream:
    """The upstream of this name. Raises CommandError where there is none."""
    found = Upstream.objects.filter(name=name).first()
    if found is None:
        known = ", ".join(Upstream.objects.values_list("name", flat=True)) or "none yet"
        raise CommandError(f"No upstream {name}. There is: {known}. See manage.py add_upstream.")
    return found


def parameters(text: str) -> Any:
    """A JSON object, for argparse."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ArgumentTypeError(f"not JSON: {text!r}") from error


def price(text: str) -> Decimal:
    """US dollars per million tokens, for argparse."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise ArgumentTypeError(f"not an amount of dollars: {text!r}")
    return amount
