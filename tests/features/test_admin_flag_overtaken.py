"""Two people with the same form of the staff pages: nobody saves over what the other changed without having seen it."""

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connections, models
from django.test import Client

from accounts.models import Organization, Project
from features.models import Environment, Flag, FlagState, ProjectEnvironment, Segment
from features.opened import Opened
from tests.features.conftest import MakeFlag
from tests.features.staff import As, as_role, counted, opened, owner, path, posted, text, told

__all__ = ["as_role", "owner"]
FEW = '[{"attribute": "team", "operator": "in", "values": ["us"]}]'


@pytest.fixture
def colleague(as_role: As) -> Client:
    return as_role("admin")


def change(client: Client, flag: Flag, fields: dict[str, Any]) -> Any:
    return client.post(path("flag", flag.pk, "change"), fields)


def sent_back(answer: Any) -> str:
    """What the page that is shown now was opened on."""
    found = re.search(r'name="opened" value="([^"]*)"', text(answer))
    assert found
    return found[1]


def complaint(answer: Any) -> str:
    assert answer.status_code == 200
    (reason,) = answer.context["adminform"].form.non_field_errors()
    return str(reason)


def test_who_saves_over_a_change_of_somebody_else_is_told_who_and_what_and_nothing_is_saved(
    owner: Client, colleague: Client, make_flag: MakeFlag
) -> None:
    flag = make_flag("dark-mode")
    mine = posted(flag, description="Of the owner.", ticket="UI-7")
    assert change(colleague, flag, posted(flag, description="Of the admin.")).status_code == 302
    with counted():
        answer = change(owner, flag, mine)
    told = complaint(answer)
    assert re.match(r"admin@example\.com changed this at .*20\d\d.*, after you had opened the page\. Nothing was", told)
    assert "save again to put it in the place of what stands below" in told
    page = text(answer)
    assert '<section id="meanwhile"' in page
    assert page.index("flag.updated") < page.index("Of the admin.") < page.index("Of the owner.</textarea>")
    assert 'value="UI-7"' in page
    flag.refresh_from_db()
    assert (flag.description, flag.ticket) == ("Of the admin.", "")


def test_who_has_seen_the_change_saves_over_it(owner: Client, colleague: Client, make_flag: MakeFlag) -> None:
    flag = make_flag("dark-mode")
    mine = posted(flag, description="Of the owner.")
    change(colleague, flag, posted(flag, description="Of the admin."))
    again = sent_back(change(owner, flag, mine))
    assert again == opened(flag)
    with counted("flag.updated"):
        assert change(owner, flag, {**mine, "opened": again}).status_code == 302
    flag.refresh_from_db()
    assert flag.description == "Of the owner."


def test_a_change_of_a_state_counts_like_one_of_the_flag(owner: Client, colleague: Client, make_flag: MakeFlag) -> None:
    flag = make_flag("dark-mode")
    mine = posted(flag, {"rollout": "off", "share": "5"})
    flag.states.get().kill("It breaks the checkout.")
    with counted():
        answer = change(owner, flag, mine)
    assert "after you had opened the page" in complaint(answer)
    assert "flag.state.updated</span>" in text(answer).replace(" in production", "")
    assert "in production" in text(answer)
    assert not flag.states.get().enabled


def test_a_rollout_is_put_back_to_what_it_was_by_who_has_seen_that_it_moved(
    owner: Client, colleague: Client, make_flag: MakeFlag
) -> None:
    """The page sends the rules of before and the slider of before, which say the same."""
    flag = make_flag("dark-mode")
    mine = posted(flag, description="Mine.")
    assert change(colleague, flag, posted(flag, {"rollout": "off", "share": "30"})).status_code == 302
    mine["opened"] = sent_back(change(owner, flag, mine))
    with counted("flag.updated", "flag.state.updated"):
        assert change(owner, flag, mine).status_code == 302
    assert flag.states.get().rules == []


def test_whatever_else_is_wrong_with_a_page_it_is_told_that_it_was_overtaken(
    owner: Client, colleague: Client, make_flag: MakeFlag
) -> None:
    flag = make_flag("dark-mode")
    mine = posted(flag, variants="{")
    change(colleague, flag, posted(flag, description="Of the admin."))
    answer = change(owner, flag, mine)
    assert "after you had opened the page" in complaint(answer)
    assert "It is not JSON" in str(answer.context["adminform"].form.errors["variants"])
    assert sent_back(answer) == opened(flag)


def test_a_page_that_is_shown_again_for_another_reason_is_still_what_it_was_opened_on(
    owner: Client, colleague: Client, make_flag: MakeFlag
) -> None:
    flag = make_flag("dark-mode")
    mine = posted(flag, variants="{")
    answer = change(owner, flag, mine)
    change(colleague, flag, posted(flag, description="Of the admin."))
    assert sent_back(answer) == mine["opened"]
    assert "meanwhile" not in text(answer)
    again = {**mine, "variants": '{"on": true, "off": false}', "opened": sent_back(answer)}
    assert "after you had opened the page" in complaint(change(owner, flag, again))


@pytest.mark.parametrize("sent", [None, "", "x", "0.1", "é.²", "a." + "9" * 30])
def test_a_page_that_does_not_say_what_it_was_opened_on_saves_nothing(
    owner: Client, make_flag: MakeFlag, sent: str | None
) -> None:
    flag = make_flag("dark-mode")
    fields = {**posted(flag, description="Blind."), "opened": sent}
    with counted():
        answer = change(owner, flag, {name: value for name, value in fields.items() if value is not None})
    assert "the page" in complaint(answer)
    flag.refresh_from_db()
    assert flag.description == ""


def test_a_change_that_the_log_does_not_have_is_told_without_a_name(owner: Client, make_flag: MakeFlag) -> None:
    flag = make_flag("dark-mode")
    mine = posted(flag)
    models.QuerySet(Flag).filter(pk=flag.pk).update(description="Past everything.")
    assert complaint(change(owner, flag, mine)).startswith("This is not what the page was opened on. Nothing was saved")


def test_changes_of_other_flags_disturb_nobody(owner: Client, make_flag: MakeFlag) -> None:
    flag, other = make_flag("dark-mode"), make_flag("new-ui")
    mine = posted(flag, description="Mine.")
    other.states.get().kill("x")
    with counted("flag.updated"):
        assert change(owner, flag, mine).status_code == 302


def test_a_flag_that_was_deleted_meanwhile_is_not_there_again(owner: Client, make_flag: MakeFlag) -> None:
    flag = make_flag("dark-mode")
    mine = posted(flag, description="Mine.")
    before = Opened.of(flag)
    Flag.objects.get().delete()
    assert Opened.of(flag).digest != before.digest
    assert change(owner, flag, mine).status_code == 302
    assert not Flag.objects.exists()


def test_segments_environments_and_those_of_projects_are_kept_from_it_too(
    owner: Client, organization: Organization, environment: Environment, project: Project
) -> None:
    staging = Environment.objects.create(organization=organization, key="staging")
    segment = Segment.objects.create(organization=organization, key="few")
    home = ProjectEnvironment.objects.create(project=project, environment=environment)
    cases: list[tuple[str, Any, dict[str, Any], dict[str, Any]]] = [
        ("environment", staging, {"protected": True}, {}),
        ("segment", segment, {"description": "Theirs."}, {"description": "Mine.", "conditions": FEW}),
        ("projectenvironment", home, {"environment": staging}, {"environment": environment.pk}),
    ]
    for page, row, theirs, mine in cases:
        fields = {**mine, "opened": sent_back(owner.get(path(page, row.pk, "change")))}
        type(row).objects.filter(pk=row.pk).update(**theirs)
        with counted():
            answer = owner.post(path(page, row.pk, "change"), fields)
        assert "changed this at" in complaint(answer), page
        assert f"{row.audit_kind}.updated" in text(answer)
        row.refresh_from_db()
        assert {name: getattr(row, name) for name in theirs} == theirs
        fields["opened"] = sent_back(answer)
        with counted(f"{row.audit_kind}.updated"):
            assert owner.post(path(page, row.pk, "change"), fields).status_code == 302


def test_a_new_row_was_opened_on_nothing(owner: Client, organization: Organization) -> None:
    assert 'name="opened"' not in text(owner.get(path("segment", "add")))


def test_nothing_is_restored_from_a_history_that_goes_on(owner: Client, colleague: Client, make_flag: MakeFlag) -> None:
    flag = make_flag("dark-mode")
    flag.states.get().kill("x")
    shown = owner.get(path("flag", flag.pk, "history"))
    event = shown.context["page"][0]
    change(colleague, flag, posted(flag, {"default_variant": "off"}))
    with counted():
        answer = owner.post(
            path("flag", flag.pk, "restore", event.public_id), {"opened": sent_back(shown)}, follow=True
        )
    (reason,) = told(answer)
    assert re.match(r"admin@example\.com changed this at .* Nothing was restored: look at what is there now\.", reason)
    assert not flag.states.get().enabled
    with counted("flag.state.updated"):
        owner.post(path("flag", flag.pk, "restore", event.public_id), {"opened": sent_back(answer)})
    assert flag.states.get().enabled


def test_a_state_that_came_meanwhile_is_shown_by_the_page_that_is_opened_anew(
    owner: Client, make_flag: MakeFlag, environment: Environment
) -> None:
    flag = make_flag("dark-mode")
    staging = Environment.objects.create(organization=environment.organization, key="staging")
    mine = posted(flag, {}, {"enabled": "on"})
    FlagState.objects.create(flag=flag, environment=staging, default_variant="off")
    with counted():
        answer = change(owner, flag, mine)
    assert "after you had opened the page" in complaint(answer)
    assert f'href="{path("flag", flag.pk, "change")}">Open the page anew' in text(answer)
    with counted():
        assert change(owner, flag, {**mine, "opened": sent_back(answer)}).status_code == 200
    staging.delete()
    with counted():
        assert change(owner, flag, {**mine, "opened": opened(flag)}).status_code in (200, 302)


def test_of_many_who_save_at_once_one_does(owner: Client, make_flag: MakeFlag) -> None:
    flag = make_flag("dark-mode")
    pages = [posted(flag, description=f"Of number {number}.") for number in range(4)]

    start = Barrier(len(pages))

    def save(fields: dict[str, Any]) -> int:
        start.wait(30)
        try:
            return int(change(owner, flag, fields).status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(save, pages)) == [200, 200, 200, 302]
