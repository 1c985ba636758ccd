"""manage.py rotate_identities."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.bootstrap import ensure_defaults
from accounts.models import AuditEvent, Project
from analytics.identities import identity

pytestmark = pytest.mark.usefixtures("database")


def run(*arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command("rotate_identities", *arguments, stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


@pytest.fixture
def projects() -> list[Project]:
    """Two that have identities, and one that has none."""
    organization, first = ensure_defaults()
    others = [Project.objects.create(organization=organization, name=name) for name in ("Shop", "Empty")]
    for project in (first, others[0]):
        identity(project.public_id, "ann")
    return [first, *others]


def identities(projects: list[Project]) -> list[str]:
    return [identity(project.public_id, "ann") for project in projects]


def test_every_project_that_has_identities_gets_new_ones(projects: list[Project]) -> None:
    before = identities(projects[:2])
    told = run()
    assert told.splitlines() == [
        *(f"{project.public_id}  {project.name}" for project in projects[:2]),
        "Identities of 2 projects rotated.",
    ]
    assert not set(before) & set(identities(projects[:2]))
    event = AuditEvent.objects.latest("pk")
    assert (event.type, event.actor_name) == ("project.identities_rotated", "manage.py rotate_identities")


def test_one_project_can_be_named(projects: list[Project]) -> None:
    before = identities(projects[:2])
    assert run("--project", projects[1].public_id).endswith("Identities of 1 projects rotated.\n")
    after = identities(projects[:2])
    assert (after[0] == before[0], after[1] == before[1]) == (True, False)
    assert run("--project", projects[2].public_id) == "Identities of 0 projects rotated.\n"


def test_a_dry_run_changes_nothing(projects: list[Project]) -> None:
    before = identities(projects[:2])
    assert run("--dry-run").endswith("Identities of 2 projects would be rotated.\n")
    assert identities(projects[:2]) == before


def test_it_can_be_quiet(projects: list[Project]) -> None:
    assert run(verbosity=0) == ""


def test_a_project_that_is_not_there_is_an_error(projects: list[Project]) -> None:
    with pytest.raises(CommandError, match="There is no project 'proj_x'"):
        run("--project", "proj_x")
