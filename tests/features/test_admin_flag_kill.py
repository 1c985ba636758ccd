"""Killing flags on the staff pages: by anybody who sees them, with a reason."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import models
from django.test import Client

from accounts.models import AuditEvent, Organization
from features.models import Environment, Flag, FlagState
from tests.features.conftest import MakeFlag
from tests.features.staff import As, as_role, counted, owner, path, text, told

__all__ = ["as_role", "owner"]


def kill(client: Client, *flags: Flag, **fields: str) -> Any:
    chosen = [flag.pk for flag in flags]
    body = {"action": "kill_selected", "_selected_action": chosen, "environment": "production", **fields}
    return client.post(path("flag"), body, follow=True)


def test_killing_asks_first_where_and_why(owner: Client, make_flag: MakeFlag, environment: Environment) -> None:
    flags = [make_flag("a"), make_flag("b")]
    Environment.objects.create(organization=environment.organization, key="canary")
    with counted():
        answer = kill(owner, *flags)
    assert "Switch these flags off, for everybody and at once?" in text(answer)
    assert answer.context["form"].fields["environment"].choices == [("production", "production"), ("canary", "canary")]


def test_a_viewer_kills_flags_of_a_protected_environment_with_a_reason(as_role: As, make_flag: MakeFlag) -> None:
    Environment.objects.update(protected=True)
    flags = [make_flag("a"), make_flag("b"), make_flag("c", enabled=False), make_flag("d")]
    viewer = as_role("viewer")
    with counted("flag.state.updated", "flag.state.updated"):
        answer = kill(viewer, *flags[:3], post="yes", reason="  It breaks the checkout. ")
    assert told(answer) == ["Switched off in production: 2."]
    assert [state.enabled for state in FlagState.objects.order_by("pk")] == [False, False, False, True]
    events = AuditEvent.objects.filter(type="flag.state.updated")
    assert [event.after and event.after["reason"] for event in events] == ["It breaks the checkout."] * 2
    assert {event.actor_name for event in events} == {"viewer@example.com"}
    assert LogEntry.objects.filter(change_message__contains="Killed in production").count() == 2


def test_only_the_environment_that_is_chosen_is_switched_off(owner: Client, make_flag: MakeFlag) -> None:
    flag = make_flag("a")
    canary = Environment.objects.create(organization=flag.organization, key="canary")
    FlagState.objects.create(flag=flag, environment=canary, enabled=True)
    with counted("flag.state.updated"):
        kill(owner, flag, post="yes", reason="Why not.", environment="canary")
    assert flag.states.get(environment__key="production").enabled
    assert not flag.states.get(environment=canary).enabled


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"reason": ""}, "This field is required."),
        ({"reason": "   "}, "This field is required."),
        ({"reason": "x" * 501}, "at most 500 characters"),
        ({"reason": "a\x00b"}, "Null characters are not allowed."),
        ({"reason": "x", "environment": "gone"}, "Select a valid choice."),
    ],
)
def test_without_a_reason_or_a_place_nothing_is_switched_off_and_it_is_asked_again(
    owner: Client, make_flag: MakeFlag, fields: dict[str, str], wrong: str
) -> None:
    flag = make_flag("a")
    with counted():
        answer = kill(owner, flag, post="yes", **fields)
    assert wrong in text(answer)
    assert flag.states.get().enabled


def test_a_reason_that_cannot_be_kept_is_told(owner: Client, make_flag: MakeFlag, monkeypatch: Any) -> None:
    flag = make_flag("a")
    monkeypatch.setattr("features.models.flags.LONGEST_REASON", 3)
    with counted():
        assert "reason: has more than 3 characters" in text(kill(owner, flag, post="yes", reason="long"))


def test_where_one_of_them_cannot_be_switched_off_none_is(owner: Client, make_flag: MakeFlag) -> None:
    flags = [make_flag("a"), make_flag("b")]
    models.QuerySet(FlagState).filter(flag=flags[1]).update(default_variant="gone")
    with counted():
        answer = kill(owner, *flags, post="yes", reason="x")
    assert told(answer) == ["Nothing was changed. default_variant: gone is no variant of this flag"]
    assert FlagState.objects.filter(enabled=True).count() == 2


def test_flags_of_others_are_not_killed(as_role: As, make_flag: MakeFlag, stranger: Organization) -> None:
    foreign = make_flag("theirs", environment=Environment.objects.production(stranger))
    make_flag("ours")
    admin = as_role("admin")
    with counted():
        kill(admin, foreign, post="yes", reason="x")
    assert foreign.states.get().enabled


def test_the_page_of_a_flag_has_a_button_that_asks(as_role: As, make_flag: MakeFlag) -> None:
    flag, viewer = make_flag("dark-mode"), as_role("viewer")
    assert path("flag", flag.pk, "kill") in text(viewer.get(path("flag", flag.pk, "change")))
    with counted():
        page = text(viewer.get(path("flag", flag.pk, "kill")))
    assert "<li>dark-mode</li>" in page
    assert 'name="action" value="kill_selected"' in page
