"""How events of a project are treated."""

import asyncio
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.audit.restoring import restore
from accounts.bootstrap import ensure_defaults
from accounts.models import AuditEvent, Organization, Project
from analytics.models import AnalyticsPolicy
from analytics.policies import DEFAULTS, Policy, in_force, policies, policy_of

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def project() -> Project:
    return ensure_defaults()[1]


def test_a_project_without_a_row_has_the_defaults(project: Project) -> None:
    assert in_force(project.public_id) == in_force("proj_unknown") == DEFAULTS
    expected = Policy(admits_unknown=False, honours_dnt=True, honours_gpc=True, requires_consent=False, keeps_raw=True)
    assert expected == DEFAULTS
    AnalyticsPolicy.objects.create(project=project)
    assert in_force(project.public_id) == DEFAULTS


@pytest.mark.parametrize("name", ["admits_unknown", "honours_dnt", "honours_gpc", "requires_consent", "keeps_raw"])
def test_each_part_is_what_was_set(project: Project, name: str) -> None:
    changed = not getattr(DEFAULTS, name)
    AnalyticsPolicy.objects.create(project=project, **{name: changed})
    policy = in_force(project.public_id)
    assert getattr(policy, name) is changed
    assert sum(getattr(policy, each) != getattr(DEFAULTS, each) for each in Policy.__slots__) == 1


@pytest.mark.parametrize(
    ("of_organization", "of_project", "kept"),
    [
        ("modified_abuse_monitoring", "organization_default", True),
        ("zero_data_retention", "organization_default", False),
        ("zero_data_retention", "none", True),
        ("zero_data_retention", "modified_abuse_monitoring", True),
        ("modified_abuse_monitoring", "zero_data_retention", False),
    ],
)
@pytest.mark.parametrize("row", [True, False])
def test_data_retention_forbids_single_events(
    project: Project, of_organization: str, of_project: str, kept: bool, row: bool
) -> None:
    Organization.objects.filter(pk=project.organization_id).update(data_retention=of_organization)
    Project.objects.filter(pk=project.pk).update(data_retention=of_project)
    if row:
        AnalyticsPolicy.objects.create(project=project, requires_consent=True)
    assert in_force(project.public_id) == Policy(keeps_raw=kept, requires_consent=row)


def test_data_retention_does_not_make_single_events_be_kept(project: Project) -> None:
    AnalyticsPolicy.objects.create(project=project, keeps_raw=False)
    Project.objects.filter(pk=project.pk).update(data_retention="none")
    assert not in_force(project.public_id).keeps_raw


def test_a_change_in_this_process_holds_at_once_and_no_request_reads_it_twice(project: Project) -> None:
    def now() -> Policy:
        return asyncio.run(policy_of(project.public_id))

    assert now() == DEFAULTS
    with CaptureQueriesContext(connection) as queries:
        policies.get_blocking(project.public_id)
    assert not queries
    row = AnalyticsPolicy.objects.create(project=project, keeps_raw=False)
    assert not now().keeps_raw
    AnalyticsPolicy.objects.update(requires_consent=True)
    assert now().requires_consent
    row.delete()
    assert now() == DEFAULTS


def test_a_project_has_one(project: Project) -> None:
    row = AnalyticsPolicy.objects.create(project=project)
    assert str(row) == f"Events of {project}"
    with pytest.raises(IntegrityError), transaction.atomic():
        AnalyticsPolicy.objects.create(project=project)


def test_every_change_is_on_the_audit_log_and_can_be_undone(project: Project) -> None:
    row = AnalyticsPolicy.objects.create(project=project)
    row.keeps_raw = False
    row.save()
    row.delete()
    events: Any = AuditEvent.objects.filter(target_type="analytics.analyticspolicy").order_by("pk")
    assert [event.type for event in events] == [
        f"project.analytics_policy.{verb}" for verb in ("created", "updated", "deleted")
    ]
    assert {(event.organization, event.project_id) for event in events} == {
        (project.organization.public_id, project.public_id)
    }
    assert (events[1].before["keeps_raw"], events[1].after["keeps_raw"]) == (True, False)
    restore(events[2])
    assert not AnalyticsPolicy.objects.get(project=project).keeps_raw
    assert AnalyticsPolicy.audit_action({}, ["keeps_raw"]) == "project.analytics.update"
