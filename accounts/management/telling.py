"""Commands that set who is told of something, by mail and by a webhook."""

from abc import abstractmethod
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from accounts.alerts.signing import secret_of
from accounts.audit.commands import AuditedCommand
from accounts.management.limiting import NONE
from accounts.models.telling import Alerting


class TellingCommand(AuditedCommand):
    """Changes such a row in one transaction, or only says what would change; a webhook's new secret is printed once.

    `kind` is what the row is called; `done` and `undone` are said before what was set, and what would be.
    """

    kind: str
    done: str
    undone: str

    def add_telling_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--mail", metavar="A", action="append", help="an e-mail address; may be repeated")
        parser.add_argument("--subject-prefix", metavar="T", help="what the subject of the mail begins with")
        parser.add_argument("--webhook", metavar="URL", help=f"where to post it, signed; {NONE} takes it away")
        parser.add_argument(
            "--exchange-secret", action="store_true", help="give the webhook another secret, and print it this once"
        )
        parser.add_argument("--remove", action="store_true", help=f"take the {self.kind} away")
        parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with transaction.atomic():
                said, secret = self.change(options)
                if options["dry_run"]:
                    transaction.set_rollback(True)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        if options["verbosity"] > 0:
            self.stdout.write(f"{self.undone if options['dry_run'] else self.done}{said}")
        if secret and not options["dry_run"]:
            self.stdout.write(secret)

    @abstractmethod
    def change(self, options: dict[str, Any]) -> tuple[str, str]:
        """Returns what was set, and the webhook's secret where it is to be shown."""

    @staticmethod
    def write(row: Alerting, options: dict[str, Any]) -> str:
        """Gives the row what was told of who is to be told, and saves it, valid. Returns the secret where it is new."""
        had_webhook = bool(row.pk and row.webhook_url)
        if options["mail"] is not None:
            row.recipients = options["mail"]
        if options["subject_prefix"] is not None:
            row.subject_prefix = options["subject_prefix"]
        if options["webhook"] is not None:
            row.webhook_url = "" if options["webhook"] == NONE else options["webhook"]
        if options["exchange_secret"] and not had_webhook:
            raise CommandError("There is no webhook whose secret could be exchanged.")
        row.full_clean()
        row.save()
        if options["exchange_secret"]:
            row.exchange_secret()
        return secret_of(row) if options["exchange_secret"] or (row.webhook_url and not had_webhook) else ""
