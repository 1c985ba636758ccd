"""/v1/organization/data_retention and /v1/organization/projects/{project_id}/data_retention."""

from typing import Any

import httpx
import openai
import pytest
from django.db import IntegrityError, transaction

from accounts.audit.restoring import restore
from accounts.models import AuditEvent, Organization, Project
from tests.api.organization.conftest import World, error_of


def test_that_of_the_organisation_is_read_and_set(admin: openai.OpenAI, world: World) -> None:
    retention = admin.admin.organization.data_retention
    shown = retention.retrieve()
    assert (shown.object, shown.type) == ("organization.data_retention", "modified_abuse_monitoring")
    assert retention.update(retention_type="zero_data_retention").type == "zero_data_retention"
    assert retention.retrieve().type == "zero_data_retention"


def test_that_of_a_project_is_its_organisations_until_it_is_set(admin: openai.OpenAI, world: World) -> None:
    retention, project = admin.admin.organization.projects.data_retention, world.project.public_id
    shown = retention.retrieve(project)
    assert (shown.object, shown.type) == ("project.data_retention", "organization_default")
    for kind in ("none", "zero_data_retention", "modified_abuse_monitoring", "organization_default"):
        assert retention.update(project, retention_type=kind).type == kind
        assert retention.retrieve(project).type == kind


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("enhanced_zero_data_retention", "unsupported_value"),
        ("enhanced_modified_abuse_monitoring", "unsupported_value"),
        ("forever", "invalid_value"),
        ("", "invalid_value"),
        (None, "invalid_type"),
        (5, "invalid_type"),
        ({}, "invalid_type"),
        ([], "invalid_type"),
    ],
)
def test_what_means_nothing_here_is_refused_and_changes_nothing(
    api: httpx.Client, world: World, kind: Any, code: str
) -> None:
    for path in ("/data_retention", f"/projects/{world.project.public_id}/data_retention"):
        before = api.get(path).json()
        error = error_of(api.post(path, json={"retention_type": kind}), 400)
        assert (error["code"], error["param"]) == (code, "retention_type")
        assert api.get(path).json() == before


def test_an_organisation_has_nobody_to_leave_it_to(api: httpx.Client) -> None:
    for kind in ("organization_default", "none"):
        assert error_of(api.post("/data_retention", json={"retention_type": kind}), 400)["code"] == "invalid_value"


def test_an_archived_project_stays_as_it_is(api: httpx.Client, world: World) -> None:
    world.project.archive()
    path = f"/projects/{world.project.public_id}/data_retention"
    assert error_of(api.post(path, json={"retention_type": "none"}), 400)["code"] == "project_archived"
    assert api.get(path).json()["type"] == "organization_default"


def test_a_change_is_on_the_audit_log_under_the_specifications_types_and_can_be_put_back(
    api: httpx.Client, world: World
) -> None:
    api.post("/data_retention", json={"retention_type": "zero_data_retention"})
    of_organization = AuditEvent.objects.latest("pk")
    api.post(f"/projects/{world.project.public_id}/data_retention", json={"retention_type": "none"})
    of_project = AuditEvent.objects.latest("pk")
    assert (of_organization.type, of_project.type) == ("organization.updated", "project.updated")
    for event in (of_organization, of_project):
        assert event.changed() == ["data_retention"]
        restore(event)
    assert Organization.objects.get(pk=world.organization.pk).data_retention == "modified_abuse_monitoring"
    assert Project.objects.get(pk=world.project.pk).data_retention == "organization_default"


def test_the_database_holds_only_what_has_a_meaning(world: World) -> None:
    for row, kind in ((world.organization, "none"), (world.project, "forever")):
        row.data_retention = kind
        with pytest.raises(IntegrityError), transaction.atomic():
            row.save()
