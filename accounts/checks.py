"""System checks of the accounts app.

accounts.E001  permissive mode without DEBUG
accounts.E002  an unknown LUKHAS_POLICY_MODE
accounts.E003  LUKHAS_ORGANIZATION cannot be a slug
accounts.W001  permissive mode is on
"""

import re
from typing import Any

from django.conf import settings
from django.core import checks

from accounts.policy import MODES, PERMISSIVE

SLUG = re.compile(r"[-a-zA-Z0-9_]{1,50}")

PERMISSIVE_WARNING = checks.Warning(
    "LUKHAS_POLICY_MODE is permissive: calls without an API key are let in as an anonymous development caller.",
    hint="Set LUKHAS_POLICY_MODE=strict, the default, unless nobody else can reach this server.",
    id="accounts.W001",
)


def check_policy_mode(**kwargs: Any) -> list[checks.CheckMessage]:
    """Returns what is wrong, or dangerous, about LUKHAS_POLICY_MODE."""
    mode = settings.LUKHAS_POLICY_MODE
    if mode not in MODES:
        return [
            checks.Error(
                f"LUKHAS_POLICY_MODE is {mode!r}, which is not a policy mode.",
                hint=f"Set it to one of: {', '.join(MODES)}.",
                id="accounts.E002",
            )
        ]
    if mode != PERMISSIVE:
        return []
    if not settings.DEBUG:
        return [
            checks.Error(
                "LUKHAS_POLICY_MODE is permissive, which works only with DEBUG.",
                hint="Set LUKHAS_POLICY_MODE=strict, or turn DEBUG on, on a machine of your own.",
                id="accounts.E001",
            )
        ]
    return [PERMISSIVE_WARNING]


def check_organization(**kwargs: Any) -> list[checks.CheckMessage]:
    """Returns what is wrong about LUKHAS_ORGANIZATION, which becomes a slug and a response header."""
    if SLUG.fullmatch(str(settings.LUKHAS_ORGANIZATION)):
        return []
    return [
        checks.Error(
            f"LUKHAS_ORGANIZATION is {settings.LUKHAS_ORGANIZATION!r}, which cannot be the slug of an organisation.",
            hint="Use 1 to 50 letters, digits, hyphens and underscores, for example lukhas.",
            id="accounts.E003",
        )
    ]


def register() -> None:
    """Adds the checks to those that `manage.py check` runs."""
    checks.register(check_policy_mode)
    checks.register(check_organization)
