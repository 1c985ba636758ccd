"""manage.py replay_rejected: judges rejected events anew, and keeps those that are good now."""

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.management.progress import tracked
from analytics.keeping import Outcome
from analytics.replaying import CHUNK, replay, replayable


class Command(BaseCommand):
    help = "Judge rejected events anew, after the taxonomy or a policy was mended, and keep those that are good."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--event", metavar="NAME", default="", help="only those of this name")
        parser.add_argument("--dry-run", action="store_true", help="say what would become of them, and keep nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = replayable(options["event"])
        told: Counter[str] = Counter()
        portions = replay(rows, dry=options["dry_run"])
        quiet = options["verbosity"] < 1
        for _ in tracked(range(0, rows.count(), CHUNK), self.stderr, shown=not quiet):
            told.update(next(portions, Counter()))
        for portion in portions:  # those that came in meanwhile
            told.update(portion)
        if not quiet:
            would = "would be " if options["dry_run"] else ""
            accepted, known = told.pop(Outcome.ACCEPTED, 0), told.pop(Outcome.DUPLICATE, 0)
            self.stdout.write(
                f"{accepted} events {would}kept, {known} were there already, {told.total()} stay rejected."
            )
            for code, count in sorted(told.items()):
                self.stdout.write(f"  {code}: {count}")
