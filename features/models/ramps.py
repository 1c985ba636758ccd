"""Ramps: the share of callers who get a variant grows by itself, at given times. How: `features.ramping`."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

import orjson
from django.db import models
from django.utils import timezone

from accounts.audit.snapshots import Json
from accounts.models.audited import Audited, AuditedQuerySet
from features import protection
from features.definitions import DEFAULT_TOTAL
from features.models.environments import Environment
from features.models.flags import LONGEST_REASON, FlagState
from features.problems import MAX_KEY
from features.ramps import Step


class Status(models.TextChoices):
    """What a ramp does. Only a running one goes on; a halted one was stopped by the server, which says why."""

    RUNNING = "running"
    PAUSED = "paused"
    HALTED = "halted"
    FINISHED = "finished"


STOPPED = (Status.PAUSED, Status.HALTED)


class RampQuerySet(AuditedQuerySet["Ramp"]):
    def due(self, now: datetime) -> "RampQuerySet":
        """Returns the running ramps of which a step is due, those that wait longest first."""
        return self.filter(status=Status.RUNNING, next_at__lte=now).order_by("next_at", "pk")

    def with_flags(self) -> "RampQuerySet":
        """Returns the ramps with what they change, read in the same query."""
        return self.select_related("state__flag__organization", "state__environment__organization")

    def halt(self, state: FlagState, why: str) -> int:
        """Halts the ramp of a state where it is not over. Returns how many were halted."""
        open_ones = self.filter(state=state, status__in=(Status.RUNNING, Status.PAUSED))
        return open_ones.update(status=Status.HALTED, why=why, stopped_at=timezone.now())


class Ramp(Audited):
    """The way of a variant from few callers to many, in one environment: `steps` as `features.ramps.Step` keeps them,
    of which `reached` are behind it.

    `seen` is what the flag was after the last step, by which a change of somebody else is known.
    """

    state = models.OneToOneField(
        FlagState, on_delete=models.CASCADE, related_name="ramp", verbose_name="flag", help_text="And its environment."
    )
    variant = models.CharField(max_length=MAX_KEY, help_text="Whose share grows.")
    rest = models.CharField(max_length=MAX_KEY, help_text="What the others get; else the default.")
    steps = models.JSONField()
    status = models.CharField(max_length=10, choices=Status, default=Status.RUNNING, editable=False)
    why = models.CharField("why it stands", max_length=LONGEST_REASON, blank=True, editable=False)
    reached = models.PositiveSmallIntegerField("steps behind it", default=0, editable=False)
    next_at = models.DateTimeField("next step", null=True, editable=False)
    stopped_at = models.DateTimeField("stands since", null=True, editable=False)
    seen = models.CharField(max_length=32, editable=False)
    created_at = models.DateTimeField("set up", default=timezone.now, editable=False)

    objects = RampQuerySet.as_manager()

    audit_kind = "ramp"
    audit_fields = ("state", "variant", "rest", "steps", "status", "why", "reached")
    # What has happened to callers cannot be put back: another ramp is set up.
    audit_final = audit_fields

    class Meta:
        constraints = (
            models.CheckConstraint(name="features_ramp_status_known", condition=models.Q(status__in=Status.values)),
        )
        indexes = (
            models.Index(
                name="features_ramp_running", fields=["next_at"], condition=models.Q(status=Status.RUNNING.value)
            ),
        )

    def __str__(self) -> str:
        return f"Ramp of {self.state}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises EnvironmentProtected where whoever acts may not change the flag there."""
        protection.check_new(self)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Raises EnvironmentProtected likewise."""
        protection.check_new(self)
        return super().delete(*args, **kwargs)

    @property
    def way(self) -> list[Step]:
        """All of its steps."""
        return [Step.kept(step) for step in self.steps]

    @property
    def weight(self) -> int:
        """How many of 100,000 callers have the variant by now, as far as the ramp knows; 0 before the first step."""
        return self.way[self.reached - 1].weight if self.reached else 0

    def latest_due(self, now: datetime) -> int:
        """How many steps are behind it once those are taken that are due."""
        return sum(step.at <= now for step in self.way)

    def obstacle(self) -> str:
        """Why the next step is not taken; empty where it is."""
        if not self.state.enabled:
            return "The flag is off."
        if self.seen != mark_of(self.state):
            return "The flag was changed since the last step, not by the ramp."
        return ""

    def go(self, steps: Sequence[Step], reached: int) -> None:
        """Makes it run on these steps, of which so many are behind it, without saving."""
        self.steps = [step.to_data() for step in steps]
        self.reached = reached
        self.stopped_at = None
        self.why = ""
        self.next_at = steps[reached].at if reached < len(steps) else None
        self.status = Status.RUNNING if self.next_at else Status.FINISHED
        self.seen = mark_of(self.state)

    def stop(self, status: Status, why: str) -> None:
        """Makes it stand, for that reason, and saves it."""
        self.status, self.why, self.stopped_at = status, why, timezone.now()
        self.save()

    def felt_in(self) -> Iterable[Environment]:
        """Returns the environment whose answers it changes."""
        return (self.state.environment,)

    @classmethod
    def audit_action(cls, values: Json, changed: Collection[str]) -> str:
        return protection.UPDATE

    def audited_in(self) -> Sequence[str]:
        return (self.state.flag.organization.public_id,)


def mark_of(state: FlagState) -> str:
    """What tells whether anything was changed that answers rest on, the state's last change itself included."""
    flag = state.flag
    felt = {name: getattr(flag, name) for name in ("kind", "variants", "algorithm", "salt", "archived")}
    whole = {**felt, **state.to_data(), "changed": state.changed_at.timestamp()}
    return blake2b(orjson.dumps(whole, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def share_of(state: FlagState, variant: str, rest: str) -> int | None:
    """How many of 100,000 callers whom no other rule answers get the variant, rounded up, the others getting `rest`;
    None where they are spread in another way, so that somebody could fall out as the share grows."""
    last = state.rules[-1] if state.rules else {}
    if not last or set(last) & {"conditions", "from", "until"}:
        last = {"variant": state.default_variant or rest}
    weights = last["split"]["weights"] if "split" in last else [{"variant": last["variant"], "weight": 1}]
    known: dict[str, int] = {each["variant"]: each["weight"] for each in weights}
    if not known.keys() <= {variant, rest} or len(known) != len(weights):
        return None
    return -(-known.get(variant, 0) * DEFAULT_TOTAL // sum(known.values()))
