"""The Django app of feature flags."""

from django.apps import AppConfig, apps
from django.core.checks import register
from django.utils.module_loading import import_string

from features.checks import check_event_streams


class FeaturesConfig(AppConfig):
    name = "features"
    verbose_name = "Feature flags"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        watch_deletions = import_string("features.models.ruling.watch_deletions")  # needs the app registry
        watch_deletions(apps.get_models())
        import_string("features.recording.recorder").listen()
        register(check_event_streams)
