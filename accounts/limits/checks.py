"""System checks of limits.

limits.E002  a LUKHAS_ANONYMOUS_RATE, LUKHAS_LOGIN_RATE or LUKHAS_API_RATE that is not a rate
limits.E003  a default limit below one
limits.E004  a LUKHAS_TRUSTED_PROXIES entry that is neither an address nor a network
"""

import re
from typing import Any

from django.conf import settings
from django.core import checks

from lukhas_site.http.addresses import UNIX, network

RATE = re.compile(r"[1-9][0-9]{0,8}/(?:[1-9][0-9]{0,4})?[smhd]")
RATES = ("LUKHAS_ANONYMOUS_RATE", "LUKHAS_LOGIN_RATE", "LUKHAS_API_RATE")
DEFAULTS = ("LUKHAS_DEFAULT_RPM", "LUKHAS_DEFAULT_TPM", "LUKHAS_ESTIMATED_OUTPUT_TOKENS")


def check_rates(**kwargs: Any) -> list[checks.CheckMessage]:
    """Returns what is wrong about the rates of what needs no key, and of /api."""
    wrong = [name for name in RATES if not RATE.fullmatch(getattr(settings, name))]
    hint = "Write how many in which time: 60/m, 5/10s, 100/h."
    return [
        checks.Error(f"{name} is {getattr(settings, name)!r}, which is not a rate.", hint=hint, id="limits.E002")
        for name in wrong
    ]


def check_defaults(**kwargs: Any) -> list[checks.CheckMessage]:
    """Returns what is wrong about the limits that hold where none is set."""
    hint = "To shut a project out, revoke its keys."
    return [
        checks.Error(f"{name} is below 1.", hint=hint, id="limits.E003")
        for name in DEFAULTS
        if getattr(settings, name) < 1
    ]


def check_proxies(**kwargs: Any) -> list[checks.CheckMessage]:
    """Returns what is wrong about LUKHAS_TRUSTED_PROXIES."""
    hint = "Write 10.0.0.5, 10.0.0.0/8, fd00::/8, or unix for a proxy that connects through a Unix socket."
    return [
        checks.Error(
            f"LUKHAS_TRUSTED_PROXIES has {proxy!r}, which is neither an address nor a network.",
            hint=hint,
            id="limits.E004",
        )
        for proxy in settings.LUKHAS_TRUSTED_PROXIES
        if proxy != UNIX and network(proxy) is None
    ]


def register() -> None:
    """Adds the checks to those that `manage.py check` runs."""
    for check in (check_rates, check_defaults, check_proxies):
        checks.register(check)
