"""Where flags are switched: environments, and which one each project is in."""

from collections.abc import Iterable, Sequence

from django.db import models
from django.utils import timezone

from accounts.models import Organization, Project
from features.models.fields import key_field, keys_only
from features.models.fitting import Fitting
from features.models.ruling import Ruling, RulingQuerySet
from features.problems import Problem

PRODUCTION = "production"
"""The environment of every project that is not put into another one."""


class EnvironmentQuerySet(RulingQuerySet["Environment"]):
    def production(self, organization: Organization) -> "Environment":
        """Returns the organisation's `production`, made if it is missing, whoever else makes it at the same time."""
        return self.get_or_create(organization=organization, key=PRODUCTION)[0]

    def of_project(self, project: Project) -> "Environment":
        """Returns the environment that the project is in."""
        return self.filter(projects__project=project).first() or self.production(project.organization)


class Environment(Ruling):
    """A stage at which an organisation switches its flags: `production`, `staging`. A protected one is changed only by
    those who may."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="environments", verbose_name="organisation"
    )
    key = key_field()
    protected = models.BooleanField(default=False)
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)

    objects = EnvironmentQuerySet.as_manager()

    audit_kind = "environment"
    audit_fields = ("organization", "key", "protected")
    audit_final = ("organization", "key")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="features_environment_once",
                fields=["organization", "key"],
                violation_error_message="The organisation has an environment with this key already.",
            ),
            keys_only("features_environment_key", "key"),
        )

    def __str__(self) -> str:
        return self.key

    def felt_in(self) -> Iterable["Environment"]:
        return (self,)

    def audited_in(self) -> Sequence[str]:
        return (self.organization.public_id,)


class ProjectEnvironment(Ruling):
    """The environment that a project is in. A project without one is in `production`."""

    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="environment")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="projects")

    objects = RulingQuerySet["ProjectEnvironment"].as_manager()

    audit_kind = "project.environment"
    audit_fields = ("project", "environment")
    audit_final = ("project",)
    audit_recreatable = True

    def __str__(self) -> str:
        return f"{self.project}: {self.environment}"

    def problems(self, fitting: Fitting) -> Iterable[Problem]:
        # Unset where the form has told already that they are missing.
        if not self.project_id or not self.environment_id:
            return
        if self.project.organization_id != self.environment.organization_id:
            yield Problem(("environment",), "is of another organisation than the project")

    def audited_in(self) -> Sequence[str]:
        return (self.project.organization.public_id,)

    def audited_project(self) -> tuple[str, str]:
        return (self.project.public_id, self.project.name)
