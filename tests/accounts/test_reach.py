"""How far a member of staff reaches: roles as conditions on rows."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from pytest_django import DjangoAssertNumQueries

from accounts.models import ApiKey, Membership, Organization, Project, ProjectMembership, RateLimit, User
from accounts.reach import Reach, Rights, Verb, condition, home_of
from accounts.roles import Role
from tests.accounts.conftest import Issue

LIMITS = (
    Rights("project", "project", view="project.limits.read"),
    Rights("project", "api_key__project", view="project.limits.read"),
    Rights("organization", "organization", view="organization.limits.read"),
)


@pytest.fixture
def clerk(database: None) -> User:
    return User.objects.create_user("clerk", "clerk@example.com", is_staff=True)


@pytest.fixture
def other(database: None) -> Organization:
    return Organization.objects.create(slug="other", name="Other")


def seen(reach: Reach, verb: Verb = "view") -> set[str]:
    return {limit.scope_key.partition(":")[0] for limit in RateLimit.objects.filter(condition(LIMITS, reach, verb))}


@pytest.fixture
def limits(project: Project, organization: Organization, issue: Issue, other: Organization) -> None:
    """A limit of each kind here, and two in another organisation."""
    theirs = Project.objects.create(organization=other, name="Theirs")
    scopes = ({"project": project}, {"organization": organization}, {"api_key": issue()[0]})
    for scope in (*scopes, {"project": theirs}, {"organization": other}):
        RateLimit.objects.create(unit="requests", period="day", value=1, **scope)


@pytest.mark.parametrize(
    ("role", "in_project", "sees"),
    [
        ("owner", None, {"project", "organization", "key"}),
        ("admin", None, {"project", "organization", "key"}),
        ("member", None, {"organization"}),
        ("member", "viewer", {"project", "organization", "key"}),
        ("viewer", "viewer", {"project", "key"}),
        ("viewer", None, set()),
    ],
)
def test_rows_are_seen_by_the_role_where_they_belong(
    clerk: User, project: Project, organization: Organization, limits: None, role: str, in_project: str, sees: set[str]
) -> None:
    member = Membership.objects.create(user=clerk, organization=organization, role=role)
    if in_project:
        ProjectMembership.objects.create(membership=member, project=project, role=in_project)
    reach = Reach.of(clerk)
    assert seen(reach) == sees
    assert RateLimit.objects.filter(condition(LIMITS, reach, "view")).count() == len(sees)
    assert seen(reach, "change") == set()


def test_a_superuser_sees_every_row_and_costs_no_query(
    clerk: User, limits: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    clerk.is_superuser = True
    with django_assert_num_queries(0):
        reach = Reach.of(clerk)
    assert condition(LIMITS, reach, "delete") == Q()
    assert reach.may(None, None)
    assert reach.may_anywhere(None)
    assert reach.may_grant(Role.OWNER, Organization())


@pytest.mark.parametrize(
    "lacking", [{"is_staff": False}, {"is_active": False}, {"is_staff": False, "is_superuser": True}]
)
def test_who_is_not_active_staff_reaches_nothing(
    clerk: User, organization: Organization, limits: None, lacking: dict[str, bool]
) -> None:
    Membership.objects.create(user=clerk, organization=organization, role="owner")
    for name, value in lacking.items():
        setattr(clerk, name, value)
    assert Reach.of(clerk) == Reach()
    assert Reach.of(AnonymousUser()) == Reach()
    assert seen(Reach()) == set()


def test_what_no_role_may_do_is_for_superusers(clerk: User, organization: Organization) -> None:
    Membership.objects.create(user=clerk, organization=organization, role="owner")
    reach = Reach.of(clerk)
    assert not reach.may(None, organization.pk)
    assert not reach.may_anywhere(None)


def test_a_role_in_a_project_counts_in_this_project_only(clerk: User, project: Project) -> None:
    member = Membership.objects.create(user=clerk, organization=project.organization, role="viewer")
    ProjectMembership.objects.create(membership=member, project=project, role="admin")
    beside = Project.objects.create(organization=project.organization, name="Beside")
    reach = Reach.of(clerk)
    assert reach.may_in("project.update", project)
    assert not reach.may_in("project.update", beside)
    assert reach.may_anywhere("project.update")
    assert not reach.may_anywhere("organization.projects.create")
    assert reach.projects_for("organization.projects.read") == []
    assert reach.may_grant("admin", project)
    assert not reach.may_grant("owner", project)
    assert not reach.may_grant("viewer", project.organization)


def test_a_role_in_a_project_ends_with_the_membership_in_the_organisation(project: Project) -> None:
    reach = Reach(user_id=1, projects={project.pk: (project.organization.pk, "owner")})
    assert reach.role(project.organization.pk, project.pk) is None
    assert reach.projects_for("project.read") == []


def test_a_row_belongs_to_the_first_place_that_it_has(
    project: Project, organization: Organization, issue: Issue
) -> None:
    key = issue()[0]
    assert home_of(LIMITS, RateLimit(project=project)) == (LIMITS[0], project)
    assert home_of(LIMITS, RateLimit(api_key=key)) == (LIMITS[1], project)
    assert home_of(LIMITS, RateLimit(organization=organization)) == (LIMITS[2], organization)
    assert home_of(LIMITS, RateLimit(api_key=ApiKey(organization=organization))) is None
    assert home_of(LIMITS, RateLimit()) is None
    assert home_of((Rights("project", ""),), project) == (Rights("project", ""), project)
