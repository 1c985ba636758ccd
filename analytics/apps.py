"""The Django app of analytics: registers its system checks, listens to the exposures of flags, and gives each new
organisation its event names."""

from typing import Any

from django.apps import AppConfig
from django.core.checks import register
from django.db.models.signals import post_save
from django.utils.module_loading import import_string

from analytics.checks import check_events, check_journal, check_retention, check_rollout_guard


class AnalyticsConfig(AppConfig):
    name = "analytics"

    def ready(self) -> None:
        register(check_journal)
        import_string("analytics.exposures.keeping").listen()  # needs the app registry
        register(check_events)
        register(check_retention)
        register(check_rollout_guard)
        post_save.connect(seed_names, sender="accounts.Organization", dispatch_uid="event-names")


def seed_names(instance: Any, created: bool, **_: Any) -> None:
    """Receives the signal of organisations, and gives a new one its event names."""
    if created:
        import_string("analytics.models.EventName").objects.seed(instance)
