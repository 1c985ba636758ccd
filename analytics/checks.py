"""System checks of analytics.

analytics.E001  a LUKHAS_JOURNAL_MAX_BYTES below one
analytics.E002  a LUKHAS_EVENT_WINDOW_DAYS below one
analytics.E003  a LUKHAS_REJECTED_EVENTS_PER_HOUR below zero
analytics.E004  a LUKHAS_KEEP_…_DAYS below what it has to be
analytics.E005  a LUKHAS_GUARD_LATE_SECONDS below zero or above 600
analytics.W001  LUKHAS_JOURNAL_FSYNC is `never`
"""

from typing import Any

from django.conf import settings
from django.core import checks

from analytics.journal import NEVER

MOST_LATE = 600
KEPT_AT_LEAST = {
    "LUKHAS_KEEP_EVENTS_DAYS": 1,
    "LUKHAS_KEEP_REJECTED_EVENTS_DAYS": 1,
    "LUKHAS_KEEP_RAW_EXPOSURES_DAYS": 1,
    "LUKHAS_KEEP_USAGE_RECORDS_DAYS": 7,
    "LUKHAS_KEEP_REFUSED_REQUESTS_DAYS": 1,
    "LUKHAS_KEEP_VETOES_DAYS": 1,
}
"""In days. That what a journal still has is not new is known by the usage records that are there."""


def check_journal(**kwargs: Any) -> list[checks.CheckMessage]:
    """Returns what is wrong, or dangerous, about the settings of the journal."""
    found: list[checks.CheckMessage] = []
    if settings.LUKHAS_JOURNAL_MAX_BYTES < 1:
        hint = "It is the most that may wait for the database, in bytes."
        found.append(checks.Error("LUKHAS_JOURNAL_MAX_BYTES is below 1.", hint=hint, id="analytics.E001"))
    if settings.LUKHAS_JOURNAL_FSYNC == NEVER:
        hint = "A loss of power may lose up to half a minute of usage. With 'batch' it is a tenth of a second."
        found.append(checks.Warning("LUKHAS_JOURNAL_FSYNC is 'never'.", hint=hint, id="analytics.W001"))
    return found


def check_events(**kwargs: Any) -> list[checks.CheckMessage]:
    """Returns what is wrong about the settings of events."""
    found: list[checks.CheckMessage] = []
    if settings.LUKHAS_EVENT_WINDOW_DAYS < 1:
        hint = "It is how old an event may be, and for how long its id is known, in days."
        found.append(checks.Error("LUKHAS_EVENT_WINDOW_DAYS is below 1.", hint=hint, id="analytics.E002"))
    if settings.LUKHAS_REJECTED_EVENTS_PER_HOUR < 0:
        hint = "It is how many rejected events of a project are kept within an hour; 0 keeps none."
        found.append(checks.Error("LUKHAS_REJECTED_EVENTS_PER_HOUR is below 0.", hint=hint, id="analytics.E003"))
    return found


def check_retention(**kwargs: Any) -> list[checks.CheckMessage]:
    """Returns which settings let rows be deleted too soon."""
    return [
        checks.Error(f"{name} is below {least}.", hint="It is for how many days rows are kept.", id="analytics.E004")
        for name, least in KEPT_AT_LEAST.items()
        if getattr(settings, name) < least
    ]


def check_rollout_guard(**kwargs: Any) -> list[checks.CheckMessage]:
    """Returns what is wrong about the settings of the rollout guard."""
    if 0 <= settings.LUKHAS_GUARD_LATE_SECONDS <= MOST_LATE:
        return []
    hint = "It is for how many seconds a minute that is over is waited for."
    return [checks.Error(f"LUKHAS_GUARD_LATE_SECONDS is not 0 to {MOST_LATE}.", hint=hint, id="analytics.E005")]
