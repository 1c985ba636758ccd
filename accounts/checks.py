"""System checks of the accounts app.

accounts.E001  permissive mode without DEBUG
accounts.E002  an unknown LUKHAS_POLICY_MODE
accounts.E003  LUKHAS_ORGANIZATION cannot be a slug
accounts.E006  LUKHAS_PUBLIC_URL is no URL that links can begin with
accounts.E007  LUKHAS_INVITE_DAYS is below 1
accounts.W001  permissive mode is on
"""

import re
from typing import Any

from django.conf import settings
from django.core import checks

from accounts.policy import MODES, PERMISSIVE

SLUG = re.compile(r"[-a-zA-Z0-9_]{1,50}")
PUBLIC_URL = re.compile(r"https?://[^\s/?#@]+/?")

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


def check_invites(**kwargs: Any) -> list[checks.CheckMessage]:
    """Returns what is wrong about where the links of invites lead, and how long they work."""
    found: list[checks.CheckMessage] = []
    url = str(settings.LUKHAS_PUBLIC_URL)
    if not PUBLIC_URL.fullmatch(url):
        found.append(
            checks.Error(
                f"LUKHAS_PUBLIC_URL is {url!r}, which is no URL that links can begin with.",
                hint="Write the scheme and the host, and a port where it has one: https://llm.example.com",
                id="accounts.E006",
            )
        )
    if settings.LUKHAS_INVITE_DAYS < 1:
        hint = "Nobody could accept: set it to the number of days that an invite works."
        found.append(checks.Error("LUKHAS_INVITE_DAYS is below 1.", hint=hint, id="accounts.E007"))
    return found


def register() -> None:
    """Adds the checks to those that `manage.py check` runs."""
    checks.register(check_policy_mode)
    checks.register(check_organization)
    checks.register(check_invites)
