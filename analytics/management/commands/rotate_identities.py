"""manage.py rotate_identities: gives projects new identities of whoever their events are about."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.audit.commands import AuditedCommand
from accounts.management.progress import tracked
from accounts.models import Project
from analytics.identities import rotate


class Command(AuditedCommand):
    help = (
        "Replace the salt of the identities in events and exposures. What comes from then on joins nothing that was "
        "there before, and nobody can compute the old identities any more. Projects that never had any are left out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", metavar="P", help="id of a project; else every project")
        parser.add_argument("--dry-run", action="store_true", help="say which, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        quiet = options["verbosity"] < 1
        projects = Project.objects.filter(identity_salt__isnull=False).select_related("organization").order_by("pk")
        if options["project"] is not None:
            if not Project.objects.filter(public_id=options["project"]).exists():
                raise CommandError(f"There is no project {options['project']!r}.")
            projects = projects.filter(public_id=options["project"])
        found = list(projects)
        for project in tracked([] if options["dry_run"] else found, self.stderr, shown=not quiet):
            rotate(project)
        if not quiet:
            for project in found:
                self.stdout.write(f"{project.public_id}  {project.name}")
            said = "would be rotated" if options["dry_run"] else "rotated"
            self.stdout.write(f"Identities of {len(found)} projects {said}.")
