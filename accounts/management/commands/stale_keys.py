"""manage.py stale_keys: which keys nobody uses."""

import json
from argparse import ArgumentTypeError
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from accounts.audit.commands import AuditedCommand
from accounts.audit.snapshots import Json
from accounts.management.organizations import find_organization
from accounts.management.progress import tracked
from accounts.models import ApiKey

COLUMNS = ("id", "name", "key", "kind", "owner", "project", "created", "last used")
MOST_DAYS = 36_500


class Command(AuditedCommand):
    help = (
        "List the API keys that work, or would if their owners could use them, and that nobody has used for some time: "
        "of keys that were never used, those that are older than that."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", metavar="N", type=days, default=90, help="not used for so many days; else 90")
        parser.add_argument("--organization", metavar="O", help="id or slug; else of every organisation")
        parser.add_argument("--json", action="store_true", help="print a JSON list instead of a table")
        parser.add_argument("--revoke", action="store_true", help="revoke them, for good")
        parser.add_argument("--dry-run", action="store_true", help="with --revoke: only say what would be revoked")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        since = now - timedelta(days=options["days"])
        rows = ApiKey.objects.with_owners().stale(since, now).order_by("pk")
        if options["organization"] is not None:
            rows = rows.filter(organization__public_id=find_organization(options["organization"]))
        found = list(rows)
        revoking = options["revoke"] and not options["dry_run"]
        revoked = self.revoke(found, since, shown=options["verbosity"] > 0) if revoking else set()
        if options["json"]:
            self.stdout.write(json.dumps([as_json(key, key.pk in revoked) for key in found], indent=2))
        elif options["verbosity"] > 0:
            self.tell(found, f"{len(revoked)} revoked" if revoking else told(options["revoke"], len(found)))

    def revoke(self, found: Sequence[ApiKey], since: datetime, *, shown: bool) -> set[int]:
        """Revokes those that are still stale, and returns their primary keys: one that was used meanwhile stays."""
        done = set()
        for key in tracked(found, self.stderr, shown=shown):
            if ApiKey.objects.filter(pk=key.pk).stale(since, timezone.now()).revoke():
                done.add(key.pk)
        return done

    def tell(self, found: Sequence[ApiKey], became: str) -> None:
        """Writes a table, and what became of the keys in it."""
        lines = [COLUMNS, *(as_row(key) for key in found)]
        widths = [max(len(line[at]) for line in lines) for at in range(len(COLUMNS))]
        for line in lines if found else []:
            self.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        self.stdout.write(f"{len(found)} stale keys, {became}.")


def told(revoke: bool, count: int) -> str:
    return f"{count} would be revoked" if revoke else "none revoked"


def as_row(key: ApiKey) -> tuple[str, ...]:
    used = "never" if key.last_used_at is None else f"{key.last_used_at:%Y-%m-%d}"
    place = "" if key.project is None else key.project.public_id
    made = f"{key.created_at:%Y-%m-%d}"
    return (key.public_id, key.name, key.masked, key.kind, str(key.owner), place, made, used)


def as_json(key: ApiKey, revoked: bool) -> Json:
    """Moments are in UTC, as ISO 8601 writes them."""
    return {
        "id": key.public_id,
        "name": key.name,
        "key": key.masked,
        "kind": key.kind,
        "organization": key.organization.public_id,
        "project": None if key.project is None else key.project.public_id,
        "owner": key.owner.public_id,
        "created_at": key.created_at.isoformat(),
        "last_used_at": None if key.last_used_at is None else key.last_used_at.isoformat(),
        "revoked": revoked,
    }


def days(text: str) -> int:
    """A whole number of days for argparse."""
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= MOST_DAYS:
        raise ArgumentTypeError(f"not a number of days from 1 to {MOST_DAYS}: {text[:20]!r}")
    return int(text)
