"""The Django app of the OpenAI wire."""

from pathlib import Path

from django.apps import AppConfig
from django.conf import settings

from accounts.modelnames import names
from api.engines import encodings
from features.demands import demands
from features.needs import needs


class ApiConfig(AppConfig):
    name = "api"
    verbose_name = "Models"

    def ready(self) -> None:
        """Registers the system checks, listens to changes of the catalog and of policies, tells accounts how to know a
        model, features what flags may roll out and analytics what else is pruned, and says where vocabularies are
        unpacked."""
        from api import checks, misfits, models, retention, signals  # noqa: F401, PLC0415 - they register themselves, and need the app registry

        signals.connect()
        names.ask(models.is_name)
        demands.make(misfits.demand)
        needs.tell(misfits.need)
        retention.tell()
        encodings.configure(Path(settings.TIKTOKEN_CACHE_DIR))
