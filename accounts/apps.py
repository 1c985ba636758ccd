"""The accounts app: registers its system checks, and warns where the server is open."""

import logging

from django.apps import AppConfig

from accounts import checks
from accounts.policy import is_permissive

logger = logging.getLogger("accounts")


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        checks.register()
        if is_permissive():
            logger.warning("%s %s", checks.PERMISSIVE_WARNING.msg, checks.PERMISSIVE_WARNING.hint)
