"""Experiments: a flag in an environment, what is measured of its variants, and from when to when."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, RegexValidator
from django.db import models, transaction
from django.utils import timezone

from accounts import publicids
from accounts.audit.context import current
from accounts.audit.snapshots import Json
from accounts.exceptions import Conflicting
from accounts.models.audited import Audited, AuditedQuerySet
from analytics import taxonomy
from analytics.models.events import EVENT_NAME_LENGTH
from features.models import Environment, Flag, FlagsVersion
from features.problems import MAX_KEY
from features.protection import UPDATE
from features.shares import weights_of

NAME_LENGTH = 200
HYPOTHESIS_LENGTH = 2000
FIXED = ("flag", "environment", "metric", "event", "control")
"""What stays as it is from the start on: else the result would be of something else than what was asked."""
STARTED, RUNNING, NOT_RUNNING = "experiment_started", "experiment_running", "experiment_not_running"


class Metric(models.TextChoices):
    """What is measured of a variant."""

    EVENT_RATE = "event_rate", "units that sent an event"
    ERROR_RATE = "error_rate", "requests that failed"
    LATENCY = "latency", "latency"
    FIRST_TOKEN = "first_token", "time to the first token"
    COST = "cost", "cost a request"


class Status(models.TextChoices):
    DRAFT = "draft"
    RUNNING = "running"
    ENDED = "ended"

    @property
    def past(self) -> str:
        """What an experiment that has this status has done."""
        return "ended" if self == Status.ENDED else "started"


OF_STATUS: dict[str, models.Q] = {
    Status.DRAFT.value: models.Q(started_at=None),
    Status.RUNNING.value: models.Q(started_at__isnull=False, ended_at=None),
    Status.ENDED.value: models.Q(ended_at__isnull=False),
}


class ExperimentQuerySet(AuditedQuerySet["Experiment"]):
    def having(self, status: str) -> "ExperimentQuerySet":
        """Returns those with this status."""
        return self.filter(OF_STATUS[status])

    def of(self, organization: str) -> "ExperimentQuerySet":
        """Returns those of the organisation with this public id, or this slug."""
        home = models.Q(flag__organization__public_id=organization) | models.Q(flag__organization__slug=organization)
        return self.filter(home)

    def with_flags(self) -> "ExperimentQuerySet":
        """Returns them with what they are shown with, in the same query."""
        return self.select_related("flag__organization", "environment")


class Experiment(Audited):
    """A question to the callers of a flag: does one of its variants do better than the control?

    While it runs, its flag keeps raw exposures; `switched` says that they are switched off again when it stops.
    `weights` is how units were to be split when it started, empty where that cannot be told.
    """

    public_id = models.CharField(
        "id", max_length=publicids.MAX_LENGTH, unique=True, default=publicids.experiment_id, editable=False
    )
    name = models.CharField(max_length=NAME_LENGTH)
    hypothesis = models.TextField(
        blank=True, validators=[MaxLengthValidator(HYPOTHESIS_LENGTH)], help_text="What is expected, and why."
    )
    flag = models.ForeignKey(Flag, on_delete=models.PROTECT, related_name="experiments")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="experiments")
    metric = models.CharField(max_length=20, choices=Metric.choices)
    event = models.CharField(
        max_length=EVENT_NAME_LENGTH,
        blank=True,
        validators=[RegexValidator(taxonomy.NAME, f"A name {taxonomy.NAME_RULE}.")],
        help_text="The name of the event, where it is one that is measured.",
    )
    control = models.CharField(max_length=MAX_KEY, help_text="The variant that the others are compared with.")
    planned_end = models.DateTimeField(
        null=True, blank=True, help_text="When the result is to be read. Say it beforehand: a p-value is of one look."
    )
    weights = models.JSONField(default=dict, editable=False)
    switched = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)
    created_by = models.CharField(max_length=320, blank=True, editable=False)
    started_at = models.DateTimeField("started", null=True, editable=False)
    ended_at = models.DateTimeField("ended", null=True, editable=False)

    objects = ExperimentQuerySet.as_manager()

    audit_kind = "experiment"
    audit_fields: ClassVar[tuple[str, ...]] = (
        "name", "hypothesis", *FIXED, "planned_end", "weights", "switched", "created_by", "started_at", "ended_at",
    )  # fmt: skip
    audit_final = (*FIXED, "weights", "switched", "created_by", "started_at", "ended_at")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="analytics_experiment_running_once",
                fields=["flag", "environment"],
                condition=models.Q(started_at__isnull=False, ended_at=None),
                violation_error_message="Another experiment of this flag is running in this environment.",
            ),
            models.CheckConstraint(
                name="analytics_experiment_metric_known", condition=models.Q(metric__in=Metric.values)
            ),
            models.CheckConstraint(
                name="analytics_experiment_event",
                condition=models.Q(metric=Metric.EVENT_RATE) & ~models.Q(event="")
                | ~models.Q(metric=Metric.EVENT_RATE) & models.Q(event=""),
                violation_error_message="An event is named where it is what is measured, and only there.",
            ),
            models.CheckConstraint(
                name="analytics_experiment_order",
                condition=models.Q(ended_at=None) | models.Q(started_at__lte=models.F("ended_at")),
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def status(self) -> Status:
        if self.started_at is None:
            return Status.DRAFT
        return Status.RUNNING if self.ended_at is None else Status.ENDED

    @property
    def of_usage(self) -> bool:
        """Whether it is requests that are measured, and not people."""
        return self.metric != Metric.EVENT_RATE

    def until(self, now: datetime) -> datetime:
        """Returns up to when it counts."""
        return self.ended_at or now

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Writes down who made it."""
        if self._state.adding and not self.created_by:
            self.created_by = current().actor.name or current().actor.kind
        super().save(*args, **kwargs)

    def clean(self) -> None:
        """Raises ValidationError, by field."""
        super().clean()
        if not self.flag_id or not self.environment_id:
            return  # told already
        found: dict[str, str] = {}
        if self.environment.organization_id != self.flag.organization_id:
            found["environment"] = "It is of another organisation than the flag."
        if self.control not in self.flag.variants:
            found["control"] = "It is no variant of the flag."
        elif len(self.flag.variants) < 2:
            found["flag"] = "It has only one variant: there is nothing to compare."
        if bool(self.event) is self.of_usage:
            found["event"] = "An event is named where it is what is measured, and only there."
        if self.planned_end is not None and self.planned_end <= (self.started_at or self.created_at):
            found["planned_end"] = "It must be later than the start."
        found |= self._changed_for_good()
        if found:
            raise ValidationError(found)

    def _changed_for_good(self) -> dict[str, str]:
        before = Experiment.objects.filter(pk=self.pk).first() if self.pk else None
        if before is None or before.started_at is None:
            return {}
        final = FIXED if before.ended_at is None else (*FIXED, "planned_end")
        changed = [name for name in final if getattr(before, name) != getattr(self, name)]
        return dict.fromkeys(changed, f"It is for good once the experiment has {before.status.past}.")

    def start(self, now: datetime | None = None) -> None:
        """Starts it, and has its flag keep who gets which variant. Raises Conflicting where it was started before, or
        another one is running there; ValidationError where it would not be valid now."""
        with transaction.atomic():
            FlagsVersion.bump()  # so that nobody starts another one, or changes the flag, meanwhile
            self.refresh_from_db()
            if self.status != Status.DRAFT:
                raise Conflicting(f"The experiment has {self.status.past} already.", code=STARTED)
            others = Experiment.objects.having(Status.RUNNING)
            if other := others.filter(flag=self.flag, environment=self.environment).first():
                message = f"The experiment '{other.public_id}' of this flag is running there. Stop it first."
                raise Conflicting(message, code=RUNNING)
            self.started_at = now or timezone.now()
            self.clean()
            self.weights = weights_of(self.flag.state_in(self.environment)) or {}
            self.switched = not self.flag.raw_exposures
            self.save()
            if self.switched:
                self._keep_exposures(kept=True)

    def stop(self, now: datetime | None = None) -> None:
        """Ends it for good, and puts back what was before. Raises Conflicting where it is not running."""
        with transaction.atomic():
            FlagsVersion.bump()
            self.refresh_from_db()
            if self.status != Status.RUNNING:
                raise Conflicting("The experiment is not running.", code=NOT_RUNNING)
            self.ended_at = now or timezone.now()
            self.save()
            if self.switched:
                # In another environment one may still need them: the last to stop switches them off.
                heir = Experiment.objects.having(Status.RUNNING).filter(flag=self.flag).order_by("pk").first()
                if heir is None:
                    self._keep_exposures(kept=False)
                elif not heir.switched:
                    heir.switched = True
                    heir.save(update_fields=["switched"])

    def _keep_exposures(self, *, kept: bool) -> None:
        self.flag.raw_exposures = kept
        self.flag.save(update_fields=["raw_exposures"])

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Raises Conflicting while it is running."""
        if self.status == Status.RUNNING:
            raise Conflicting("The experiment is running. Stop it first.", code=RUNNING)
        return super().delete(*args, **kwargs)

    @classmethod
    def audit_action(cls, values: Json, changed: Collection[str]) -> str:
        return UPDATE

    def audited_in(self) -> Sequence[str]:
        return (self.flag.organization.public_id,)
