"""The Django app of the OpenAI wire."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "api"
    verbose_name = "Models"

    def ready(self) -> None:
        """Registers the system checks, and listens to changes of the catalog."""
        from api import checks, signals  # noqa: F401, PLC0415 - they register themselves, and need the app registry

        signals.connect()
