"""manage.py revoke_api_key: ends a key, in every process within five seconds."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts import keys
from accounts.audit.commands import AuditedCommand
from accounts.models import ApiKey


class Command(AuditedCommand):
    help = "Revoke an API key, for good. Revoking it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key", metavar="KEY", help="the id (key_…) or the whole key; parts of a key are not enough")
        parser.add_argument("--dry-run", action="store_true", help="say what would be revoked, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        key = find_key(options["key"])
        subject = f"{key.public_id} {key} of {key.owner}"
        if key.revoked_at is not None:
            self.stdout.write(f"{subject} has been revoked since {key.revoked_at:%Y-%m-%d %H:%M} UTC.")
        elif options["dry_run"]:
            self.stdout.write(f"{subject} would be revoked.")
        else:
            key.revoke()
            self.stdout.write(f"{subject} is revoked.")


def find_key(text: str) -> ApiKey:
    """Returns the key with this id or this text. Raises CommandError, which does not repeat `text`: it may be a key."""
    found = ApiKey.objects.with_owners()
    key = found.filter(public_id=text).first() or found.filter(digest__in=keys.digests(text)).first()
    if key is None:
        raise CommandError(f"There is no key {keys.masked(text)}: give its id (key_…) or the whole key.")
    return key
