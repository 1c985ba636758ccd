"""manage.py prune_audit: deletes old events of the audit log and leaves a signed checkpoint."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from accounts.audit.commands import AuditedCommand
from accounts.audit.pruning import prunable, prune
from accounts.audit.verifying import chains, verify
from accounts.management.commands.create_api_key import duration
from accounts.management.organizations import find_organization


class Command(AuditedCommand):
    help = (
        "Delete the events of the audit log that are older than that, leaving a signed checkpoint in each chain, so "
        "that verify_audit can still prove the rest. A chain that is broken is left as it is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--before", metavar="90d", type=duration, required=True, help="a number and m, h, d or w")
        parser.add_argument("--organization", metavar="O", help="id or slug; else every chain, the server's included")
        parser.add_argument("--dry-run", action="store_true", help="say what would be deleted, and delete nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        before = timezone.now() - options["before"]
        given = options["organization"]
        broken = []
        for organization in chains() if given is None else [find_organization(given)]:
            name = organization or "server"
            if verify(organization).problems:
                broken.append(name)
            elif options["dry_run"]:
                self.stdout.write(f"{name}: {prunable(organization, before)[0]} events would be deleted.")
            else:
                self.stdout.write(f"{name}: {prune(organization, before)} events deleted.")
        if broken:
            raise CommandError(f"Not pruned, because not whole: {', '.join(broken)}. See manage.py verify_audit.")
