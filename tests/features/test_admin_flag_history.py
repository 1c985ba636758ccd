"""The history of a flag on the staff pages, and the way back."""

from typing import Any

from django.db.models import QuerySet
from django.test import Client

from accounts.models import AuditEvent, Organization
from features.models import Environment, Flag
from tests.features.conftest import MakeFlag
from tests.features.staff import As, as_role, counted, opened, owner, path, text, told

__all__ = ["as_role", "owner"]


def restore(client: Client, flag: Flag, event: AuditEvent | str) -> Any:
    event_id = event if isinstance(event, str) else event.public_id
    return client.post(path("flag", flag.pk, "restore", event_id), {"opened": opened(flag)}, follow=True)


def latest() -> AuditEvent:
    return AuditEvent.objects.latest("pk")


def test_the_history_shows_changes_of_the_flag_and_its_states_with_both_sides_the_latest_first(
    owner: Client, make_flag: MakeFlag
) -> None:
    flag, other = make_flag("dark-mode"), make_flag("new-ui")
    state = flag.states.get()
    state.roll_out("on", 10_000, "off")
    state.save()
    state.kill("It breaks the checkout.")
    other.states.get().kill("Something else.")
    page = text(owner.get(path("flag", flag.pk, "history")))
    places = [page.index(told) for told in ("Because: It breaks the checkout.", "10000", "flag.created")]
    assert places == sorted(places)
    assert "flag.state.updated in production" in page
    assert "Something else." not in page
    assert page.count("lukhas-before") == 2


def test_viewers_read_the_history_and_restore_nothing(as_role: As, make_flag: MakeFlag) -> None:
    flag, viewer = make_flag("dark-mode"), as_role("viewer")
    flag.states.get().kill("x")
    page = text(viewer.get(path("flag", flag.pk, "history")))
    assert "Because: x" in page
    assert "Restore" not in page
    with counted():
        assert restore(viewer, flag, latest()).status_code == 403


def test_a_change_of_a_state_is_taken_back_and_that_is_a_change_too(as_role: As, make_flag: MakeFlag) -> None:
    flag, admin = make_flag("dark-mode"), as_role("admin")
    flag.states.get().kill("x")
    assert "Restore what was there before" in text(admin.get(path("flag", flag.pk, "history")))
    with counted("flag.state.updated"):
        answer = restore(admin, flag, latest())
    assert told(answer) == ["Restored."]
    assert flag.states.get().enabled


def test_what_cannot_be_taken_back_is_told(owner: Client, make_flag: MakeFlag) -> None:
    flag = make_flag("dark-mode")
    with counted():
        answer = restore(owner, flag, latest())
    assert told(answer) == ["Nothing was there before: delete or end it instead."]


def test_only_changes_of_this_flag_are_taken_back_and_by_post_only(
    owner: Client, make_flag: MakeFlag, stranger: Organization
) -> None:
    flag, other = make_flag("dark-mode"), make_flag("new-ui")
    foreign = make_flag("theirs", environment=Environment.objects.production(stranger))
    other.states.get().kill("x")
    event = latest()
    with counted():
        assert restore(owner, flag, event).status_code == 404
        assert restore(owner, flag, "audit_log-none").status_code == 404
        assert restore(owner, foreign, event).status_code == 404
        assert owner.get(path("flag", other.pk, "restore", event.public_id)).status_code == 404


def test_a_long_history_is_turned_page_by_page(owner: Client, make_flag: MakeFlag) -> None:
    flag = make_flag("dark-mode")
    for number in range(25):
        flag.description = f"Number {number}."
        flag.save()
    first, second = (text(owner.get(path("flag", flag.pk, "history"), {"p": number})) for number in (1, 2))
    assert ("Older" in first, "Newer" in first) == (True, False)
    assert ("Older" in second, "Newer" in second) == (False, True)
    assert "Number 24." in first
    assert "Number 0." in second


def test_a_flag_whose_log_is_gone_has_an_empty_history(owner: Client, make_flag: MakeFlag) -> None:
    flag = make_flag("dark-mode")
    other = Flag(organization=flag.organization, key="unlogged", kind="boolean", variants={"on": True}, salt="s")
    QuerySet(Flag).bulk_create([other])
    assert "Nothing was changed yet." in text(owner.get(path("flag", other.pk, "history")))
