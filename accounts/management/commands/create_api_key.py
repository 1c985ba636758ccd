"""manage.py create_api_key: makes a key and prints it, and nothing else, on standard output."""

from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from accounts.audit.commands import AuditedCommand
from accounts.bootstrap import ensure_defaults
from accounts.durations import parse_duration
from accounts.models import ApiKey, Project, ServiceAccount, User
from accounts.roles import Role, includes
from accounts.scopes import SCOPES


class Command(AuditedCommand):
    help = (
        "Create an API key and print it, the only time it can be seen. Without --user the key is owned by the "
        "service account NAME of the project, which is made where it does not exist."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="what the key is called")
        parser.add_argument("--project", metavar="P", help="id or name of the project; else the default project")
        parser.add_argument(
            "--scope",
            metavar="S",
            action="append",
            help=f"a scope, repeatable; one of {', '.join(SCOPES)}; else everything but admin.*",
        )
        parser.add_argument("--expires-in", metavar="90d", type=duration, help="a number and m, h, d or w")
        parser.add_argument("--admin", action="store_true", help="an admin key, for the whole organisation")
        parser.add_argument(
            "--publishable", action="store_true", help="a key that may be public; needs --origin and --scope"
        )
        parser.add_argument(
            "--origin",
            metavar="https://…",
            action="append",
            help="an origin whose pages may use the publishable key, repeatable",
        )
        parser.add_argument("--user", metavar="EMAIL", help="the user who owns the key")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with transaction.atomic():
                key, token = issue(options)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(token)
        place = f"organisation {key.organization}" if key.project is None else f"project {key.project}"
        until = f" until {key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else ""
        note = f"Created {key.public_id} in {place}, owned by {key.owner}{until}. It is not shown again."
        self.stderr.write(note, lambda text: text)


def duration(text: str) -> timedelta:
    """`accounts.durations.parse_duration` for argparse."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def issue(options: dict[str, Any]) -> tuple[ApiKey, str]:
    """Returns the key that the options ask for, saved, and its text.

    Raises CommandError and ValidationError, after which the caller must roll back.
    """
    project = ensure_defaults()[1] if options["project"] is None else find_project(options["project"])
    fields: dict[str, Any] = {
        "name": options["name"],
        "organization": project.organization,
        "project": None if options["admin"] else project,
        "is_admin": options["admin"],
        "is_publishable": options["publishable"],
        "origins": list(dict.fromkeys(options["origin"] or [])),
        "expires_at": timezone.now() + options["expires_in"] if options["expires_in"] else None,
    }
    if options["scope"]:
        fields["scopes"] = list(dict.fromkeys(options["scope"]))
    if options["user"] is None:
        fields["service_account"] = service_account(project, options["name"], admin=options["admin"])
    else:
        fields["user"] = find_user(options["user"])
    return ApiKey.issue(**fields)


def service_account(project: Project, name: str, *, admin: bool) -> ServiceAccount:
    """Returns the service account `name` of `project`, made where it does not exist. Raises ValidationError.

    Whoever runs commands may do everything, so a new one owns the project; for an admin key it is made an owner of the
    organisation, unless it is an owner or admin of it already.
    """
    ServiceAccount(project=project, name=name).clean_fields()
    account, _ = ServiceAccount.objects.get_or_create(project=project, name=name, defaults={"role": Role.OWNER})
    if admin and not includes(account.organization_role, Role.ADMIN):
        account.organization_role = Role.OWNER
        account.save()
    return account


def find_project(text: str) -> Project:
    """Returns the project with this id, or the one open project of this name. Raises CommandError for lack of one."""
    projects = Project.objects.select_related("organization")
    found = list(projects.filter(public_id=text)) or list(projects.open().filter(name=text)[:2])
    if not found:
        raise CommandError(f"There is no project {text!r}.")
    if len(found) > 1:
        raise CommandError(f"Several projects are called {text!r}: name the one you mean by its id.")
    return found[0]


def find_user(email: str) -> User:
    """Returns the user with this e-mail. Raises CommandError where there is none."""
    user = User.objects.filter(email=email.lower()).first()
    if user is None:
        raise CommandError(f"There is no user with the e-mail {email!r}.")
    return user
