"""manage.py prune: deletes what analytics need not keep any more."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from accounts.audit.commands import AuditedCommand
from accounts.management.commands.create_api_key import duration
from accounts.management.progress import tracked
from accounts.models import Project
from analytics.pruning import CHUNK, pending, prune, write_down
from analytics.retention import BY_NAME, Table


class Command(AuditedCommand):
    help = (
        "Delete the rows of analytics that are older than the settings keep them, and those of single people's doings "
        "in projects whose data retention lets them keep nothing. What is summed up stays. It can be cut off at any "
        "time: the next run goes on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--table", choices=list(BY_NAME), action="append", help="only this one; may be repeated")
        parser.add_argument("--project", metavar="P", default="", help="id of a project; else every project")
        parser.add_argument(
            "--older-than",
            "--before",
            metavar="30d",
            type=duration,
            help="instead of the settings: a number and h, d or w",
        )
        parser.add_argument("--dry-run", action="store_true", help="say how many, and delete nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        now, age, project = timezone.now(), options["older_than"], options["project"]
        tables = [table for name, table in BY_NAME.items() if name in (options["table"] or BY_NAME)]
        if project and not Project.objects.filter(public_id=project).exists():
            raise CommandError(f"There is no project {project!r}.")
        for table in tables:
            if age is not None and age < table.least:
                raise CommandError(f"{table.name} have to be kept for {table.least.days} days at least.")
        if options["dry_run"]:
            for table in tables:
                self.tell(table, pending(table, now, age, project), "would be pruned", options["verbosity"])
            return
        write_down()  # what a run before left, before it is added to
        try:
            for table in tables:
                pruned = self.pruned(table, now, age, project, quiet=options["verbosity"] < 1)
                self.tell(table, pruned, "pruned", options["verbosity"])
        finally:
            write_down()

    def pruned(self, table: Table, now: datetime, age: timedelta | None, project: str, *, quiet: bool) -> Counter[str]:
        """Prunes a table, and returns how many rows of each project that were."""
        done: Counter[str] = Counter()
        steps = prune(table, now, age, project)
        for _ in tracked(range(0, pending(table, now, age, project).total(), CHUNK), self.stderr, shown=not quiet):
            done.update(next(steps, Counter()))
        for step in steps:  # what became old meanwhile
            done.update(step)
        return done

    def tell(self, table: Table, counts: Counter[str], said: str, verbosity: int) -> None:
        if verbosity > 0:
            self.stdout.write(f"{table.name}: {counts.total()} {said}.")
        if verbosity > 1:
            for project_id, count in sorted(counts.items()):
                self.stdout.write(f"  {project_id or 'of no project'}: {count}")
