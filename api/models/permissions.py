"""Which models projects may use."""

from collections.abc import Collection, Sequence
from typing import ClassVar

from django.db import models
from django.db.models import Q, TextChoices

from accounts.audit.snapshots import Json
from accounts.models import Project
from accounts.models.audited import Audited, AuditedQuerySet


class ModelPermissions(Audited):
    """Which models a project may use: only those listed, or all but those. Without one it may use all.

    A model is meant under its own id and every alias of it; an alias only under its own name.
    """

    class Mode(TextChoices):
        ALLOW = "allow_list", "Only these"
        DENY = "deny_list", "All but these"

    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="model_permissions")
    mode = models.CharField(max_length=10, choices=Mode)
    model_ids = models.JSONField("models", default=list, blank=True)

    objects = AuditedQuerySet["ModelPermissions"].as_manager()

    audit_kind = "model_permissions"
    audit_fields = ("project", "mode", "model_ids")
    audit_final = ("project",)
    audit_recreatable = True

    class Meta:
        verbose_name_plural = "model permissions"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="model_permissions_mode_known", condition=Q(mode__in=["allow_list", "deny_list"])
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_mode_display()}: {', '.join(self.model_ids) or 'none'}"

    @classmethod
    def audit_action(cls, values: Json, changed: Collection[str]) -> str:
        return "project.models.update"

    def audited_in(self) -> Sequence[str]:
        return (self.project.organization.public_id,)

    def audited_project(self) -> tuple[str, str]:
        return (self.project.public_id, self.project.name)
