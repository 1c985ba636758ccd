"""The way back of a rollout that nobody has to ask for: the kill switch, in the hands of a program of this server."""

from accounts.audit.context import because
from features import protection
from features.models import FlagState, Ramp


def turn_back(state: FlagState, reason: str, *, variant: str) -> bool:
    """Switches the flag off, protected or not, halts its ramp, and writes the reason down; `variant` does not answer
    while it is off either. Returns whether it was on. Raises Unfit for a reason that cannot be kept."""
    told = state.stated(reason)
    if not state.enabled:
        return False
    state.enabled = False
    if state.off_variant == variant:
        state.off_variant = ""
    with protection.lifted(), because(told):
        state.save(update_fields=["enabled", "off_variant"])
        Ramp.objects.halt(state, told)
    return True
