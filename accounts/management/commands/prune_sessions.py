"""manage.py prune_sessions: deletes sessions that are over."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from accounts.audit.commands import AuditedCommand
from accounts.management.commands.create_api_key import duration
from accounts.management.progress import tracked
from accounts.models import Session

CHUNK = 1_000


class Command(AuditedCommand):
    help = (
        "Delete the sessions of the API that ended, or ran out, longer ago than that. The audit log keeps that they "
        "were. Those of the staff pages are Django's: see clearsessions."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--before", metavar="30d", type=duration, required=True, help="a number and m, h, d or w")
        parser.add_argument("--dry-run", action="store_true", help="say how many, and delete nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        over = Session.objects.over_since(timezone.now() - options["before"])
        quiet = options["verbosity"] < 1
        if options["dry_run"]:
            self.tell(f"{over.count()} sessions would be deleted.", quiet)
            return
        steps = range(0, over.count(), CHUNK)
        deleted = 0
        for _ in tracked(steps, self.stderr, shown=not quiet):
            chunk = list(over.order_by("pk").values_list("pk", flat=True)[:CHUNK])
            deleted += Session.objects.filter(pk__in=chunk).prune()
        self.tell(f"{deleted} sessions deleted.", quiet)

    def tell(self, line: str, quiet: bool) -> None:
        if not quiet:
            self.stdout.write(line)
