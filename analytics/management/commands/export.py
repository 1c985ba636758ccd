"""manage.py export: writes what analytics has stored, as CSV or JSON Lines."""

from argparse import ArgumentTypeError
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import QuerySet

from accounts.audit.commands import AuditedCommand
from accounts.management.progress import tracked
from accounts.models import Organization, Project
from analytics.exporting.files import whole
from analytics.exporting.formats import FORMATS, moment
from analytics.exporting.kinds import KINDS, WIDTHS, Kind
from analytics.exporting.reading import CHUNK, pieces
from analytics.exporting.telling import tell_of_organizations, tell_of_project

STDOUT = "-"


def instant(text: str) -> datetime | date:
    """A day of UTC, or a moment with its zone. Raises ArgumentTypeError."""
    try:
        found = date.fromisoformat(text) if len(text) == len("2026-11-29") else datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(
            f"{text!r} is neither a day, 2026-11-29, nor a moment, 2026-11-29T12:00:00Z."
        ) from error
    if isinstance(found, datetime) and found.tzinfo is None:
        raise ArgumentTypeError(f"{text!r} has no zone.")
    return found


def beginning(day: date, later: timedelta = timedelta()) -> datetime:
    """When a day begins; a moment is one already."""
    return day if isinstance(day, datetime) else datetime.combine(day, time(), UTC) + later


class Command(AuditedCommand):
    help = "Write usage, costs, events, visits and the like to a file, as CSV or JSON Lines."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=list(KINDS), help="what is taken out")
        parser.add_argument("--format", choices=list(FORMATS), default="csv", help="csv unless given")
        parser.add_argument("--project", metavar="P", default="", help="id of a project; else every project")
        parser.add_argument("--from", metavar="TIME", type=instant, dest="first", help="the first day, or a moment")
        parser.add_argument("--to", metavar="TIME", type=instant, dest="last", help="the last day, or a moment")
        parser.add_argument("--width", choices=list(WIDTHS), help="of sums: only those of one width")
        parser.add_argument("--output", metavar="FILE", default=STDOUT, help="else the standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        kind, output = KINDS[options["kind"]], options["output"]
        rows = self.chosen(kind, options)
        self.tell(kind, options)
        quiet = options["verbosity"] < 1
        if output == STDOUT:
            for _, text in self.written(kind, rows, options["format"], quiet=quiet):
                self.stdout.write(text, ending="")
            return
        count = 0
        try:
            with whole(Path(output)) as file:
                for number, text in self.written(kind, rows, options["format"], quiet=quiet):
                    file.write(text)
                    count += number
        except OSError as error:
            raise CommandError(f"{output} could not be written: {error.strerror}.") from error
        if not quiet:
            self.stdout.write(f"{count} rows of {kind.name} in {output}.")

    def chosen(self, kind: Kind, options: dict[str, Any]) -> QuerySet[Any]:
        """Returns the rows that the options mean. Raises CommandError."""
        rows, first, last = kind.rows(), options["first"], options["last"]
        if options["project"]:
            rows = rows.filter(**{kind.project: self.project(options).public_id})
        if first is not None:
            rows = rows.filter(**{f"{kind.moment}__gte": beginning(first)})
        if last is not None:
            rows = rows.filter(**{f"{kind.moment}__lt": beginning(last, timedelta(days=1))})
        if options["width"] is not None:
            if "width" not in kind.names:
                raise CommandError(f"{kind.name} have no width.")
            rows = rows.filter(width=WIDTHS[options["width"]])
        return rows

    def project(self, options: dict[str, Any]) -> Project:
        found = Project.objects.select_related("organization").filter(public_id=options["project"]).first()
        if found is None:
            raise CommandError(f"There is no project {options['project']!r}.")
        return found

    def tell(self, kind: Kind, options: dict[str, Any]) -> None:
        """Writes down that these rows are taken out."""
        ends = {name: options[name] for name in ("first", "last") if options[name] is not None}
        told = {
            "kind": kind.name,
            "format": options["format"],
            **{name: moment(end) if isinstance(end, datetime) else end.isoformat() for name, end in ends.items()},
        }
        if options["project"]:
            tell_of_project(self.project(options), told)
        else:
            tell_of_organizations(Organization.objects.all(), told)

    def written(self, kind: Kind, rows: QuerySet[Any], form: str, *, quiet: bool) -> Iterator[tuple[int, str]]:
        """Yields the pieces, and draws how far they are on a terminal; only then rows are counted beforehand."""
        found = pieces(kind, rows, FORMATS[form])
        shown = not quiet and self.stderr.isatty()
        total = rows.count() if shown else 0
        for _ in tracked(range(0, total, CHUNK), self.stderr, shown=shown):
            yield next(found, (0, ""))
        yield from found
