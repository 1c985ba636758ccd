"""manage.py prune_exposures: deletes old counts of how often flags answered."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from accounts.management.commands.create_api_key import duration
from accounts.management.progress import tracked
from features.models import ExposureCount

CHUNK = 1_000


class Command(BaseCommand):
    help = "Delete how often flags answered in the hours that began longer ago than that."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--before", metavar="90d", type=duration, required=True, help="a number and m, h, d or w")
        parser.add_argument("--dry-run", action="store_true", help="say how many, and delete nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        old = ExposureCount.objects.filter(hour__lt=timezone.now() - options["before"])
        quiet = options["verbosity"] < 1
        if options["dry_run"]:
            self.tell(f"{old.count()} counts would be deleted.", quiet)
            return
        deleted = 0
        for _ in tracked(range(0, old.count(), CHUNK), self.stderr, shown=not quiet):
            chunk = list(old.order_by("pk").values_list("pk", flat=True)[:CHUNK])
            deleted += ExposureCount.objects.filter(pk__in=chunk).delete()[0]
        self.tell(f"{deleted} counts deleted.", quiet)

    def tell(self, line: str, quiet: bool) -> None:
        if not quiet:
            self.stdout.write(line)
