"""System checks of the features app.

features.E001  LUKHAS_EVENT_STREAMS is below 0, or LUKHAS_EVENT_STREAMS_PER_KEY below 1
"""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

LEAST = {"LUKHAS_EVENT_STREAMS": 0, "LUKHAS_EVENT_STREAMS_PER_KEY": 1}


def check_event_streams(**kwargs: Any) -> list[CheckMessage]:
    """Returns what is wrong about the numbers of event streams."""
    return [
        Error(
            f"{name} must be at least {least}, not {getattr(settings, name)}.",
            hint="LUKHAS_EVENT_STREAMS=0 switches the event streams off.",
            id="features.E001",
        )
        for name, least in LEAST.items()
        if getattr(settings, name) < least
    ]
