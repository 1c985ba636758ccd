"""The salts of identities: see `analytics.identities`."""

import secrets

from django.db import models
from django.utils import timezone

from accounts.models import Project

SALT_BYTES = 32


def new_salt() -> str:
    """Returns 256 random bits as hexadecimal digits."""
    return secrets.token_hex(SALT_BYTES)


class IdentitySalt(models.Model):
    """The salt of one project's identities, made when they are first asked for. It is shown nowhere."""

    project = models.OneToOneField(Project, on_delete=models.CASCADE, primary_key=True, related_name="identity_salt")
    salt = models.CharField(max_length=2 * SALT_BYTES, default=new_salt)
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.project} since {self.since:%Y-%m-%d}"

    @classmethod
    def of(cls, project_id: str) -> str:
        """Returns the salt of the project with this public id, made if it is missing, whoever else makes it at the same
        time. Raises Project.DoesNotExist."""
        known: str | None = cls.objects.filter(project__public_id=project_id).values_list("salt", flat=True).first()
        if known is not None:
            return known
        row, _ = cls.objects.get_or_create(project=Project.objects.get(public_id=project_id))
        return row.salt

    @classmethod
    def replace(cls, project: Project) -> None:
        """Makes another one, for good."""
        cls.objects.update_or_create(project=project, defaults={"salt": new_salt(), "since": timezone.now()})
