"""Flags as /api/features shows them, and the tags by which nobody overwrites what somebody else changed meanwhile."""

from collections.abc import Collection
from hashlib import blake2b
from typing import Any

import orjson

from accounts.models import AuditEvent
from features.evaluation import Evaluation
from features.models import Flag, FlagState, Ramp
from features.ramps import percent_of


def flag_object(flag: Flag, seen: Collection[str] | None = None) -> dict[str, Any]:
    """A flag with its state in these environments; None for all that it has one in. Moments are in seconds since 1970.

    What is under `environments`, and all else but `id`, `object` and the moments, can be sent back as it is.
    """
    states = sorted(flag.states.all(), key=lambda state: state.environment.key)
    data = flag.to_data(state for state in states if seen is None or state.environment.key in seen)
    return {
        "id": flag.key,
        "object": "feature",
        **data,
        "created_at": int(flag.created_at.timestamp()),
        "changed_at": int(max([flag.changed_at, *(state.changed_at for state in states)]).timestamp()),
    }


def ramp_object(ramp: Ramp) -> dict[str, Any]:
    """A ramp, with what is behind it. Moments are in seconds since 1970."""
    steps = [
        {"percent": float(step.percent), "at": int(step.at.timestamp()), "done": place < ramp.reached}
        for place, step in enumerate(ramp.way)
    ]
    return {
        "id": ramp.state.flag.key,
        "object": "feature.ramp",
        "environment": ramp.state.environment.key,
        "variant": ramp.variant,
        "rest": ramp.rest,
        "status": ramp.status,
        "reason": ramp.why or None,
        "percent": float(percent_of(ramp.weight)),
        "steps": steps,
        "next_at": ramp.next_at and int(ramp.next_at.timestamp()),
        "created_at": int(ramp.created_at.timestamp()),
    }


def etag(flag: Flag) -> str:
    """The tag of the flag as it is now, in all of its environments: who sees but one is told of changes in others."""
    return f'"{blake2b(orjson.dumps(flag_object(flag), option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()}"'


def evaluation_object(key: str, environment: str, found: Evaluation, *, explained: bool) -> dict[str, Any]:
    """An answer; where it is `explained`, with the rule that gave it, counted from 0, and the trace."""
    told: dict[str, Any] = {
        "object": "feature.evaluation",
        "key": key,
        "environment": environment,
        "value": found.value,
        "variant": found.variant,
        "reason": found.reason,
        "metadata": dict(found.metadata),
        "error": None if found.error is None else {"code": found.error.code, "message": found.error.details},
    }
    if explained:
        told |= {"rule": found.rule, "trace": [step.to_data() for step in found.trace]}
    return told


def event_object(event: AuditEvent, environments: dict[str, str], *, names: bool) -> dict[str, Any]:
    """A change of a flag, or of its state in an environment. `environments` are their keys, by what the log calls them;
    people are shown if `names`."""
    side: dict[str, Any] = event.after or event.before or {}
    stored = side.get("environment")
    return {
        "id": event.public_id,
        "object": "feature.event",
        "type": event.type,
        "effective_at": int(event.created_at.timestamp()),
        "source": event.source,
        "actor": {"type": event.actor_kind, "name": (event.actor_name or None) if names else None},
        "environment": None if stored is None else environments.get(stored),
        "reason": (event.after or {}).get("reason"),
        "before": shown(event.before),
        "after": shown(event.after),
        "changed": [name for name in event.changed() if name not in HIDDEN],
    }


HIDDEN = ("organization", "flag", "environment", "reason")
"""What of a recorded row only the log itself needs; a reason is told beside it."""


def shown(side: Any) -> Any:
    return None if side is None else {name: value for name, value in side.items() if name not in HIDDEN}


def states_by_key(flag: Flag) -> dict[str, FlagState]:
    return {state.environment.key: state for state in flag.states.all()}
