"""The staff page of the veto log."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.bootstrap import ensure_defaults
from accounts.models import Membership, Organization, Project, User
from api.models import Veto
from tests.api.guarded import policy

PAGE = "/admin/api/veto/"


@pytest.fixture
def project(database: None) -> Project:
    return ensure_defaults()[1]


@pytest.fixture
def owner(project: Project) -> Client:
    user = User.objects.create_user("ann", "ann@example.com", is_staff=True)
    Membership.objects.create(user=user, organization=project.organization, role="owner")
    client = Client()
    client.force_login(user)
    return client


def veto(project: Project, number: int = 1, ago: int = 0, **fields: Any) -> Veto:
    return Veto.objects.create(
        **{
            "at": datetime.now(UTC) - timedelta(days=ago), "organization_id": project.organization.public_id,
            "project_id": project.public_id, "key_id": "key_1", "request_id": f"req_{number}",
            "endpoint": "/v1/embeddings", "model_asked": "fast", "model": "lukhas-echo-1", "policy_id": number,
            "policy": f"policy {number}", "kind": "pattern", "mode": "enforce", "reason_code": f"reason_{number}",
            **fields,
        }
    )  # fmt: skip


def found(client: Client, **query: str) -> list[str]:
    return [row.request_id for row in client.get(PAGE, query).context["cl"].queryset]


def test_it_shows_what_was_vetoed_the_latest_first_and_is_only_read(owner: Client, project: Project) -> None:
    row = veto(project, 1)
    veto(project, 2, ago=1)
    assert found(owner) == ["req_1", "req_2"]
    page = owner.get(PAGE).content.decode()
    for told in ("reason_1", "policy 1", project.public_id, "lukhas-echo-1", "/v1/embeddings", "key_1", "req_1"):
        assert told in page
    assert owner.get(f"{PAGE}{row.pk}/change/").status_code == 200
    assert owner.get(f"{PAGE}add/").status_code == 403
    assert owner.post(f"{PAGE}{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_it_is_filtered_by_policy_mode_project_and_time_and_searched_by_request(
    owner: Client, project: Project
) -> None:
    other = Project.objects.create(organization=project.organization, name="Other")
    elsewhere = Organization.objects.create(slug="elsewhere", name="Elsewhere")
    foreign = Project.objects.create(organization=elsewhere, name="Far away")
    row, theirs = policy(name="islands"), policy(name="foreign", project=foreign)
    veto(project, 1, policy_id=row.pk)
    veto(project, 2, policy_id=99, mode="shadow")
    veto(other, 3, policy_id=98, ago=3)
    veto(foreign, 4, policy_id=theirs.pk)
    assert found(owner) == ["req_2", "req_1", "req_3"]
    assert found(owner, policy=str(row.pk)) == ["req_1"]
    assert found(owner, policy="nonsense") == ["req_2", "req_1", "req_3"]
    assert found(owner, mode__exact="shadow") == ["req_2"]
    assert found(owner, project=other.public_id) == ["req_3"]
    assert found(owner, project=foreign.public_id) == []
    assert found(owner, at__gte=(datetime.now(UTC) - timedelta(days=1)).isoformat()) == ["req_2", "req_1"]
    assert found(owner, q=" req_3 ") == ["req_3"]
    assert found(owner, q="req") == []
    page = owner.get(PAGE).content.decode()
    assert f"islands ({project})" in page
    assert "Far away" not in page
    assert "foreign" not in page


def test_it_is_read_in_as_many_queries_for_few_as_for_many_and_counted_no_further_than_is_of_interest(
    owner: Client, project: Project
) -> None:
    veto(project)
    owner.get(PAGE)
    with CaptureQueriesContext(connection) as few:
        owner.get(PAGE)
    for number in range(20):
        veto(project, number)
    with CaptureQueriesContext(connection) as many:
        owner.get(PAGE)
    assert len(few) == len(many) <= 12
    counts = [each["sql"] for each in many.captured_queries if "COUNT(" in each["sql"] and "api_veto" in each["sql"]]
    assert counts
    assert all("LIMIT 10000" in sql for sql in counts)


def test_superusers_see_those_of_everybody_and_of_no_project(project: Project) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("boss", "boss@example.com"))
    nobody = veto(project, 1, project_id="", organization_id="")
    assert found(client) == ["req_1"]
    assert client.get(f"{PAGE}{nobody.pk}/change/").status_code == 200
