"""Whether a call without a key is let in: never, unless a developer asked for it."""

from django.conf import settings

STRICT = "strict"
PERMISSIVE = "permissive"
MODES = (STRICT, PERMISSIVE)


def is_permissive() -> bool:
    """Returns whether calls without a key act as the anonymous development principal: LUKHAS_POLICY_MODE says
    `permissive` and DEBUG is on. Everything else is strict, whatever the system checks were told to ignore."""
    return bool(settings.DEBUG) and settings.LUKHAS_POLICY_MODE == PERMISSIVE
