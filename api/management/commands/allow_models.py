"""manage.py allow_models: which models a project may use."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from accounts.audit.commands import AuditedCommand
from accounts.management.commands.create_api_key import find_project
from accounts.models import Project
from api.administration.model_permissions import remove_permissions, set_permissions
from api.exceptions import APIError
from api.models import ModelPermissions


class Command(AuditedCommand):
    help = "Let a project use these models and no others, or all again. Doing it twice is doing it once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", metavar="PROJECT", help="id or name of the project")
        parser.add_argument("models", metavar="MODEL", nargs="*", help="id of a model, or an alias")
        parser.add_argument("--all", action="store_true", help="every model, those that are added later too")
        parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["models"]) == options["all"]:
            raise CommandError("Name the models that the project may use, or say --all.")
        project = find_project(options["project"])
        with transaction.atomic():
            allow(project, None if options["all"] else options["models"])
            transaction.set_rollback(options["dry_run"])
        if options["verbosity"] > 0:
            what = "every model" if options["all"] else ", ".join(dict.fromkeys(options["models"]))
            verb = "Would be allowed" if options["dry_run"] else "Allowed"
            self.stdout.write(f"{verb} in project {project}: {what}.")


def allow(project: Project, models: list[str] | None) -> None:
    """Lets the project use `models` alone, or, None, all. Raises CommandError where one is unknown or the project is
    archived."""
    try:
        if models is None:
            remove_permissions(project)
        else:
            set_permissions(project, ModelPermissions.Mode.ALLOW, models)
    except APIError as error:
        raise CommandError(str(error)) from error
