"""manage.py rebuild_visits: derives visits anew from the events, and says what differed."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.management.progress import tracked
from accounts.models import Project
from analytics.rollups.rebuilding import Differences
from analytics.visits.deriving import derive
from analytics.visits.rebuilding import CHUNK, how_many, rebuild


class Command(BaseCommand):
    help = (
        "Compare visits with the events that they are derived from, and put right what differs. What cannot be "
        "compared, because its first events were deleted, is left as it is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", metavar="P", default="", help="id of a project; else every project")
        parser.add_argument("--dry-run", action="store_true", help="say what differs, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        project, repair, quiet = options["project"], not options["dry_run"], options["verbosity"] < 1
        if project and not Project.objects.filter(public_id=project).exists():
            raise CommandError(f"There is no project {project!r}.")
        while repair and derive():
            pass
        visitors, total = how_many(project), Differences()
        portions = rebuild(project, repair=repair)
        for _ in tracked(range(0, visitors, CHUNK), self.stderr, shown=not quiet):
            total += next(portions, Differences())
        for portion in portions:  # who have visits and no events, or came meanwhile
            total += portion
        if quiet:
            return
        done = "put right" if repair else "would be put right"
        self.stdout.write(f"The visits of {visitors} visitors compared.")
        self.stdout.write(
            f"{total.missing} missing, {total.wrong} wrong and {total.surplus} surplus visits {done}."
            if total
            else "Nothing differs."
        )
        if total.left:
            self.stdout.write(f"{total.left} visits are left as they are, for not all of their events are kept.")
