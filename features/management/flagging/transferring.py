"""manage.py flag import and export: files of other systems."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from features import flagd, flagd_writing, lukhas_writing, lukhas_yaml
from features.importing import FORMATS, Exported, Format, Imported
from features.management.flagging.base import Changing, Place, Subcommand, dumped
from features.models import Flag
from features.problems import Invalid
from features.storing import store


def add_format(parser: CommandParser) -> None:
    parser.add_argument("--format", choices=FORMATS, help="else flagd for a file that ends in .json, and lukhas")
    parser.add_argument(
        "--approximate", action="store_true", help="put what cannot be held as nearly as possible, and list it"
    )


def format_of(options: dict[str, Any], file: str) -> Format:
    chosen: Format | None = options["format"]
    return chosen or ("flagd" if file.endswith(".json") else "lukhas")


class Import(Changing):
    name = "import"
    help = "make or change flags as a file says: all of it, or nothing"

    @classmethod
    def add_arguments(cls, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE")
        add_format(parser)

    def change(self, place: Place) -> None:
        found = self.read(place)
        stored = store(place.organization, place.environment, found.flags)
        told = {name: list(getattr(stored, name)) for name in ("created", "changed", "unchanged")}
        if self.options["json"]:
            self.write(dumped({**told, "approximations": [str(each) for each in found.approximations]}))
        for problem in found.approximations:
            self.warn(f"approximated: {problem}")
        counts = ", ".join(f"{len(keys)} {name}" for name, keys in told.items())
        self.say(f"{'Would be' if self.dry else 'Flags'} in {place.environment}: {counts}.")

    def read(self, place: Place) -> Imported:
        """Raises Invalid, and CommandError where there is no such file."""
        file = self.options["file"]
        try:
            content = Path(file).read_bytes()
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
        reader = flagd.read if format_of(self.options, file) == "flagd" else lukhas_yaml.read
        return reader(content, place.environment.key, approximate=self.options["approximate"])


class Export(Subcommand):
    name = "export"
    help = "write the flags of one environment to a file"

    @classmethod
    def add_arguments(cls, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", nargs="?", help="else standard output")
        add_format(parser)

    def run(self, place: Place) -> None:
        file = self.options["file"]
        try:
            made = self.made(place, format_of(self.options, file or ""))
        except Invalid as error:
            raise CommandError("\n".join(map(str, error.problems))) from error
        for problem in made.approximations:
            self.warn(f"approximated: {problem}")
        if file is None:
            self.write(made.text.rstrip("\n"))
            return
        try:
            Path(file).write_text(made.text)
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}.") from error
        self.say(f"Written to {file}.")

    def made(self, place: Place, format: Format) -> Exported:
        rows = Flag.objects.filter(organization=place.organization).order_by("key").with_states()
        flags, approximate = [row.definition() for row in rows], self.options["approximate"]
        if format == "lukhas":
            return lukhas_writing.write(flags, place.environment.key, approximate=approximate)
        segments = [segment.definition() for segment in place.organization.segments.order_by("key")]
        return flagd_writing.write(flags, segments, place.environment.key, approximate=approximate)
