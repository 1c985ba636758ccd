"""That a rollout guard turned a rollout back, and what became of telling it."""

from datetime import UTC, datetime

from django.db import models
from django.utils import timezone

from accounts import publicids
from accounts.audit.snapshots import Json
from accounts.models.telling import Notice, NoticeQuerySet
from analytics.models.guards import RolloutGuard
from analytics.thresholds import BY_NAME
from features.models.flags import LONGEST_REASON
from features.problems import MAX_KEY

TEXT = """{reason}

The flag {flag} was switched off in {environment}. Its ramp, if it had one, is halted.

From {start} to {end} UTC
Organisation: {organization}
Guard: {guard}
"""


class TurnBackQuerySet(NoticeQuerySet["TurnBack"]):
    def with_alerts(self) -> "TurnBackQuerySet":
        return self.select_related("guard__state__flag__organization", "guard__state__environment")


class TurnBack(Notice):
    """A rollout that was turned back, with the numbers that decided: `value`, `limit` and `control_value` are in units
    of the thresholds, per cent, seconds or US dollars. `threshold` is its kind, as `analytics.thresholds` has it."""

    public_id = models.CharField(
        "public id", max_length=publicids.MAX_LENGTH, unique=True, default=publicids.turn_back_id, editable=False
    )
    guard = models.ForeignKey(RolloutGuard, on_delete=models.CASCADE, related_name="turned_back")
    variant = models.CharField(max_length=MAX_KEY)
    control = models.CharField(max_length=MAX_KEY)
    metric = models.CharField(max_length=20)
    threshold = models.CharField(max_length=10)
    value = models.FloatField()
    limit = models.FloatField()
    requests = models.PositiveBigIntegerField()
    control_value = models.FloatField("value of the control", null=True, blank=True)
    control_requests = models.PositiveBigIntegerField("requests of the control")
    first_minute = models.DateTimeField("from")
    over_at = models.DateTimeField("to")
    reason = models.CharField(max_length=LONGEST_REASON)
    turned_at = models.DateTimeField("turned back", default=timezone.now)

    objects = TurnBackQuerySet.as_manager()

    kind = "turn_back"
    event_type = "rollout_guard.turned_back"

    class Meta:
        verbose_name = "rollout turned back"
        verbose_name_plural = "rollouts turned back"
        default_permissions = ("view",)
        indexes = (
            models.Index(
                name="analytics_turnback_open",
                fields=["next_try_at"],
                condition=models.Q(told_at__isnull=True, given_up_at__isnull=True),
            ),
        )

    def __str__(self) -> str:
        return f"{self.variant} of {self.guard.state}"

    @property
    def alert(self) -> RolloutGuard:
        """What it is told by."""
        return self.guard

    def subject(self) -> str:
        prefix = self.guard.subject_prefix or "Rollout guard"
        flag, environment = self.guard.state.flag, self.guard.state.environment
        return f"{prefix}: {flag} was turned back in {environment}: {BY_NAME[self.metric].title} of {self.variant}"

    def text(self) -> str:
        return TEXT.format(
            reason=self.reason,
            flag=self.guard.state.flag,
            environment=self.guard.state.environment,
            start=f"{self.first_minute.astimezone(UTC):%Y-%m-%d %H:%M}",
            end=f"{self.over_at.astimezone(UTC):%Y-%m-%d %H:%M}",
            organization=self.guard.home.public_id,
            guard=self.guard.public_id,
        )

    def happened_at(self) -> datetime:
        return self.turned_at

    def numbers(self) -> Json:
        """What decided, for programs. Moments are in seconds since 1970."""
        names = ("variant", "control", "metric", "threshold", "value", "limit", "requests")
        return {
            **{name: getattr(self, name) for name in (*names, "control_value", "control_requests", "reason")},
            "start": int(self.first_minute.timestamp()),
            "end": int(self.over_at.timestamp()),
        }

    def data(self) -> Json:
        home = self.guard.home
        return {
            "guard_id": self.guard.public_id,
            "organization": {"id": home.public_id, "name": home.name},
            "flag": self.guard.state.flag.key,
            "environment": self.guard.state.environment.key,
            **self.numbers(),
        }
