"""Rollout guards: when a variant is so much worse that its rollout is turned back. How that is done:
`analytics.rollout_guard`."""

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from accounts import publicids
from accounts.audit.snapshots import Json
from accounts.models import Organization
from accounts.models.audited import Audited, AuditedQuerySet
from accounts.models.telling import Alerting
from analytics.dashboard.comparing import FEWEST
from analytics.thresholds import THRESHOLDS, Limits
from features import protection
from features.models import Environment, FlagState
from features.models.fields import variant_field

LONGEST_LOOK = 500
MOST_MINUTES = 60


def threshold(name: str, help_text: str, least: int = 0, *, digits: int = 3) -> "models.DecimalField[Any, Any]":
    """A threshold; None is not set."""
    return models.DecimalField(
        name,
        max_digits=digits + 6,
        decimal_places=digits,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(least))],
        help_text=help_text,
    )


class RolloutGuardQuerySet(AuditedQuerySet["RolloutGuard"]):
    def with_flags(self) -> "RolloutGuardQuerySet":
        """Returns the guards with what they watch, read in the same query."""
        return self.select_related("state__flag__organization", "state__environment__organization")


class RolloutGuard(Alerting, Audited):
    """Watches the variants of a flag that chooses a model, in one environment, against the control.

    `watching_since` is from when on requests count: since the guard was set, since it turned the rollout back, or since
    the flag was off last. `next_look_at` is held by whoever looks, and `looked` what it saw.
    """

    public_id = models.CharField(
        "public id", max_length=publicids.MAX_LENGTH, unique=True, default=publicids.rollout_guard_id, editable=False
    )
    state = models.OneToOneField(
        FlagState, on_delete=models.CASCADE, related_name="+", verbose_name="flag", help_text="And its environment."
    )
    control = variant_field("The variant that the others are compared to. Empty: the default variant.")
    minutes = models.PositiveSmallIntegerField(
        default=5,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_MINUTES)],
        help_text="For how long a variant has to be worse.",
    )
    min_requests = models.PositiveIntegerField(
        "least requests",
        default=100,
        validators=[MinValueValidator(FEWEST), MaxValueValidator(1_000_000)],
        help_text="A variant with fewer of them in these minutes is not judged.",
    )
    error_rate_most = threshold("error rate at most", "Per cent of the requests that fail.")
    error_rate_above = threshold("error rate above control", "At most so many percentage points.")
    latency_p95_most = threshold("p95 latency at most", "In seconds: 95 of 100 requests take no longer.")
    latency_p95_times = threshold("p95 latency by control", "At most so many times that of the control: 1.5.", 1)
    first_token_p95_most = threshold("p95 first token at most", "In seconds: 95 of 100 streams begin by then.")
    first_token_p95_times = threshold("p95 first token by control", "At most so many times that of the control.", 1)
    cost_most = threshold("cost at most", "In US dollars a request.", digits=6)
    cost_times = threshold("cost by control", "At most so many times that of the control.", 1)
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)
    watching_since = models.DateTimeField(default=timezone.now, editable=False)
    next_look_at = models.DateTimeField("next look", default=timezone.now, editable=False)
    looked_at = models.DateTimeField("last look", null=True, blank=True, editable=False)
    looked = models.CharField("what it saw", max_length=LONGEST_LOOK, blank=True, editable=False)

    objects = RolloutGuardQuerySet.as_manager()

    audit_kind = "rollout_guard"
    audit_fields = (
        "public_id",
        "state",
        "control",
        "minutes",
        "min_requests",
        *THRESHOLDS,
        "recipients",
        "subject_prefix",
        "secret_version",
    )
    # The address may be all that it takes to post there.
    audit_secrets = ("webhook_url",)
    # A secret that was exchanged does not come back.
    audit_final = ("public_id", "state", "secret_version")

    class Meta:
        verbose_name = "rollout guard"
        constraints = (
            models.CheckConstraint(name="analytics_rolloutguard_minutes", condition=models.Q(minutes__gte=1)),
            models.CheckConstraint(
                name="analytics_rolloutguard_thresholds",
                condition=~models.Q(**dict.fromkeys((f"{name}__isnull" for name in THRESHOLDS), True)),
                violation_error_message="Set a threshold.",
            ),
        )

    def __str__(self) -> str:
        return f"Guard of {self.state}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """What is changed counts from now on. Raises EnvironmentProtected."""
        protection.check_new(self)
        if kwargs.get("update_fields") is None:
            self.watching_since = timezone.now()
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Raises EnvironmentProtected."""
        protection.check_new(self)
        return super().delete(*args, **kwargs)

    def clean(self) -> None:
        """Raises ValidationError for a control that the flag does not have, or that nothing names."""
        super().clean()
        if not self.state_id:
            return  # which is told already
        if self.control and self.control not in self.state.flag.variants:
            raise ValidationError({"control": "It must be one of the flag's variants."})
        if not self.compared_to:
            raise ValidationError({"control": "Name it: the flag has no default variant there."})

    @property
    def compared_to(self) -> str:
        """The control, also where that is the default variant."""
        return self.control or self.state.default_variant

    def limits(self) -> Limits:
        """What it watches, as `analytics.thresholds` has it."""
        given = {name: getattr(self, name) for name in THRESHOLDS}
        known = {name: float(value) for name, value in given.items() if value is not None}
        return Limits(self.minutes, self.min_requests, known)

    @property
    def home(self) -> Organization:
        """The organisation whose flag it watches."""
        return self.state.flag.organization

    def felt_in(self) -> Iterable[Environment]:
        """Returns the environment that it may turn a rollout back in."""
        return (self.state.environment,)

    @classmethod
    def audit_action(cls, values: Json, changed: Collection[str]) -> str:
        return protection.UPDATE

    def audited_in(self) -> Sequence[str]:
        return (self.home.public_id,)
