"""The rollout guard: looks at the minutes that went by, and turns a rollout back whose variant does harm.

Every process that serves has a keeper for it. Who moves a guard's `next_look_at` looks, whoever else would; and turning
back happens in one transaction with the flag, so that of several it is done by one. Roll-ups by the minute are all that
is read, and no request waits for any of it.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DatabaseError, close_old_connections, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.alerts.telling import Teller
from accounts.audit.context import Actor, acting
from accounts.limits.keeper import Keeper
from analytics.models import RolloutGuard, TurnBack, Width
from analytics.models.guards import LONGEST_LOOK, RolloutGuardQuerySet
from analytics.rollups.reading import Question, latencies, sums
from analytics.thresholds import Finding, Minutes, Side, judge, windows
from features.models import FlagState, FlagsVersion, ProjectEnvironment
from features.models.environments import PRODUCTION
from features.models.flags import LONGEST_REASON
from features.ramping import advance
from features.turning_back import turn_back

EVERY = 5.0
"""Seconds between two rounds of a process."""
LOOK = timedelta(seconds=10)
"""From one look of a guard to the next, whichever process takes it."""
ACTOR = Actor("system", name="rollout guard")

Sides = dict[str, dict[datetime, Side]]
"""By variant and minute."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Turn:
    """That a rollout is to be turned back: why, and by which minutes."""

    finding: Finding
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Look:
    """What a guard saw, in words, what is to be done about it, and whether it was."""

    told: str
    turn: Turn | None = None
    turned: bool = False


def due(now: datetime) -> RolloutGuardQuerySet:
    """The guards that are to look, those that wait longest first. What is further ahead than a look can be was written
    by a clock that was wrong, or before this one was set back."""
    waiting = Q(next_look_at__lte=now) | Q(next_look_at__gt=now + 2 * LOOK)
    return RolloutGuard.objects.filter(waiting).with_flags().order_by("next_look_at", "pk")


def claim(guard: RolloutGuard, now: datetime) -> bool:
    """Claims the next look for this process. Returns False where another one was faster."""
    mine = RolloutGuard.objects.filter(pk=guard.pk, next_look_at=guard.next_look_at)
    return bool(mine.update(next_look_at=now + LOOK))


def look(guard: RolloutGuard, now: datetime) -> Look:
    """Looks at the variants of a guard's flag, and changes nothing."""
    if not guard.state.enabled:
        return Look(f"{guard.state.flag} is off.")
    late = timedelta(seconds=settings.LUKHAS_GUARD_LATE_SECONDS)
    stretches = windows(now, late, guard.minutes, guard.watching_since)
    if not stretches:
        return Look("There was no whole minute yet.")
    sides = read(guard, min(start for start, _ in stretches), stretches[0][1])
    control, limits = guard.compared_to, guard.limits()
    told = ""
    for start, end in stretches:
        within = {variant: cut(minutes, start, end) for variant, minutes in sides.items()}
        of_control = within.pop(control, {})
        judged = [judge(limits, variant, control, within[variant], of_control) for variant in sorted(within)]
        for one in judged:
            if one.finding is not None:
                return Look(one.told(), Turn(one.finding, start, end))
        told = told or " ".join(one.told() for one in judged if one.requests)
    return Look(told or f"Nobody got a variant other than {control}.")


def cut(minutes: Minutes, start: datetime, end: datetime) -> Minutes:
    """Those of the minutes that are within."""
    return {at: side for at, side in minutes.items() if start <= at < end}


def read(guard: RolloutGuard, start: datetime, end: datetime) -> Sides:
    """What the variants of the flag did by the minute, in the projects of the guard's environment: four queries."""
    flag, home = guard.state.flag, guard.home
    placed = ProjectEnvironment.objects.filter(project__organization=home)
    environments = dict(placed.values_list("project__public_id", "environment__key"))
    question = Question(home.public_id, Width.MINUTE, start, end, ("project_id", "variant"), {"flag": [flag.key]})
    found = sums(question)  # first: what comes in meanwhile has times that are not looked for
    durations, first_tokens = (latencies(question, name, by_bucket=True) for name in ("duration", "first_token"))
    sides: Sides = defaultdict(lambda: defaultdict(Side))
    for one in found:
        project, variant = one.names
        place = (one.start, project, variant)
        if variant and environments.get(project, PRODUCTION) == guard.state.environment.key:
            sides[variant][one.start].add(Side(Counter(one.sums), durations[place], first_tokens[place]))
    return sides


def turn(guard: RolloutGuard, seen: Look, why: Turn, now: datetime) -> bool:
    """Turns a rollout back. Returns False where that is done already, or the guard was changed since it was read.
    Raises ValidationError where the flag cannot be saved as it is."""
    found = why.finding
    unit, base = found.metric.unit, found.control_value
    reason = f"Rollout guard: {seen.told}"[:LONGEST_REASON]
    with transaction.atomic(), acting(ACTOR, "code"):
        FlagsVersion.hold()
        unchanged = RolloutGuard.objects.filter(pk=guard.pk, watching_since=guard.watching_since)
        if not unchanged.update(watching_since=now):
            return False
        state = FlagState.objects.select_related("flag__organization", "environment").get(pk=guard.state_id)
        if not turn_back(state, reason, variant=found.variant):
            return False
        TurnBack.objects.create(
            guard=guard,
            variant=found.variant,
            control=found.control,
            metric=found.metric.name,
            threshold=found.kind,
            value=found.value / unit,
            limit=found.limit / unit,
            requests=found.requests,
            control_value=None if base is None else base / unit,
            control_requests=found.control_requests,
            first_minute=why.start,
            over_at=why.end,
            reason=reason,
            turned_at=now,
            next_try_at=now,
        )
    log.error("rollout_turned_back", flag=state.flag.key, environment=state.environment.key, reason=reason)
    return True


def watch(guard: RolloutGuard, now: datetime) -> Look:
    """Looks, does what is to be done, and writes down what was seen. Requests from before a flag was off last do not
    count once it is on again."""
    seen = look(guard, now)
    if seen.turn is not None:
        try:
            seen = replace(seen, turned=turn(guard, seen, seen.turn, now))
        except ValidationError as error:
            log.error("rollout_not_turned_back", flag=guard.state.flag.key, error="; ".join(error.messages))
    later = {} if guard.state.enabled else {"watching_since": now}
    RolloutGuard.objects.filter(pk=guard.pk).update(looked_at=now, looked=seen.told[:LONGEST_LOOK], **later)
    return seen


class Guarding:
    """What one process does for rollouts, a round every few seconds."""

    def __init__(self) -> None:
        self.teller = Teller(TurnBack)
        self.away = False
        self.keeper = Keeper(self.round, "rollouts", EVERY)

    def round(self) -> None:
        """Lets those guards look whose turn it is, goes on with ramps, and has told what was turned back. Where the
        database is away it says so once, and leaves all to the next round."""
        close_old_connections()
        try:
            self._round(timezone.now())
        except DatabaseError as error:
            if not self.away:
                log.warning("rollouts_not_guarded", error=type(error).__name__)
            self.away = True
            return
        finally:
            close_old_connections()
        if self.away:
            log.warning("rollouts_guarded_again")
        self.away = False

    def _round(self, now: datetime) -> None:
        for guard in due(now):
            if claim(guard, now):
                watch(guard, now)
        advance(now)  # after what would halt it
        self.teller.tell_due()


guarding = Guarding()
"""The one of this process."""
