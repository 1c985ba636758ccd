"""What each project wants done with events."""

from collections.abc import Collection, Sequence

from django.db import models

from accounts.audit.snapshots import Json, State
from accounts.models import Project
from accounts.models.audited import Audited, AuditedQuerySet
from analytics.policies import policies


class AnalyticsPolicy(Audited):
    """How events of a project are treated. A project without one has the defaults."""

    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="analytics_policy")
    admits_unknown = models.BooleanField(
        "admits unknown names", default=False, help_text="Events whose name is not in the taxonomy are kept, too."
    )
    honours_dnt = models.BooleanField(
        "honours Do Not Track", default=True, help_text="Nothing is kept of browsers that send DNT: 1."
    )
    honours_gpc = models.BooleanField(
        "honours Global Privacy Control", default=True, help_text="Nothing is kept of browsers that send Sec-GPC: 1."
    )
    requires_consent = models.BooleanField(
        default=False, help_text="Nothing is kept of events that do not say that their user has consented."
    )
    keeps_raw = models.BooleanField(
        "keeps single events",
        default=True,
        help_text="Without it, events are only counted. Data retention of the project can forbid it, too.",
    )

    objects = AuditedQuerySet["AnalyticsPolicy"].as_manager()

    audit_kind = "project.analytics_policy"
    audit_fields = ("project", "admits_unknown", "honours_dnt", "honours_gpc", "requires_consent", "keeps_raw")
    audit_final = ("project",)
    audit_recreatable = True

    class Meta:
        verbose_name = "event policy"
        verbose_name_plural = "event policies"

    def __str__(self) -> str:
        return f"Events of {self.project}"

    @classmethod
    def audit_action(cls, values: Json, changed: Collection[str]) -> str:
        return "project.analytics.update"

    def audited_in(self) -> Sequence[str]:
        return (self.project.organization.public_id,)

    def audited_project(self) -> tuple[str, str]:
        return (self.project.public_id, self.project.name)

    def follow_change(self, before: State | None, after: State | None) -> None:
        policies.forget_soon()
