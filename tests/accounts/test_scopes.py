"""Scopes, and the caller that holds them."""

import dataclasses

import pytest

from accounts.principal import Principal
from accounts.scopes import ADMIN_SCOPES, DEFAULT_SCOPES, SCOPES, unknown


def principal(*scopes: str) -> Principal:
    return Principal(
        key_id="key_1",
        key_name="a key",
        organization_id="org-1",
        organization="default",
        project_id="proj_1",
        project="Default project",
        owner_kind="service_account",
        owner_id="svc_acct_1",
        scopes=frozenset(scopes),
    )


def test_a_new_key_may_do_everything_but_administer() -> None:
    assert set(DEFAULT_SCOPES) | set(ADMIN_SCOPES) == set(SCOPES)
    assert not any(scope.startswith("admin.") for scope in DEFAULT_SCOPES)
    assert all(meaning.endswith(".") for meaning in SCOPES.values())


@pytest.mark.parametrize(
    ("held", "needed", "allowed"),
    [
        ("model.read", "model.read", True),
        ("model.read", "model.request", False),
        ("admin.*", "admin.api_keys", True),
        ("admin.*", "admin.projects.write", True),
        ("admin.*", "admin.*", True),
        ("admin.*", "model.read", False),
        ("admin.*", "administer", False),
        ("model.read", "admin.*", False),
        ("model", "model.read", False),
    ],
)
def test_a_scope_allows_itself_and_a_wildcard_its_family(held: str, needed: str, allowed: bool) -> None:
    assert principal(held).allows(needed) is allowed


def test_a_caller_without_scopes_may_do_nothing() -> None:
    assert not any(principal().allows(scope) for scope in SCOPES)


def test_unknown_scopes_are_named_in_order() -> None:
    assert unknown(["model.read", "b.x", "a.y"]) == ["b.x", "a.y"]


def test_a_caller_cannot_be_changed_and_counts_as_authenticated() -> None:
    caller, field = principal("model.read"), "is_admin"
    assert caller.is_authenticated
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(caller, field, True)
