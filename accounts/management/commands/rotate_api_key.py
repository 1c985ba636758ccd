"""manage.py rotate_api_key: makes a key in place of another, and prints it, and nothing else, on standard output."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from accounts.audit.commands import AuditedCommand
from accounts.management.commands.create_api_key import duration
from accounts.management.keys import KEY_HELP, named, pick_key
from accounts.rotation import OVERLAP, rotate


class Command(AuditedCommand):
    help = (
        "Make a key in place of another and print it, the only time it can be seen. It is all that the old one was "
        "and takes over its limits; the old one works on for an overlap."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key", metavar="KEY", help=KEY_HELP)
        parser.add_argument(
            "--overlap",
            metavar="7d",
            type=duration_or_none,
            default=OVERLAP,
            help="for how long the old key works on: a number and m, h, d or w; 0 ends it at once; else 7d",
        )
        parser.add_argument(
            "--expires-in", metavar="90d", type=duration, help="when the new key expires; else when the old one was to"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would become of it, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        key = pick_key(options["key"])
        lifetime = options["expires_in"]
        expires_at = None if lifetime is None else timezone.now() + lifetime
        try:
            new, token = rotate(key, options["overlap"], expires_at=expires_at, dry_run=options["dry_run"])
        except ValidationError as error:
            raise CommandError(f"{named(key)}: {' '.join(error.messages)}") from error
        said = f"{named(key)} would be replaced."
        if not options["dry_run"]:
            self.stdout.write(token)
            key.refresh_from_db()
            until = f"{key.expires_at:%Y-%m-%d %H:%M} UTC"
            said = f"{named(key)} works until {until}; {new.public_id} replaces it. It is not shown again."
        if options["verbosity"] > 0:
            self.stderr.write(said, lambda text: text)


def duration_or_none(text: str) -> timedelta:
    """A length of time for argparse, of which 0 is one."""
    return timedelta(0) if text == "0" else duration(text)
