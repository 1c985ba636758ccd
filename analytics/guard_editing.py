"""Rollout guards from plain JSON, and as plain JSON: all of what is asked for, or nothing."""

from decimal import Decimal
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS
from django.core.exceptions import ValidationError as Unclean

from accounts.alerts.signing import secret_of
from analytics.models import RolloutGuard, TurnBack
from analytics.thresholds import THRESHOLDS
from features.models import FlagState
from features.problems import Invalid, Problem, Reader

WORDS = ("control", "minutes", "min_requests", "recipients", "subject_prefix")
MOST_SHOWN = 20
"""Of the rollouts that were turned back."""


def set_guard(state: FlagState, data: dict[str, Any]) -> tuple[RolloutGuard, str]:
    """Makes the state's guard what the data says, with what it leaves out as it is at first; a webhook that it does not
    name stays. Returns the guard, and the secret of a webhook that is new, else an empty text. Raises Invalid, and
    EnvironmentProtected where whoever acts may not change the flag there."""
    if state.pk is None:
        raise Invalid([Problem(("environment",), "is one in which the flag has no state")])
    former = RolloutGuard.objects.filter(state=state).first()
    guard = former or RolloutGuard(state=state)
    had_webhook = bool(guard.webhook_url)
    for name, value in read(data).items():
        setattr(guard, name, value)
    try:
        guard.full_clean()
    except Unclean as error:
        raise Invalid([problem_of(name, messages) for name, messages in error.message_dict.items()]) from error
    guard.save()
    return guard, secret_of(guard) if guard.webhook_url and not had_webhook else ""


def read(data: dict[str, Any]) -> dict[str, Any]:
    """The fields of a guard, by their names. Raises Invalid."""
    reader, plain = Reader(), RolloutGuard()
    table = reader.table(data, (*WORDS, "thresholds", "webhook_url"), ("thresholds",))
    found: dict[str, Any] = {name: getattr(plain, name) for name in (*WORDS, *THRESHOLDS)}
    found["control"] = reader.text(table, "control")
    found["subject_prefix"] = reader.text(table, "subject_prefix")
    for name in ("minutes", "min_requests"):
        if name in table:
            found[name] = reader.whole(table, name, 10**6)
    if "recipients" in table:
        found["recipients"] = table["recipients"]
    if "webhook_url" in table:
        found["webhook_url"] = reader.text(table, "webhook_url", 500)
    with reader.at("thresholds"):
        for name, value in reader.table(table.get("thresholds", {}), THRESHOLDS).items():
            if isinstance(value, bool) or not isinstance(value, int | float | None):
                reader.wrong("must be a number", name)
            elif value is not None:
                found[name] = Decimal(str(value))
    reader.finish()
    return found


def problem_of(name: str, messages: list[str]) -> Problem:
    """What is wrong with a field, at its place in the data."""
    told = f"is refused: {' '.join(messages)}"
    if name == NON_FIELD_ERRORS:
        return Problem(("thresholds",), told)
    return Problem(("thresholds", name) if name in THRESHOLDS else (name,), told)


def guard_object(guard: RolloutGuard, *, people: bool) -> dict[str, Any]:
    """A guard, what it saw last, and what it turned back lately. Moments are in seconds since 1970. Who is told is
    shown if `people`; the address of a webhook never is."""
    thresholds = {name: getattr(guard, name) for name in THRESHOLDS}
    turned = TurnBack.objects.filter(guard=guard).order_by("-pk")[:MOST_SHOWN]
    return {
        "id": guard.public_id,
        "object": "feature.guard",
        "feature": guard.state.flag.key,
        "environment": guard.state.environment.key,
        "control": guard.compared_to,
        "minutes": guard.minutes,
        "min_requests": guard.min_requests,
        "thresholds": {name: float(value) for name, value in thresholds.items() if value is not None},
        "recipients": guard.recipients if people else None,
        "subject_prefix": guard.subject_prefix,
        "webhook": bool(guard.webhook_url),
        "looked_at": guard.looked_at and int(guard.looked_at.timestamp()),
        "looked": guard.looked or None,
        "created_at": int(guard.created_at.timestamp()),
        "turned_back": [turn_back_object(each) for each in turned],
    }


def turn_back_object(turned: TurnBack) -> dict[str, Any]:
    """A rollout that was turned back, with the numbers that decided."""
    return {
        "id": turned.public_id,
        "object": "feature.turn_back",
        "turned_at": int(turned.turned_at.timestamp()),
        **turned.numbers(),
    }
