"""Spend alerts: who is told when an organisation or a project has spent so much. How: `accounts.alerts`."""

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone

from accounts import publicids
from accounts.audit.snapshots import Json
from accounts.models.audited import Audited, AuditedQuerySet
from accounts.models.limitchanges import Changes
from accounts.models.limits import MICRO, BudgetPeriod
from accounts.models.organizations import Organization, Project
from accounts.models.telling import Alerting

alert_changes = Changes()
"""How often alerts were changed in this process."""


class SpendAlertQuerySet(AuditedQuerySet["SpendAlert"]):
    """Alerts, of which each process keeps a copy: changing many at once is noted, too."""

    def update(self, **kwargs: Any) -> int:
        changed = super().update(**kwargs)
        alert_changes.note()
        return changed

    def delete(self) -> tuple[int, dict[str, int]]:
        deleted = super().delete()
        alert_changes.note()
        return deleted

    def bulk_create(self, objs: Iterable["SpendAlert"], *args: Any, **kwargs: Any) -> list["SpendAlert"]:
        made = super().bulk_create(objs, *args, **kwargs)
        alert_changes.note()
        return made

    def of(self, scope: Organization | Project) -> "SpendAlertQuerySet":
        """Returns the alerts of an organisation by itself, or of a project."""
        return self.filter(organization=scope) if isinstance(scope, Organization) else self.filter(project=scope)

    def with_scopes(self) -> "SpendAlertQuerySet":
        """Returns the alerts with what they watch, read in the same query."""
        return self.select_related("organization", "project__organization")


class SpendAlert(Alerting, Audited):
    """Tells people by mail, a program by a webhook, or both, once what a scope spent in a period reaches the
    threshold."""

    public_id = models.CharField(
        "public id", max_length=publicids.MAX_LENGTH, unique=True, default=publicids.spend_alert_id, editable=False
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="+", null=True, blank=True, verbose_name="organisation"
    )
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", null=True, blank=True)
    period = models.CharField(max_length=10, choices=BudgetPeriod, default=BudgetPeriod.MONTH)
    threshold = models.DecimalField(
        max_digits=10,
        decimal_places=2,
        validators=[MinValueValidator(Decimal(0))],
        help_text="US dollars. 0 is reached with whatever is spent first.",
    )
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)
    changed_at = models.DateTimeField("changed", auto_now=True)

    objects = SpendAlertQuerySet.as_manager()

    audit_kind = "spend_alert"
    audit_fields = (
        "public_id",
        "organization",
        "project",
        "period",
        "threshold",
        "recipients",
        "subject_prefix",
        "secret_version",
    )
    # The address may be all that it takes to post there.
    audit_secrets = ("webhook_url",)
    # A secret that was exchanged does not come back.
    audit_final = ("public_id", "organization", "project", "secret_version")
    audit_recreatable = True

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="accounts_spendalert_one_scope",
                condition=models.Q(organization__isnull=False, project__isnull=True)
                | models.Q(organization__isnull=True, project__isnull=False),
                violation_error_message="Choose either an organisation or a project.",
            ),
            models.CheckConstraint(
                name="accounts_spendalert_period_known", condition=models.Q(period__in=["day", "month"])
            ),
            models.CheckConstraint(name="accounts_spendalert_not_negative", condition=models.Q(threshold__gte=0)),
        )

    def __str__(self) -> str:
        return f"${self.threshold:,.2f} {self.get_period_display()}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        alert_changes.note()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        deleted = super().delete(*args, **kwargs)
        alert_changes.note()
        return deleted

    def clean(self) -> None:
        """Raises ValidationError for an alert that tells nobody."""
        super().clean()
        if not self.recipients and not self.webhook_url:
            raise ValidationError("Name somebody to be told: by mail, by a webhook, or both.", code="tells_nobody")

    @property
    def scope(self) -> Organization | Project:
        """What it watches. Raises ValueError for a row that has not been validated yet and watches nothing."""
        scope = self.organization or self.project
        if scope is None:
            raise ValueError("This alert watches nothing.")
        return scope

    @property
    def scope_key(self) -> str:
        """The scope as spending is booked under: `project:proj_…`."""
        return f"{'project' if self.organization is None else 'organization'}:{self.scope.public_id}"

    @property
    def threshold_micro(self) -> int:
        """The threshold in micro-dollars."""
        return int(self.threshold * MICRO)

    @property
    def home(self) -> Organization:
        """The organisation that it watches, or whose project."""
        scope = self.scope
        return scope if isinstance(scope, Organization) else scope.organization

    @classmethod
    def audit_action(cls, values: Json, changed: Collection[str]) -> str:
        return "organization.limits.update" if values.get("organization") else "project.limits.update"

    def audited_in(self) -> Sequence[str]:
        return (self.home.public_id,)

    def audited_project(self) -> tuple[str, str]:
        return ("", "") if self.project is None else (self.project.public_id, self.project.name)
