"""The accounts app: registers its system checks, and warns where the server is open."""

import logging

from django.apps import AppConfig, apps
from django.utils.module_loading import autodiscover_modules, import_string

from accounts import checks
from accounts.limits import checks as limit_checks
from accounts.policy import is_permissive
from accounts.sessions import checks as session_checks

logger = logging.getLogger("accounts")


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        watch_deletions = import_string("accounts.models.audited.watch_deletions")  # needs the app registry
        watch_deletions(apps.get_models())
        checks.register()
        limit_checks.register()
        session_checks.register()
        autodiscover_modules("limits_admin", "alerts_admin", "sessions_admin")
        if is_permissive():
            logger.warning("%s %s", checks.PERMISSIVE_WARNING.msg, checks.PERMISSIVE_WARNING.hint)
