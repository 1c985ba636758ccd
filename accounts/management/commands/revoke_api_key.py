"""manage.py revoke_api_key: ends a key, in every process within five seconds."""

from typing import Any

from django.core.management.base import CommandParser

from accounts.audit.commands import AuditedCommand
from accounts.management.keys import find_key, named


class Command(AuditedCommand):
    help = "Revoke an API key, for good. Revoking it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key", metavar="KEY", help="the id (key_…) or the whole key; parts of a key are not enough")
        parser.add_argument("--dry-run", action="store_true", help="say what would be revoked, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        key = find_key(options["key"])
        subject = named(key)
        if key.revoked_at is not None:
            self.stdout.write(f"{subject} has been revoked since {key.revoked_at:%Y-%m-%d %H:%M} UTC.")
        elif options["dry_run"]:
            self.stdout.write(f"{subject} would be revoked.")
        else:
            key.revoke()
            self.stdout.write(f"{subject} is revoked.")
