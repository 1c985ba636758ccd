"""What a fresh database needs before anybody can hold a key."""

from django.conf import settings

from accounts.models import Organization, Project


def ensure_defaults() -> tuple[Organization, Project]:
    """Returns the default organisation, whose slug is LUKHAS_ORGANIZATION, and its default project.

    Makes those that are missing, whoever else is making them at the same time; renamed ones stay as they are.
    """
    slug = settings.LUKHAS_ORGANIZATION
    organization, _ = Organization.objects.get_or_create(slug=slug, defaults={"name": slug})
    project, _ = Project.objects.get_or_create(
        organization=organization, is_default=True, defaults={"name": "Default project"}
    )
    return organization, project
