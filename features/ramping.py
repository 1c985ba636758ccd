"""Ramps set up, paused, resumed and gone on with.

Whoever goes on holds the flags, reads the ramp anew, and takes the latest step that is due: so of many processes one
does, once, and after a time in which none ran, those between are left out.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import structlog
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.audit.context import Actor, acting, because
from accounts.exceptions import Conflicting, NotThere
from features.models import FlagState, FlagsVersion, Ramp
from features.models.flags import LONGEST_REASON
from features.models.ramps import STOPPED, Status, share_of
from features.problems import Invalid, Problem
from features.ramps import Step, check
from features.shares import rest_of

ACTOR = Actor("system", name="ramp")

log = structlog.get_logger(__name__)


class Taken(NamedTuple):
    """What became of a ramp of which a step was due: the percentage that it reached, or else why it halted."""

    ramp: Ramp
    percent: str
    why: str


def set_up(state: FlagState, variant: str, rest: str | None, steps: Sequence[Step], now: datetime) -> Ramp:
    """Sets a ramp up in the place of the one that there was, and takes the steps that are due. Raises Invalid, and
    EnvironmentProtected where whoever acts may not change the flag there."""
    with transaction.atomic():
        FlagsVersion.hold()
        state = FlagState.objects.with_surroundings().filter(pk=state.pk).first() or state
        check_steps(state, variant, rest, steps, now)
        ramp = Ramp.objects.filter(state=state).first() or Ramp(state=state)
        ramp.state, ramp.variant, ramp.rest = state, variant, str(rest or rest_of(state, variant))
        ramp.created_at = now
        ramp.go(steps, 0)
        ramp.save()
        if ramp.latest_due(now):
            take(ramp, now)
    return ramp


def check_steps(state: FlagState, variant: str, rest: str | None, steps: Sequence[Step], now: datetime) -> None:
    """Raises Invalid with what is wrong with a ramp that begins now."""
    variants = state.flag.variants
    if not state.enabled:
        raise Invalid([Problem(("environment",), "is one in which the flag is off: switch it on first")])
    for name, value in (("variant", variant), ("rest", rest)):
        if value is not None and value not in variants:
            raise Invalid([Problem((name,), "must be one of the flag's variants")])
    others = rest or rest_of(state, variant)
    if others is None or others == variant:
        raise Invalid([Problem(("rest",), "must be another variant, which the others get")])
    share = share_of(state, variant, others)
    if share is None:
        told = "is not what the others get now: the last rule spreads callers in another way. Change it first"
        raise Invalid([Problem(("rest",), told)])
    check(steps, share, now)


def pause(ramp: Ramp, reason: str) -> None:
    """Makes a running ramp stand until it is resumed. Raises Conflicting, NotThere where it is gone meanwhile, and
    Unfit for a reason that cannot be kept."""
    told = ramp.state.stated(reason)
    with transaction.atomic(), because(told):
        ramp = held(ramp)
        if ramp.status != Status.RUNNING:
            raise Conflicting(f"The ramp is {ramp.status}, and not running.", code="ramp_not_running")
        ramp.stop(Status.PAUSED, told)


def resume(ramp: Ramp, now: datetime) -> None:
    """Has a ramp go on that stands: what is left of it as much later as it stood. Raises Conflicting where the flag is
    off, or somebody would fall out, and NotThere where it is gone meanwhile."""
    with transaction.atomic():
        ramp = held(ramp)
        if ramp.status not in STOPPED:
            raise Conflicting(f"The ramp is {ramp.status}, and does not stand.", code="ramp_not_stopped")
        if not ramp.state.enabled:
            raise Conflicting("The flag is off: switch it on first.", code="ramp_cannot_resume")
        way, reached = ramp.way, ramp.reached
        share = share_of(ramp.state, ramp.variant, ramp.rest)
        if share is None or share > way[reached].weight:
            told = "The flag was changed, so that somebody would fall out: set up another ramp."
            raise Conflicting(told, code="ramp_cannot_resume")
        stood = now - (ramp.stopped_at or now)
        ramp.go([*way[:reached], *(Step(step.at + stood, step.weight) for step in way[reached:])], reached)
        ramp.save()


def held(ramp: Ramp) -> Ramp:
    """The ramp and its flag as they are now, which nobody else changes until the transaction ends. Raises NotThere."""
    FlagsVersion.hold()
    found = Ramp.objects.with_flags().filter(pk=ramp.pk).first()
    if found is None:
        raise NotThere("ramp of feature", ramp.state.flag.key)
    return found


def advance(now: datetime) -> list[Taken]:
    """Goes on with all ramps of which a step is due. Raises DatabaseError."""
    found = [go_on(key, now) for key in Ramp.objects.due(now).values_list("pk", flat=True)]
    return [taken for taken in found if taken is not None]


def go_on(key: int, now: datetime) -> Taken | None:
    """Goes on with one ramp, or halts it and says why; None where nothing is due of it any more."""
    with transaction.atomic(), acting(ACTOR, "code"):
        FlagsVersion.hold()
        ramp = Ramp.objects.due(now).with_flags().filter(pk=key).first()
        if ramp is None:
            return None
        why = ramp.obstacle()
        if not why:
            try:
                with transaction.atomic():
                    take(ramp, now)
            except ValidationError as error:
                ramp.refresh_from_db()
                why = f"The flag cannot be changed: {' '.join(error.messages)}"
        if why:
            why = why[:LONGEST_REASON]
            ramp.stop(Status.HALTED, why)
            log.warning("ramp_halted", flag=ramp.state.flag.key, environment=ramp.state.environment.key, why=why)
    return Taken(ramp, f"{ramp.way[ramp.reached - 1].percent:f}" if not why else "", why)


def take(ramp: Ramp, now: datetime) -> None:
    """Takes the latest step that is due, within a transaction. Raises Unfit."""
    state, way, reached = ramp.state, ramp.way, ramp.latest_due(now)
    step = way[reached - 1]
    state.roll_out(ramp.variant, step.weight, ramp.rest)
    with because(f"Ramp: step {reached} of {len(way)}, {step.percent:f} % {ramp.variant}"):
        state.save(update_fields=["rules"])
        ramp.go(way, reached)
        ramp.save()
    log.info("ramp_stepped", flag=state.flag.key, environment=state.environment.key, percent=f"{step.percent:f}")
