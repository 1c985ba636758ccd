"""Whom keys belong to: organisations, their projects, and their members."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from accounts import publicids
from accounts.audit.snapshots import Json, State
from accounts.models.owners import owners_kept
from accounts.models.remembered import Remembered, RememberedQuerySet
from accounts.models.users import User
from accounts.roles import Role
from accounts.sessions.ending import end_sessions


class Retention(models.TextChoices):
    """What may be kept of what callers send and get, in the words of OpenAI's specification."""

    NOTHING = "zero_data_retention", "nothing"
    ASKED = "modified_abuse_monitoring", "what callers ask to be kept"


class ProjectRetention(models.TextChoices):
    """The same for a project, which may leave it to its organisation, or be free of it."""

    ORGANIZATION = "organization_default", "as the organisation says"
    FREE = "none", "whatever serving takes"
    NOTHING = "zero_data_retention", "nothing"
    ASKED = "modified_abuse_monitoring", "what callers ask to be kept"


class OrganizationQuerySet(RememberedQuerySet["Organization"]):
    def lock(self) -> list["Organization"]:
        """Returns the organisations, and holds off everybody else who locks them, to the end of the transaction. Rows
        that refer to them can be made meanwhile."""
        return list(self.order_by("pk").select_for_update(no_key=True))


class Organization(Remembered):
    """The top of everything. `slug` is what the `openai-organization` header of answers says."""

    public_id = models.CharField(
        "public id", max_length=publicids.MAX_LENGTH, unique=True, default=publicids.organization_id, editable=False
    )
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    data_retention = models.CharField(max_length=40, choices=Retention, default=Retention.ASKED)
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)

    objects = OrganizationQuerySet.as_manager()

    audit_kind = "organization"
    audit_fields = ("public_id", "slug", "name", "data_retention")
    audit_final = ("public_id", "slug")

    class Meta:
        verbose_name = "organisation"
        constraints = (
            models.CheckConstraint(
                name="accounts_organization_retention_known",
                condition=models.Q(data_retention__in=["zero_data_retention", "modified_abuse_monitoring"]),
            ),
        )

    def __str__(self) -> str:
        return self.name

    @classmethod
    def audit_action(cls, values: Json, changed: Collection[str]) -> str:
        return "organization.update"

    def audited_in(self) -> Sequence[str]:
        return (self.public_id,)


class ProjectQuerySet(RememberedQuerySet["Project"]):
    def open(self) -> "ProjectQuerySet":
        """Returns the projects that are not archived."""
        return self.filter(archived_at__isnull=True)


class Project(Remembered):
    """Where keys work and what usage is counted for. Archiving one ends its keys, for good.

    Every organisation has at most one default project, which cannot be archived.
    """

    public_id = models.CharField(
        "public id", max_length=publicids.MAX_LENGTH, unique=True, default=publicids.project_id, editable=False
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="projects", verbose_name="organisation"
    )
    name = models.CharField(max_length=200)
    is_default = models.BooleanField("default", default=False, editable=False)
    data_retention = models.CharField(max_length=40, choices=ProjectRetention, default=ProjectRetention.ORGANIZATION)
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)
    archived_at = models.DateTimeField("archived", null=True, blank=True, editable=False)

    objects = ProjectQuerySet.as_manager()

    audit_kind = "project"
    audit_fields = ("public_id", "organization", "name", "is_default", "data_retention", "archived_at")
    audit_final = ("public_id", "organization", "is_default", "archived_at")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="accounts_project_one_default",
                fields=["organization"],
                condition=models.Q(is_default=True),
            ),
            models.CheckConstraint(
                name="accounts_project_default_stays_open",
                condition=models.Q(is_default=False) | models.Q(archived_at__isnull=True),
                violation_error_message="The default project cannot be archived.",
            ),
            models.CheckConstraint(
                name="accounts_project_retention_known",
                condition=models.Q(
                    data_retention__in=[
                        "organization_default",
                        "none",
                        "zero_data_retention",
                        "modified_abuse_monitoring",
                    ]
                ),
            ),
        )

    def __str__(self) -> str:
        return self.name

    @classmethod
    def audit_action(cls, values: Json, changed: Collection[str]) -> str:
        return "organization.data_retention.update" if "data_retention" in changed else "project.update"

    def audited_in(self) -> Sequence[str]:
        return (self.organization.public_id,)

    def audited_project(self) -> tuple[str, str]:
        return (self.public_id, self.name)

    def audit_type(self, before: Json | None, after: Json | None) -> str:
        if before and after and before["archived_at"] is None and after["archived_at"] is not None:
            return "project.archived"
        return super().audit_type(before, after)

    def archive(self, at: datetime | None = None) -> bool:
        """Archives the project, at once or as of `at`. Returns whether that changed anything.

        Raises ValidationError for the default project.
        """
        if self.is_default:
            raise ValidationError("The default project cannot be archived.", code="default_project")
        if self.archived_at is not None:
            return False
        self.archived_at = at or timezone.now()
        self.save(update_fields=["archived_at"])
        return True


class MembershipQuerySet(RememberedQuerySet["Membership"]):
    """Raises LastOwner, and changes nothing, for what would leave an organisation without an owner."""

    def update(self, **kwargs: Any) -> int:
        with owners_kept(self):
            return super().update(**kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        with owners_kept(self):
            return super().delete()


class Membership(Remembered):
    """A user's role in an organisation. Without it a user has no role in any of its projects.

    The last owner of an organisation stays one: saving or deleting raises LastOwner, and changes nothing.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="memberships", verbose_name="organisation"
    )
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)

    objects = MembershipQuerySet.as_manager()

    audit_kind = "user"
    audit_fields = ("user", "organization", "role")
    audit_recreatable = True

    class Meta:
        constraints = (
            models.UniqueConstraint(name="accounts_membership_once", fields=["user", "organization"]),
            models.CheckConstraint(
                name="accounts_membership_role_known",
                condition=models.Q(role__in=["owner", "admin", "member", "viewer"]),
            ),
        )

    def __str__(self) -> str:
        return f"{self.user}, {self.role} of {self.organization}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        with owners_kept(Membership.objects.filter(pk=self.pk)):
            super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with owners_kept(Membership.objects.filter(pk=self.pk), self):
            return super().delete(*args, **kwargs)

    @classmethod
    def roles_of(cls, user: User | None, organization: Organization, project: Project | None) -> tuple[str, str]:
        """Returns what `user` is in the organisation and what in the project, empty for no role."""
        member = cls.objects.filter(user=user, organization=organization).first()
        assigned = ProjectMembership.objects.filter(membership=member, project=project).first()
        return ("" if member is None else member.role, "" if assigned is None else assigned.role)

    @classmethod
    def audit_action(cls, values: Json, changed: Collection[str]) -> str:
        return "organization.users.update"

    def audited_in(self) -> Sequence[str]:
        return (self.organization.public_id,)

    def audit_type(self, before: Json | None, after: Json | None) -> str:
        return "user.added" if before is None else super().audit_type(before, after)

    def follow_change(self, before: State | None, after: State | None) -> None:
        """Ends the user's sessions: with another role one signs in anew."""
        end_sessions(self.user, "role")


class ProjectMembership(Remembered):
    """The role that a member of the organisation has in one of its projects. It ends with the membership."""

    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="projects")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)

    objects = RememberedQuerySet["ProjectMembership"].as_manager()

    audit_kind = "role.assignment"
    audit_fields = ("membership", "project", "role")
    audit_also = ("user",)
    audit_recreatable = True

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="accounts_projectmembership_once",
                fields=["membership", "project"],
                violation_error_message="This member has a role in the project already.",
            ),
            models.CheckConstraint(
                name="accounts_projectmembership_role_known",
                condition=models.Q(role__in=["owner", "admin", "member", "viewer"]),
            ),
        )

    def __str__(self) -> str:
        return f"{self.membership.user}, {self.role} of {self.project}"

    @property
    def user(self) -> User:
        return self.membership.user

    def clean(self) -> None:
        """Raises ValidationError where the project is not of the organisation that the member is of."""
        super().clean()
        # Unset where the form has told already that they are missing.
        if self.membership_id and self.project_id and self.membership.organization_id != self.project.organization_id:
            raise ValidationError("This is no member of the project's organisation.", code="not_a_member")

    @classmethod
    def audit_action(cls, values: Json, changed: Collection[str]) -> str:
        return "project.users.update"

    def audited_in(self) -> Sequence[str]:
        return (self.project.organization.public_id,)

    def audited_project(self) -> tuple[str, str]:
        return (self.project.public_id, self.project.name)

    def follow_change(self, before: State | None, after: State | None) -> None:
        """Ends the user's sessions: with another role one signs in anew."""
        end_sessions(self.membership.user, "role")

    def audit_type(self, before: Json | None, after: Json | None) -> str:
        """The specification has no word for an assignment that changes: the user does."""
        return "user.updated" if before and after else super().audit_type(before, after)
