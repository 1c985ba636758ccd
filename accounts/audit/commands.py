"""The base of commands that change something."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts.audit.context import command_acting


class AuditedCommand(BaseCommand):
    """What the command changes is recorded as done by it, and by whoever runs it."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        with command_acting(type(self).__module__.rpartition(".")[2]):
            return super().execute(*args, **options)
