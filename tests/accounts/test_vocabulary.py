"""The wire's names for roles."""

import pytest

from accounts.roles import RANKS, Role
from accounts.vocabulary import (
    INVITED_TO_PROJECTS,
    INVITES,
    PROJECT_USERS,
    SERVICE_ACCOUNTS,
    USERS,
    UnknownRole,
    Vocabulary,
)

EVERY = {
    "users": USERS,
    "project users": PROJECT_USERS,
    "invites": INVITES,
    "invited to projects": INVITED_TO_PROJECTS,
    "service accounts": SERVICE_ACCOUNTS,
}


@pytest.mark.parametrize(
    ("vocabulary", "names"),
    [
        (USERS, {"owner": "owner", "admin": "admin", "member": "member", "viewer": "viewer", "reader": "viewer"}),
        (PROJECT_USERS, {"owner": "owner", "admin": "admin", "member": "member", "viewer": "viewer"}),
        (INVITES, {"owner": "owner", "reader": "viewer"}),
        (INVITED_TO_PROJECTS, {"owner": "owner", "member": "member"}),
        (SERVICE_ACCOUNTS, {"owner": "owner", "member": "member", "none": None}),
    ],
    ids=list(EVERY),
)
def test_names_are_read_as_roles(vocabulary: Vocabulary, names: dict[str, str | None]) -> None:
    assert {name: vocabulary.read(name) for name in vocabulary.reads} == names


@pytest.mark.parametrize(
    ("vocabulary", "shown"),
    [
        (USERS, ["owner", "admin", "member", "viewer"]),
        (PROJECT_USERS, ["owner", "admin", "member", "viewer"]),
        (INVITES, ["owner", "reader", "reader", "reader"]),
        (INVITED_TO_PROJECTS, ["owner", "member", "member", "member"]),
        (SERVICE_ACCOUNTS, ["owner", "member", "member", "member"]),
    ],
    ids=list(EVERY),
)
def test_roles_are_shown_by_names(vocabulary: Vocabulary, shown: list[str]) -> None:
    assert [vocabulary.show(role) for role in Role] == shown


@pytest.mark.parametrize("name", EVERY)
def test_what_is_shown_is_read_back_as_no_higher_a_role(name: str) -> None:
    vocabulary = EVERY[name]
    for role, shown in vocabulary.shows.items():
        back = vocabulary.read(shown)
        assert (back is Role.OWNER) is (role is Role.OWNER)
        assert (back is None) is (role is None)
        assert RANKS.get(back, 0) <= max(RANKS.get(role, 0), RANKS["member"])


def test_only_service_accounts_have_no_role() -> None:
    assert SERVICE_ACCOUNTS.show(None) == "none"
    for vocabulary in (USERS, PROJECT_USERS, INVITES, INVITED_TO_PROJECTS):
        with pytest.raises(KeyError):
            vocabulary.show(None)


@pytest.mark.parametrize("vocabulary", EVERY.values(), ids=list(EVERY))
@pytest.mark.parametrize("name", ["", "Owner", "emperor"])
def test_other_names_are_refused_with_those_there_are(vocabulary: Vocabulary, name: str) -> None:
    with pytest.raises(UnknownRole, match="Unknown role") as refusal:
        vocabulary.read(name)
    assert refusal.value.known == tuple(vocabulary.reads)
