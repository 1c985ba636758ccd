"""What a fresh database needs."""

from typing import Any

import pytest

from accounts.bootstrap import ensure_defaults
from accounts.models import Organization, Project


def test_the_defaults_are_made_once(database: None, settings: Any) -> None:
    settings.LUKHAS_ORGANIZATION = "acme"
    organization, project = ensure_defaults()
    assert (organization.slug, organization.name) == ("acme", "acme")
    assert (project.organization, project.name, project.is_default) == (organization, "Default project", True)
    assert ensure_defaults() == (organization, project)


def test_renamed_defaults_are_left_alone(organization: Organization, project: Project) -> None:
    organization.name = project.name = "Ours"
    organization.save()
    project.save()
    again = ensure_defaults()
    assert [row.name for row in again] == ["Ours", "Ours"]
    assert again == (organization, project)


@pytest.mark.parametrize("position", [0, 1])
def test_only_what_is_missing_is_made(organization: Organization, project: Project, position: int) -> None:
    project.delete()
    if position == 0:
        organization.delete()
    made = ensure_defaults()
    assert Organization.objects.count() == Project.objects.count() == 1
    assert (made[0] == organization) is (position == 1)
