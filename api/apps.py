"""The Django app of the OpenAI wire."""

from pathlib import Path

from django.apps import AppConfig
from django.conf import settings

from api.engines import encodings


class ApiConfig(AppConfig):
    name = "api"
    verbose_name = "Models"

    def ready(self) -> None:
        """Registers the system checks, listens to changes of the catalog, and says where vocabularies are unpacked."""
        from api import checks, signals  # noqa: F401, PLC0415 - they register themselves, and need the app registry

        signals.connect()
        encodings.configure(Path(settings.TIKTOKEN_CACHE_DIR))
