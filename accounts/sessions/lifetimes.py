"""How long sessions last, and how many a user may have, as the settings say."""

from datetime import timedelta

from django.conf import settings

from accounts.durations import parse_duration


def idle() -> timedelta:
    """Returns how long a session may go unused: LUKHAS_SESSION_IDLE. Raises ValueError where that is no duration."""
    return parse_duration(settings.LUKHAS_SESSION_IDLE)


def absolute() -> timedelta:
    """Returns how long a session lasts at most: LUKHAS_SESSION_ABSOLUTE. Raises ValueError likewise."""
    return parse_duration(settings.LUKHAS_SESSION_ABSOLUTE)


def maximum() -> int:
    """Returns how many sessions a user may have at once: LUKHAS_SESSIONS_PER_USER."""
    most: int = settings.LUKHAS_SESSIONS_PER_USER
    return most
