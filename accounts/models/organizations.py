"""Whom keys belong to: organisations, their projects, and their members."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from accounts import publicids
from accounts.models.remembered import Remembered, RememberedQuerySet
from accounts.models.users import User


class Organization(Remembered):
    """The top of everything. `slug` is what the `openai-organization` header of answers says."""

    public_id = models.CharField(
        "public id", max_length=publicids.MAX_LENGTH, unique=True, default=publicids.organization_id, editable=False
    )
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)

    objects = RememberedQuerySet["Organization"].as_manager()

    class Meta:
        verbose_name = "organisation"

    def __str__(self) -> str:
        return self.name


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


class Role(models.TextChoices):
    """What a member may do. From the highest to the lowest; a role includes the lower ones."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


class Membership(models.Model):
    """A user's role in an organisation."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="memberships", verbose_name="organisation"
    )
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)

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
