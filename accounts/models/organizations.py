"""Whom keys belong to: organisations, their projects, and their members."""

from collections.abc import Sequence
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from accounts import publicids
from accounts.audit.snapshots import Json
from accounts.models.remembered import Remembered, RememberedQuerySet
from accounts.models.users import User
from accounts.roles import Role


class Organization(Remembered):
    """The top of everything. `slug` is what the `openai-organization` header of answers says."""

    public_id = models.CharField(
        "public id", max_length=publicids.MAX_LENGTH, unique=True, default=publicids.organization_id, editable=False
    )
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)

    objects = RememberedQuerySet["Organization"].as_manager()

    audit_kind = "organization"
    audit_fields = ("public_id", "slug", "name")
    audit_final = ("public_id", "slug")

    class Meta:
        verbose_name = "organisation"

    def __str__(self) -> str:
        return self.name

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
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)
    archived_at = models.DateTimeField("archived", null=True, blank=True, editable=False)

    objects = ProjectQuerySet.as_manager()

    audit_kind = "project"
    audit_fields = ("public_id", "organization", "name", "is_default", "archived_at")
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
        )

    def __str__(self) -> str:
        return self.name

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


class Membership(Remembered):
    """A user's role in an organisation. Without it a user has no role in any of its projects."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="memberships", verbose_name="organisation"
    )
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)

    objects = RememberedQuerySet["Membership"].as_manager()

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

    @classmethod
    def roles_of(cls, user: User | None, organization: Organization, project: Project | None) -> tuple[str, str]:
        """Returns what `user` is in the organisation and what in the project, empty for no role."""
        member = cls.objects.filter(user=user, organization=organization).first()
        assigned = ProjectMembership.objects.filter(membership=member, project=project).first()
        return ("" if member is None else member.role, "" if assigned is None else assigned.role)

    def audited_in(self) -> Sequence[str]:
        return (self.organization.public_id,)

    def audit_type(self, before: Json | None, after: Json | None) -> str:
        return "user.added" if before is None else super().audit_type(before, after)


class ProjectMembership(Remembered):
    """The role that a member of the organisation has in one of its projects. It ends with the membership."""

    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="projects")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)

    objects = RememberedQuerySet["ProjectMembership"].as_manager()

    audit_kind = "role.assignment"
    audit_fields = ("membership", "project", "role")
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

    def clean(self) -> None:
        """Raises ValidationError where the project is not of the organisation that the member is of."""
        super().clean()
        # Unset where the form has told already that they are missing.
        if self.membership_id and self.project_id and self.membership.organization_id != self.project.organization_id:
            raise ValidationError("This is no member of the project's organisation.", code="not_a_member")

    def audited_in(self) -> Sequence[str]:
        return (self.project.organization.public_id,)

    def audited_project(self) -> tuple[str, str]:
        return (self.project.public_id, self.project.name)
