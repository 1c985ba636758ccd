"""manage.py rebuild_rollups: builds the roll-ups anew from the usage records, and says what differed."""

from argparse import ArgumentTypeError
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, connections

from accounts.management.progress import tracked
from analytics.rollups.rebuilding import Differences, days, give_dimensions, rebuild, recorded, without_dimension


def day(text: str) -> date:
    """A day, as `2026-11-29`. Raises ArgumentTypeError."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not a day such as 2026-11-29.") from error


class Command(BaseCommand):
    help = (
        "Compare what usage was summed up to by minute, hour and day with the usage records, and put right what "
        "differs. What cannot be compared, because its records were deleted, is left as it is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", metavar="DAY", type=day, dest="first", help="the first day, of UTC")
        parser.add_argument("--to", metavar="DAY", type=day, dest="last", help="the last day, of UTC")
        parser.add_argument("--jobs", metavar="N", type=int, default=1, help="how many days at a time; PostgreSQL only")
        parser.add_argument("--dry-run", action="store_true", help="say what differs, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        jobs, repair, quiet = options["jobs"], not options["dry_run"], options["verbosity"] < 1
        if jobs < 1 or (jobs > 1 and connection.vendor != "postgresql"):
            raise CommandError("--jobs has to be 1, or with PostgreSQL more.")
        each = days(options["first"], options["last"])
        total, waiting = Differences(), without_dimension().count()
        for differences in self.rebuilt(each, jobs, repair=repair, quiet=quiet):
            total += differences
        if quiet:
            return
        found = recorded()
        if found is None:
            self.stdout.write("There are no records to compare with.")
            return
        self.stdout.write(f"{len(each)} days compared.")
        if waiting and not repair:
            self.stdout.write(f"{waiting} records of an earlier version are in no roll-up yet.")
        done = "put right" if repair else "would be put right"
        self.stdout.write(
            f"{total.missing} missing, {total.wrong} wrong and {total.surplus} surplus roll-ups {done}."
            if total
            else "Nothing differs."
        )
        if total.left:
            self.stdout.write(f"{total.left} roll-ups are left as they are, for not all of their records are kept.")
        if options["first"] is not None and options["first"] < found[0]:
            self.stdout.write(f"Before {found[0]} there are no records to compare with.")

    def rebuilt(self, each: Sequence[date], jobs: int, *, repair: bool, quiet: bool) -> Iterator[Differences]:
        """What differed on each day, as they are done."""

        def work(day: date) -> Differences:
            if repair:
                give_dimensions(day)
            return rebuild(day, repair=repair)

        if jobs == 1:
            yield from map(work, tracked(each, self.stderr, shown=not quiet))
            return

        def work_apart(day: date) -> Differences:
            try:
                return work(day)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(jobs) as pool:
            waiting = [pool.submit(work_apart, day) for day in each]
            for future in tracked(waiting, self.stderr, shown=not quiet):
                yield future.result()
