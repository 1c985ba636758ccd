"""What the tests of ramps share: a flag between two variants, and a ramp from 5 to 100 %."""

from datetime import UTC, datetime, timedelta
from typing import Any

from features import ramping
from features.models import Flag, FlagState, Ramp
from features.ramps import steps_of_text
from tests.features.conftest import MakeFlag

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
STEPS = "5@now,25@+1h,50@+1d,100@+2d"


def two_models(make_flag: MakeFlag, key: str = "model", **state: Any) -> Flag:
    """A flag that is on, and gives everybody `current` at first."""
    known = {"kind": "string", "variants": {"current": "a", "next": "b", "third": "c"}, "default_variant": "current"}
    return make_flag(key, **{**known, **state})


def ramped(flag: Flag, steps: str = STEPS, *, now: datetime = NOON, rest: str | None = None) -> Ramp:
    """A ramp of `next` that was set up at noon."""
    return ramping.set_up(flag.states.get(), "next", rest, steps_of_text(steps, now), now)


def share() -> float:
    """What per cent of callers get `next`."""
    rules = FlagState.objects.get(flag__key="model").rules
    weights = rules[-1]["split"]["weights"] if rules else []
    return sum(each["weight"] for each in weights if each["variant"] == "next") / 1000


def advanced(**later: float) -> list[tuple[str, str]]:
    """What becomes of the ramps that are due so much after noon: the share, or why it halted."""
    return [(taken.percent, taken.why) for taken in ramping.advance(NOON + timedelta(**later))]
