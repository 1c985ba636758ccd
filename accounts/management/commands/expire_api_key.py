"""manage.py expire_api_key: brings the end of a key forward."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from accounts.audit.commands import AuditedCommand
from accounts.management.commands.create_api_key import duration
from accounts.management.keys import KEY_HELP, named, pick_key


class Command(AuditedCommand):
    help = "End an API key at once, or bring its end forward. Its life is never made longer."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key", metavar="KEY", help=KEY_HELP)
        parser.add_argument(
            "--in", dest="within", metavar="7d", type=duration, help="from now: a number and m, h, d or w; else at once"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        key = pick_key(options["key"])
        at = None if options["within"] is None else timezone.now() + options["within"]
        try:
            with transaction.atomic():
                key.expire(at)
                if options["dry_run"]:
                    transaction.set_rollback(True)
        except ValidationError as error:
            raise CommandError(f"{named(key)}: {' '.join(error.messages)}") from error
        if options["verbosity"] > 0:
            verb = "would expire" if options["dry_run"] else "expires"
            self.stdout.write(f"{named(key)} {verb} on {key.expires_at:%Y-%m-%d %H:%M} UTC.")
