"""Identities: the same text of one project gives the same, and nothing joins anything else."""

import asyncio
import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.bootstrap import ensure_defaults
from accounts.models import AuditEvent, Project
from analytics.identities import identities_of, identity, remembered, rotate
from analytics.models import IdentitySalt

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def project() -> Project:
    return ensure_defaults()[1]


@pytest.fixture
def other(project: Project) -> Project:
    return Project.objects.create(organization=project.organization, name="Other")


def test_the_same_text_gives_the_same_identity_in_threads_and_in_loops(project: Project) -> None:
    first = identity(project.public_id, "ann")
    remembered.forget()
    assert identity(project.public_id, "ann") == first
    assert asyncio.run(identities_of(project.public_id)).of("ann") == first
    assert re.fullmatch("[0-9a-f]{32}", first)
    assert first != identity(project.public_id, "bob")


def test_nobody_is_nobody_and_any_text_is_somebody(project: Project) -> None:
    assert identity(project.public_id, "") == ""
    assert len({identity(project.public_id, text) for text in ("\ud800", "\0", " ", "x" * 100_000)}) == 4


def test_nothing_joins_across_projects(project: Project, other: Project) -> None:
    assert identity(project.public_id, "ann") != identity(other.public_id, "ann")
    IdentitySalt.objects.update(salt="5" * 64)
    remembered.forget()
    assert identity(project.public_id, "ann") != identity(other.public_id, "ann")


def test_whoever_has_the_salt_but_not_the_secret_key_cannot_compute_them(project: Project, settings: Any) -> None:
    first = identity(project.public_id, "ann")
    settings.SECRET_KEY = "another one"
    remembered.forget()
    assert identity(project.public_id, "ann") != first


def test_after_a_rotation_nothing_joins_what_there_was(project: Project, other: Project) -> None:
    first, theirs = identity(project.public_id, "ann"), identity(other.public_id, "ann")
    salt, since = IdentitySalt.objects.values_list("salt", "since").get(project=project)
    rotate(project)
    assert identity(project.public_id, "ann") != first
    assert identity(other.public_id, "ann") == theirs
    row = IdentitySalt.objects.get(project=project)
    assert row.salt != salt
    assert row.since > since
    assert str(row) == f"{project} since {row.since:%Y-%m-%d}"


def test_a_rotation_is_written_down_without_the_salt(project: Project) -> None:
    identity(project.public_id, "ann")
    rotate(project)
    event = AuditEvent.objects.latest("pk")
    assert (event.type, event.target_id, event.project_id) == (
        "project.identities_rotated",
        project.public_id,
        project.public_id,
    )
    assert event.organization == project.organization.public_id
    assert IdentitySalt.objects.get().salt not in str(AuditEvent.objects.values())


def test_they_cost_no_sql_once_they_are_remembered_and_their_key_is_not_shown(project: Project) -> None:
    identity(project.public_id, "ann")
    with CaptureQueriesContext(connection) as queries:
        identity(project.public_id, "bob")
    assert not queries
    known = remembered.get_blocking(project.public_id)
    assert known.key.hex() not in repr(known)
    assert "key" not in repr(known)


def test_a_project_that_is_not_there_has_none() -> None:
    with pytest.raises(Project.DoesNotExist):
        identity("proj_unknown", "ann")
