"""manage.py bootstrap: makes what a first start needs, and says how to begin."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandParser
from django.db import transaction

from accounts.audit.commands import AuditedCommand
from accounts.bootstrap import ensure_defaults
from accounts.models import ApiKey, Role, ServiceAccount, User
from api.bootstrap import ensure_catalog
from features.bootstrap import ensure_environment

KEY_NAME = "default"


class Command(AuditedCommand):
    help = (
        "Migrate the database, collect the static files, make the default organisation, project, environment and "
        "embedded models where they are missing, and, where there is no API key at all, a first one, printed this "
        "once. Running it again changes and discloses nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="where the server will listen; only printed")

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        collect_static()
        with transaction.atomic():
            ensure_environment()
            ensure_catalog()
            token = ensure_key()
        if token:
            self.stdout.write(f"API key:  {token}\n          Keep it: it is not shown again.")
        if options["verbosity"] == 0:
            return
        site = f"http://localhost:{options['port']}"
        self.stdout.write(f"API:      {site}/v1\nDocs:     {site}/docs\nAdmin:    {site}/admin/")
        if not User.objects.filter(is_staff=True, is_active=True).exists():
            self.stdout.write(
                "          No staff user yet. To make the first: .venv/bin/python manage.py createsuperuser"
            )


def collect_static() -> None:
    """Collects the files of /static/ once for each version of what they come from, so that later starts are quick."""
    root = Path(settings.STATIC_ROOT)
    versions = {name: version(name) for name in ("lukhas", "django", "django-unfold", "drf-spectacular-sidecar")}
    stamp = root / ".versions.json"
    wanted = json.dumps({**versions, "storage": settings.STORAGES["staticfiles"]["BACKEND"]})
    if not stamp.exists() or stamp.read_text() != wanted:
        call_command("collectstatic", interactive=False, verbosity=0)
        stamp.write_text(wanted)


def ensure_key() -> str | None:
    """The text of a new key of the default project, if there was none of any kind, revoked ones included."""
    organization, project = ensure_defaults()
    if ApiKey.objects.exists():
        return None
    owner, _ = ServiceAccount.objects.get_or_create(project=project, name=KEY_NAME, defaults={"role": Role.OWNER})
    return ApiKey.issue(name=KEY_NAME, organization=organization, project=project, service_account=owner)[1]
