"""Programs that own keys."""

from collections.abc import Collection, Sequence

from django.db import models
from django.utils import timezone

from accounts import publicids
from accounts.audit.snapshots import Json
from accounts.models.organizations import Project
from accounts.models.remembered import Remembered, RememberedQuerySet
from accounts.roles import Role

ROLES_OR_NONE = ["", "owner", "admin", "member", "viewer"]


class ServiceAccount(Remembered):
    """A program that owns keys of one project. Deleting it deletes its keys.

    `role` is what it is in its project. `organization_role` is what it is in the organisation, for its admin keys;
    most have none. Empty is no role.
    """

    public_id = models.CharField(
        "public id", max_length=publicids.MAX_LENGTH, unique=True, default=publicids.service_account_id, editable=False
    )
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="service_accounts")
    name = models.CharField(max_length=200)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER, blank=True)
    organization_role = models.CharField(
        "role in the organisation",
        max_length=10,
        choices=Role.choices,
        default="",
        blank=True,
        help_text="Only for a service account that owns admin keys: as these, it acts on the whole organisation.",
    )
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)

    objects = RememberedQuerySet["ServiceAccount"].as_manager()

    audit_kind = "service_account"
    audit_fields = ("public_id", "project", "name", "role", "organization_role")
    audit_final = ("public_id", "project")
    audit_withheld = ("organization_role",)
    audit_recreatable = True

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="accounts_serviceaccount_name_once",
                fields=["project", "name"],
                violation_error_message="The project has a service account of this name already.",
            ),
            models.CheckConstraint(
                name="accounts_serviceaccount_roles_known",
                condition=models.Q(role__in=ROLES_OR_NONE, organization_role__in=ROLES_OR_NONE),
            ),
        )

    def __str__(self) -> str:
        return self.name

    @classmethod
    def audit_action(cls, values: Json, changed: Collection[str]) -> str:
        return "project.service_accounts.update"

    def audited_in(self) -> Sequence[str]:
        return (self.project.organization.public_id,)

    def audited_project(self) -> tuple[str, str]:
        return (self.project.public_id, self.project.name)
