"""What the headers say of the limits: OpenAI's x-ratelimit-…, of the scope of which the smallest share is left."""

from collections.abc import Sequence
from math import ceil

from accounts.limits.rules import Plan


def headers(plan: Plan, used: Sequence[int], resets: Sequence[float]) -> dict[str, str]:
    """`used` and `resets` are those of each rule of the plan, the latter in seconds."""
    made: dict[str, str] = {}
    for unit, places in (("requests", plan.requests), ("tokens", plan.tokens)):
        if not places:
            continue
        at = places[0]
        if len(places) > 1:
            at = min(places, key=lambda place: _share_left(plan.rules[place].limit, used[place]))
        limit = plan.rules[at].limit
        made[f"x-ratelimit-limit-{unit}"] = str(limit)
        made[f"x-ratelimit-remaining-{unit}"] = str(max(0, limit - used[at]))
        made[f"x-ratelimit-reset-{unit}"] = duration(resets[at])
    return made


def _share_left(limit: int, used: int) -> float:
    return (limit - used) / limit if limit else 0.0


def duration(seconds: float) -> str:
    """A length of time as Go writes it, in milliseconds rounded up: `0s`, `2ms`, `8.64s`, `6m0s`, `24h0m0s`."""
    milliseconds = ceil(seconds * 1000)
    if milliseconds < 1000:
        return f"{milliseconds}ms" if milliseconds else "0s"
    minutes, rest = divmod(milliseconds, 60_000)
    text = f"{rest / 1000:g}s"
    if not minutes:
        return text
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{text}" if hours else f"{minutes}m{text}"
