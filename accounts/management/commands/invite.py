"""manage.py invite: asks somebody to join, and prints the link that accepts, and nothing else, on standard output."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from accounts import invitations
from accounts.audit.commands import AuditedCommand
from accounts.bootstrap import ensure_defaults
from accounts.management.organizations import find_organization
from accounts.models import Invite, Organization, Project
from accounts.roles import Role
from accounts.vocabulary import PROJECT_USERS, USERS


class Command(AuditedCommand):
    help = (
        "Invite somebody to an organisation, and print the link that accepts, the only time it can be seen. No mail is "
        "sent: hand the link over yourself."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL", help="whom to invite")
        parser.add_argument(
            "--role",
            choices=list(USERS.reads),
            default=Role.MEMBER.value,
            help="the role in the organisation; else member",
        )
        parser.add_argument(
            "--project",
            metavar="P:ROLE",
            action="append",
            default=[],
            help="id or name of a project and a role in it, repeatable; without :ROLE, member",
        )
        parser.add_argument("--organization", metavar="O", help="id or slug of the organisation; else the default one")
        parser.add_argument("--dry-run", action="store_true", help="say who would be invited, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with transaction.atomic():
                organization = find_home(options["organization"])
                projects = [find_promised(organization, text) for text in options["project"]]
                role = USERS.read(options["role"]) or Role.MEMBER
                invite, token = Invite.issue(organization, options["email"], role, projects)
                if options["dry_run"]:
                    transaction.set_rollback(True)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        if not options["dry_run"]:
            self.stdout.write(invitations.link(token))
        if options["verbosity"] > 0:
            verb = "Would be invited" if options["dry_run"] else "Invited"
            note = f"{verb}: {invite}, until {invite.expires_at:%Y-%m-%d %H:%M} UTC."
            self.stderr.write(note, lambda text: text)


def find_home(text: str | None) -> Organization:
    """Returns the organisation with this id or slug, or the default one. Raises CommandError."""
    if text is None:
        return ensure_defaults()[0]
    return Organization.objects.get(public_id=find_organization(text))


def find_promised(organization: Organization, text: str) -> dict[str, str]:
    """Returns what `P:ROLE` promises, as an invite holds it. Raises CommandError for a project that is not there."""
    name, _, role = text.rpartition(":")
    if role not in PROJECT_USERS.reads:
        name, role = text, Role.MEMBER.value
    open_ones = Project.objects.open().filter(organization=organization)
    found = list(open_ones.filter(public_id=name)) or list(open_ones.filter(name=name)[:2])
    if not found:
        raise CommandError(f"{organization} has no open project {name!r}.")
    if len(found) > 1:
        raise CommandError(f"Several projects are called {name!r}: name the one you mean by its id.")
    return {"id": found[0].public_id, "role": role}
