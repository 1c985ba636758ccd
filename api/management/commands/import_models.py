"""manage.py import_models: makes the catalog what a file says."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from accounts.audit.commands import AuditedCommand
from accounts.management.progress import tracked
from api.manifests.files import TOML, YAML, parsed, told
from api.manifests.reading import read
from api.manifests.storing import Difference, Stored, Verb, store
from features.problems import Invalid

MARKS: dict[Verb, str] = {"add": "+", "change": "~", "delete": "-"}


class Command(AuditedCommand):
    help = (
        "Add or change upstreams, models and aliases as a TOML or YAML file says: all of it or nothing. What is not in "
        "the file stays as it is. See docs/upstreams.md."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path, help="ends in .toml, .yaml or .yml")
        parser.add_argument(
            "--prune",
            action="store_true",
            help="delete what is not in the file; models of this process stay: disable them",
        )
        parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        file, quiet, dry = options["file"], options["verbosity"] < 1, options["dry_run"]
        try:
            entries = read(parsed(content_of(file), file.suffix.lower()))
            if options["prune"] and not entries:
                raise CommandError(f"{file.name}: nothing is in it, so that --prune would delete everything.")
            with transaction.atomic():
                track = partial(tracked, out=self.stderr, shown=not quiet)
                stored = store(entries, prune=options["prune"], track=track)
                if dry:
                    transaction.set_rollback(True)
        except Invalid as error:
            raise CommandError("\n".join(f"{file.name}: {told(problem)}" for problem in error.problems)) from error
        if not quiet:
            for line in lines(stored, dry=dry):
                self.stdout.write(line)


def content_of(file: Path) -> bytes:
    """Raises CommandError where it cannot be read, or its name does not say what it is."""
    if file.suffix.lower() not in (*TOML, *YAML):
        raise CommandError(f"{file}: its name must end in {', '.join((*TOML, *YAML))}.")
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from error


def lines(stored: Stored, *, dry: bool) -> Iterator[str]:
    """Each row that differs, with each field that does, and how many there are."""
    for each in stored.differences:
        yield f"{MARKS[each.verb]} {each.kind} {each.name}"
        yield from (f"    {line}" for line in _fields(each))
    added, changed, deleted = (stored.count(verb) for verb in MARKS)
    begin = "Would be: " if dry else ""
    yield f"{begin}{added} added, {changed} changed, {deleted} deleted, {stored.unchanged} unchanged."


def _fields(difference: Difference) -> Iterator[str]:
    for name, before, after in difference.fields:
        yield f"{name}: {after}" if difference.verb == "add" else f"{name}: {before} → {after}"
