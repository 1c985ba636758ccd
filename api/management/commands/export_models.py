"""manage.py export_models: writes the catalog as the file that import_models reads."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from api.manifests.files import YAML, dumped
from api.manifests.writing import written


class Command(BaseCommand):
    help = "Write all upstreams, models and aliases as YAML, for import_models. It holds names of variables, no keys."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path, nargs="?", help="ends in .yaml; else standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        file = options["file"]
        if file is None:
            self.stdout.write(dumped(written()), ending="")
            return
        if file.suffix.lower() not in YAML:
            raise CommandError(f"{file}: its name must end in {' or '.join(YAML)}.")
        try:
            file.write_text(dumped(written()), encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}.") from error
        if options["verbosity"] > 0:
            self.stdout.write(f"Written to {file}.")
