"""Both sides of an event, for people to read."""

from typing import Any

import pytest

from accounts.audit.differences import Line, lines, summary
from accounts.models import AuditEvent


def event(before: Any, after: Any, target: str = "accounts.apikey") -> AuditEvent:
    return AuditEvent(target_type=target, before=before, after=after)


def test_fields_are_called_as_the_model_calls_them_and_keep_their_order() -> None:
    found = lines(event({"is_admin": False, "name": "a", "gone": 1}, {"is_admin": False, "name": "b", "gone": 1}))
    assert found == [
        Line("admin key", "no", "no", changed=False),
        Line("name", "a", "b", changed=True),
        Line("gone", "1", "1", changed=False),
    ]


@pytest.mark.parametrize("target", ["", "nothing.at.all", "auth.group"])
def test_a_target_that_is_no_model_of_ours_has_plain_names(target: str) -> None:
    assert lines(event(None, {"is_admin": True}, target)) == [Line("is_admin", "—", "yes", changed=True)]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "—"),
        ("", "—"),
        ([], "—"),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        (["a", None], "a\n—"),
        ({}, "{}"),
        ([{"a": [True, "ü"]}], '{"a": [true, "ü"]}'),
    ],
)
def test_a_value_is_told_in_words(value: Any, shown: str) -> None:
    assert lines(event({"name": value}, None))[0].before == shown


def test_an_update_is_summed_up_and_nothing_else_is() -> None:
    before = {"name": "a", "scopes": ["x"], "is_admin": False, "project": "p"}
    assert summary(event(before, {**before, "name": "b"})) == "name: a → b"
    after = {"name": "b", "scopes": ["y"], "is_admin": True, "project": "p"}
    assert summary(event(before, after)) == "name: a → b; scopes: x → y; and 1 more"
    assert summary(event(before, None)) == ""
    assert summary(event(None, after)) == ""
    assert summary(event(before, before)) == ""
