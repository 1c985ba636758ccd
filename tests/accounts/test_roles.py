"""Roles and what they may do: every cell of the matrix, written out here once more, independently of the code."""

from itertools import product

import pytest

from accounts.roles import ACTIONS, SCOPE_ROLES, Role, allowed, highest, in_project, includes, known, may_grant, within
from accounts.scopes import SCOPES

CALLERS = ("owner", "admin", "member", "viewer", None)

# o, a, m, v: who may. A dot: who may not. The last column is no role.
MATRIX = {
    "organization.read": "oamv.",
    "organization.update": "o....",
    "organization.users.read": "oamv.",
    "organization.users.update": "oa...",
    "organization.owners.update": "o....",
    "organization.invites.read": "oa...",
    "organization.invites.update": "oa...",
    "organization.projects.read": "oamv.",
    "organization.projects.create": "oa...",
    "organization.projects.archive": "oa...",
    "organization.admin_keys.read": "oa...",
    "organization.admin_keys.update": "o....",
    "organization.limits.read": "oam..",
    "organization.limits.update": "o....",
    "organization.usage.read": "oam..",
    "organization.flags.read": "oamv.",
    "organization.flags.update": "oa...",
    "organization.events.read": "oamv.",
    "organization.events.update": "oa...",
    "organization.policies.read": "oam..",
    "organization.policies.update": "oa...",
    "organization.audit.read": "oa...",
    "organization.audit.restore": "o....",
    "organization.data_retention.read": "oa...",
    "organization.data_retention.update": "o....",
    "project.read": "oamv.",
    "project.update": "oa...",
    "project.users.read": "oamv.",
    "project.users.update": "oa...",
    "project.owners.update": "o....",
    "project.service_accounts.read": "oam..",
    "project.service_accounts.update": "oa...",
    "project.keys.read": "oam..",
    "project.keys.create": "oam..",
    "project.keys.delete": "oa...",
    "project.limits.read": "oamv.",
    "project.limits.update": "oa...",
    "project.models.read": "oamv.",
    "project.models.update": "oa...",
    "project.policies.read": "oamv.",
    "project.policies.update": "oa...",
    "project.analytics.read": "oamv.",
    "project.analytics.update": "oa...",
    "project.analytics.erase": "oa...",
}
SCOPE_MATRIX = {
    "model.read": "oamv.",
    "model.request": "oam..",
    "responses.write": "oam..",
    "files.write": "oam..",
    "flags.read": "oamv.",
    "flags.write": "oa...",
    "events.write": "oam..",
    "events.erase": "oa...",
    "usage.read": "oamv.",
    "admin.*": "oa...",
    "metrics.read": "oa...",
}
# What a user is in a project: organisation's role × project's role, in the order of CALLERS.
PROJECT_ROLES = {
    "owner": ("owner", "owner", "owner", "owner", "owner"),
    "admin": ("owner", "admin", "admin", "admin", "admin"),
    "member": ("owner", "admin", "member", "viewer", None),
    "viewer": ("owner", "admin", "member", "viewer", None),
    None: (None, None, None, None, None),
}


@pytest.mark.parametrize(("action", "caller"), list(product(MATRIX, CALLERS)))
def test_a_cell_of_the_matrix(action: str, caller: str | None) -> None:
    assert allowed(caller, action) is (MATRIX[action][CALLERS.index(caller)] != ".")


@pytest.mark.parametrize(("scope", "caller"), list(product(SCOPE_MATRIX, CALLERS)))
def test_a_scope_works_in_the_hands_of_a_role(scope: str, caller: str | None) -> None:
    assert within([scope], caller) == ({scope} if SCOPE_MATRIX[scope][CALLERS.index(caller)] != "." else set())


@pytest.mark.parametrize(("organization", "project"), list(product(CALLERS, CALLERS)))
def test_a_role_in_a_project_follows_from_the_two(organization: str | None, project: str | None) -> None:
    assert in_project(organization, project) == PROJECT_ROLES[organization][CALLERS.index(project)]


def test_the_matrices_are_whole() -> None:
    assert set(MATRIX) == set(ACTIONS)
    assert set(SCOPE_MATRIX) == set(SCOPE_ROLES) == set(SCOPES)
    assert {action.partition(".")[0] for action in ACTIONS} == {action.where for action in ACTIONS.values()}
    assert all(name.startswith(action.where) for name, action in ACTIONS.items())


@pytest.mark.parametrize(("higher", "lower"), [pair for pair in product(CALLERS, CALLERS) if pair[1] is not None])
def test_a_role_includes_itself_and_the_lower_ones(higher: str | None, lower: str) -> None:
    assert includes(higher, Role(lower)) is (CALLERS.index(higher) <= CALLERS.index(lower))


@pytest.mark.parametrize("stranger", [None, "", "emperor", "OWNER", " owner"])
def test_what_is_no_role_may_do_nothing_and_is_no_error(stranger: str | None) -> None:
    assert not any(allowed(stranger, action) for action in ACTIONS)
    assert within(SCOPES, stranger) == frozenset()
    assert known(stranger) is None
    assert in_project(stranger, "owner") is None
    assert in_project("member", stranger) is None
    assert not may_grant(stranger, "viewer")


def test_an_action_that_does_not_exist_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        allowed("owner", "organization.destroy")


def test_a_scope_that_does_not_exist_works_for_nobody() -> None:
    assert within(["model.write", "model.read"], "owner") == {"model.read"}


def test_the_highest_of_some_roles() -> None:
    assert highest("viewer", None, "admin", "member") is Role.ADMIN
    assert highest(None, "") is None
    assert highest() is None


@pytest.mark.parametrize(
    ("granter", "grants"),
    [
        ("owner", ["owner", "admin", "member", "viewer", None]),
        ("admin", ["admin", "member", "viewer", None]),
        ("member", []),
        ("viewer", []),
        (None, []),
    ],
)
def test_nobody_grants_more_than_they_have_and_only_admins_grant(granter: str | None, grants: list[str | None]) -> None:
    assert [role for role in CALLERS if may_grant(granter, role)] == grants
