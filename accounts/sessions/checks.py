"""System checks of sessions.

sessions.E001  a LUKHAS_SESSION_IDLE or LUKHAS_SESSION_ABSOLUTE that is not a length of time
sessions.E002  LUKHAS_SESSIONS_PER_USER below one
sessions.W001  LUKHAS_SESSION_IDLE is not shorter than LUKHAS_SESSION_ABSOLUTE, and so never comes to pass
"""

from typing import Any

from django.conf import settings
from django.core import checks

from accounts.durations import parse_duration
from accounts.sessions import lifetimes

DURATIONS = ("LUKHAS_SESSION_IDLE", "LUKHAS_SESSION_ABSOLUTE")


def check_lifetimes(**kwargs: Any) -> list[checks.CheckMessage]:
    """Returns what is wrong about how long sessions last."""
    found: list[checks.CheckMessage] = []
    for name in DURATIONS:
        try:
            parse_duration(getattr(settings, name))
        except ValueError as error:
            hint = "Write a number and m, h, d or w: 30m, 8h, 7d."
            found.append(checks.Error(f"{name}: {error}", hint=hint, id="sessions.E001"))
    if not found and lifetimes.idle() >= lifetimes.absolute():
        message = "LUKHAS_SESSION_IDLE is not shorter than LUKHAS_SESSION_ABSOLUTE: sessions never end for being idle."
        found.append(checks.Warning(message, hint="Make it shorter.", id="sessions.W001"))
    return found


def check_maximum(**kwargs: Any) -> list[checks.CheckMessage]:
    """Returns what is wrong about how many sessions a user may have."""
    if settings.LUKHAS_SESSIONS_PER_USER >= 1:
        return []
    hint = "To keep a user out, make the user inactive."
    return [checks.Error("LUKHAS_SESSIONS_PER_USER is below 1.", hint=hint, id="sessions.E002")]


def register() -> None:
    """Adds the checks to those that `manage.py check` runs."""
    checks.register(check_lifetimes)
    checks.register(check_maximum)
