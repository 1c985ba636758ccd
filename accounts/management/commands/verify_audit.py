"""manage.py verify_audit: proves that nobody changed the audit log."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit.verifying import chains, verify
from accounts.management.organizations import find_organization


class Command(BaseCommand):
    help = "Read every chain of the audit log and prove that nothing was changed, put in or taken out."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", metavar="O", help="id or slug; else every chain, the server's included")

    def handle(self, *args: Any, **options: Any) -> None:
        given = options["organization"]
        broken = 0
        for organization in chains() if given is None else [find_organization(given)]:
            report = verify(organization)
            name = organization or "server"
            pruned = f", after {report.pruned} that were pruned" if report.pruned else ""
            self.stdout.write(f"{name}: {report.checked} events{pruned}: {'BROKEN' if report.problems else 'whole'}")
            for problem in report.problems:
                self.stderr.write(f"{name}: {problem}")
            broken += bool(report.problems)
        if broken:
            raise CommandError(f"The audit log is not what was written: {broken} broken.")
