"""The staff pages of environments, segments, and the environments of projects."""

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Organization, Project
from features.models import Environment, ProjectEnvironment, Segment
from tests.features.conftest import MakeFlag
from tests.features.staff import As, as_role, counted, opened, owner, path, text

__all__ = ["as_role", "owner"]
FEW = '[{"attribute": "team", "operator": "in", "values": ["us"]}]'


def test_an_environment_is_made_protected_and_deleted_by_hand(owner: Client, organization: Organization) -> None:
    with counted("environment.created"):
        answer = owner.post(path("environment", "add"), {"organization": organization.pk, "key": "staging"})
        assert answer.status_code == 302
    staging = Environment.objects.get(key="staging")
    with counted("environment.updated"):
        fields = {"protected": "on", "key": "other", "opened": opened(staging)}
        assert owner.post(path("environment", staging.pk, "change"), fields).status_code == 302
    staging.refresh_from_db()
    assert (staging.key, staging.protected) == ("staging", True)
    with counted("environment.deleted"):
        assert owner.post(path("environment", staging.pk, "delete"), {"post": "yes"}).status_code == 302


def test_a_key_that_is_none_and_one_that_is_there_already_are_refused_at_the_form(
    owner: Client, environment: Environment
) -> None:
    for key in ("a b", "production"):
        with counted():
            fields = {"organization": environment.organization.pk, "key": key}
            assert owner.post(path("environment", "add"), fields).status_code == 200


def test_an_environment_that_projects_are_in_stays_and_production_always_does(
    owner: Client, environment: Environment, project: Project
) -> None:
    staging = Environment.objects.create(organization=environment.organization, key="staging")
    ProjectEnvironment.objects.create(project=project, environment=staging)
    with counted():
        assert "would require deleting the following protected" in text(
            owner.post(path("environment", staging.pk, "delete"), {"post": "yes"})
        )
        assert owner.post(path("environment", environment.pk, "delete"), {"post": "yes"}).status_code == 403
    assert Environment.objects.count() == 2


def test_a_segment_is_made_and_what_is_wrong_with_it_stands_at_its_conditions(
    owner: Client, organization: Organization
) -> None:
    fields = {"organization": organization.pk, "key": "few", "description": ""}
    with counted():
        answer = owner.post(path("segment", "add"), {**fields, "conditions": '[{"attribute": "a"}]'})
    assert "conditions[0].operator: is missing" in str(answer.context["adminform"].form.errors["conditions"])
    with counted("segment.created"):
        assert owner.post(path("segment", "add"), {**fields, "conditions": FEW}).status_code == 302
    segment = Segment.objects.get()
    with counted("segment.updated"):
        fields = {"description": "Us.", "conditions": FEW, "opened": opened(segment)}
        answer = owner.post(path("segment", segment.pk, "change"), fields)
        assert answer.status_code == 302
    segment.refresh_from_db()
    assert (segment.key, segment.description, len(segment.conditions)) == ("few", "Us.", 1)


def test_a_segment_that_a_flag_names_is_not_deleted_and_the_page_says_which(
    owner: Client, organization: Organization, make_flag: MakeFlag
) -> None:
    segment = Segment.objects.create(organization=organization, key="few")
    make_flag("dark-mode", rules=[{"variant": "on", "conditions": [{"segment": "few"}]}])
    with counted():
        page = text(owner.post(path("segment", segment.pk, "delete"), {"post": "yes"}))
    assert "dark-mode names the segment few in production" in page
    assert Segment.objects.exists()


def test_a_project_is_put_into_an_environment_and_taken_out(
    owner: Client, environment: Environment, project: Project
) -> None:
    staging = Environment.objects.create(organization=environment.organization, key="staging")
    with counted("project.environment.created"):
        fields = {"project": project.pk, "environment": staging.pk}
        assert owner.post(path("projectenvironment", "add"), fields).status_code == 302
    row = ProjectEnvironment.objects.get()
    with counted("project.environment.updated"):
        fields = {"environment": environment.pk, "opened": opened(row)}
        answer = owner.post(path("projectenvironment", row.pk, "change"), fields)
        assert answer.status_code == 302
    with counted("project.environment.deleted"):
        assert owner.post(path("projectenvironment", row.pk, "delete"), {"post": "yes"}).status_code == 302


def test_the_lists_show_what_there_is_at_a_bounded_cost(
    as_role: As, organization: Organization, environment: Environment
) -> None:
    viewer = as_role("viewer")

    def costs() -> dict[str, int]:
        found = {}
        for page in ("environment", "segment", "projectenvironment"):
            with CaptureQueriesContext(connection) as asked:
                assert viewer.get(path(page)).status_code == 200
            found[page] = len(asked)
        return found

    def add(number: int) -> None:
        place = Environment.objects.create(organization=organization, key=f"stage-{number}")
        home = Project.objects.create(organization=organization, name=f"Project {number}")
        ProjectEnvironment.objects.create(project=home, environment=place)
        Segment.objects.create(organization=organization, key=f"segment-{number}")

    add(0)
    costs()
    few = costs()
    for number in range(1, 20):
        add(number)
    assert costs() == few
    assert max(few.values()) <= 20
    assert "Project 7" in text(viewer.get(path("projectenvironment")))
