"""manage.py scope_api_key: leaves a key fewer scopes."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from accounts.audit.commands import AuditedCommand
from accounts.management.keys import KEY_HELP, named, pick_key


class Command(AuditedCommand):
    help = "Leave an API key only some of the scopes that it holds. It never gets more."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key", metavar="KEY", help=KEY_HELP)
        parser.add_argument(
            "--scope", metavar="S", action="append", required=True, help="a scope that the key keeps, repeatable"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        key = pick_key(options["key"])
        try:
            with transaction.atomic():
                key.narrow(options["scope"])
                if options["dry_run"]:
                    transaction.set_rollback(True)
        except ValidationError as error:
            raise CommandError(f"{named(key)}: {' '.join(error.messages)}") from error
        if options["verbosity"] > 0:
            verb = "would hold" if options["dry_run"] else "holds"
            self.stdout.write(f"{named(key)} {verb} {', '.join(key.scopes)}.")
