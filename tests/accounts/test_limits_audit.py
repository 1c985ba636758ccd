"""Every change of a limit and a budget is written down, whichever way it was made, and can be undone."""

from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from accounts.audit.restoring import CannotRestore, restore
from accounts.audit.verifying import verify
from accounts.models import ApiKey, AuditEvent, Budget, Organization, Project, RateLimit, Spend
from accounts.models.limitchanges import changes
from api.models import Alias, Model
from tests.accounts.conftest import Issue

ECHO = "lukhas-echo-1"


def written() -> list[AuditEvent]:
    """What is on the log of limits and budgets."""
    return list(AuditEvent.objects.filter(target_type__in=["accounts.ratelimit", "accounts.budget"]).order_by("pk"))


def last() -> AuditEvent:
    return written()[-1]


def rate(project: Project, value: int, model: str = ECHO) -> RateLimit:
    row = RateLimit.objects.put(project, {"value": value}, unit="tokens", period="day", model=model)
    assert row is not None
    return row


def test_a_new_a_changed_and_a_deleted_rate_limit_are_written_down(project: Project) -> None:
    row = rate(project, 5)
    rate(project, 6)
    row.delete()
    events = written()
    assert [event.type for event in events] == ["rate_limit.updated", "rate_limit.updated", "rate_limit.deleted"]
    shown = {
        "organization": None,
        "project": project.public_id,
        "api_key": None,
        "model": ECHO,
        "unit": "tokens",
        "period": "day",
        "value": 5,
    }
    assert (events[0].before, events[0].after) == (None, shown)
    assert (events[1].before, events[1].after, events[1].changed()) == (shown, {**shown, "value": 6}, ["value"])
    assert (events[2].before, events[2].after) == ({**shown, "value": 6}, None)
    for event in events:
        assert event.organization == project.organization.public_id
        assert (event.project_id, event.project_name) == (project.public_id, project.name)
    assert events[1].target_name == f"6 tokens per day of {ECHO}"
    assert verify(project.organization.public_id).problems == []


def test_a_budget_is_written_down_exactly(project: Project) -> None:
    for amount in ("12.5", "0.000001"):
        Budget.objects.put(project, {"amount": amount}, period="month")
    Budget.objects.put(project, {}, period="month")
    events = written()
    assert [event.type for event in events] == ["budget.created", "budget.updated", "budget.deleted"]
    assert events[1].changed() == ["amount"]
    assert (events[1].before["amount"], events[1].after["amount"]) == ("12.500000", "0.000001")


def test_it_is_written_in_the_chain_of_the_organisation_that_it_holds_for_or_in(
    organization: Organization, project: Project, issue: Issue
) -> None:
    key = issue()[0]
    Budget.objects.create(organization=organization, period="day", amount=1)
    assert (last().organization, last().project_id) == (organization.public_id, "")
    RateLimit.objects.create(api_key=key, unit="in_flight", value=1)
    assert (last().organization, last().project_id) == (organization.public_id, project.public_id)
    assert last().after["api_key"] == key.public_id


def test_many_at_once_are_written_down_each_and_read_anew(project: Project) -> None:
    begun = changes.count
    RateLimit.objects.bulk_create(
        RateLimit(project=project, unit=unit, period="day", value=5) for unit in ("requests", "tokens")
    )
    RateLimit.objects.update(value=7)
    RateLimit.objects.filter(unit="tokens").update(value=7)  # which changes nothing
    RateLimit.objects.all().delete()
    assert [event.type for event in written()] == ["rate_limit.updated"] * 4 + ["rate_limit.deleted"] * 2
    assert changes.count == begun + 4


def test_limits_that_go_with_their_key_are_written_down(issue: Issue) -> None:
    key = issue()[0]
    RateLimit.objects.create(api_key=key, unit="in_flight", value=1)
    Budget.objects.create(api_key=key, period="day", amount=1)
    ApiKey.objects.filter(pk=key.pk).delete()
    assert sorted(event.type for event in written()[2:]) == ["budget.deleted", "rate_limit.deleted"]


def test_commands_are_written_down_with_who_runs_them(project: Project) -> None:
    for command in (["set_limit", "requests/minute", "5"], ["set_budget", "day", "5"], ["set_budget", "day", "none"]):
        call_command(*command, stdout=StringIO())
        name = f"manage.py {command[0]}"
        assert (last().source, last().actor_kind, last().actor_name) == ("command", "command", name)
    call_command("set_limit", "requests/minute", "9", "--dry-run", stdout=StringIO())
    assert [event.type for event in written()] == ["rate_limit.updated", "budget.created", "budget.deleted"]


def test_staff_are_written_down_with_where_they_were(staff: Client, project: Project) -> None:
    fields = {"project": project.pk, "model": ECHO, "unit": "requests", "period": "minute", "value": 5}
    assert staff.post("/admin/accounts/ratelimit/add/", fields).status_code == 302
    row = RateLimit.objects.get()
    changed = staff.post(f"/admin/accounts/ratelimit/{row.pk}/change/", {**fields, "value": 6})
    deleted = staff.post(f"/admin/accounts/ratelimit/{row.pk}/delete/", {"post": "yes"})
    assert (changed.status_code, deleted.status_code) == (302, 302)
    events = written()
    assert [event.type for event in events] == ["rate_limit.updated", "rate_limit.updated", "rate_limit.deleted"]
    for event in events:
        assert (event.source, event.actor_kind, event.actor_name) == ("admin", "user", "root@example.com")
        assert event.address == "127.0.0.1"


def test_what_was_refused_is_not_written_down(staff: Client, project: Project) -> None:
    fields = {"project": project.pk, "model": "big", "unit": "requests", "period": "minute", "value": 5}
    assert staff.post("/admin/accounts/ratelimit/add/", fields).status_code == 200
    assert written() == []


def test_what_is_spent_is_no_change(project: Project) -> None:
    begun = AuditEvent.objects.count()
    Spend.objects.create(scope=f"project:{project.public_id}", period="day", start="2026-01-31", micro=5)
    assert AuditEvent.objects.count() == begun


# --- Restoring -------------------------------------------------------------------------------------------------


def test_a_limit_gets_its_value_back_and_the_process_reads_it_anew(project: Project) -> None:
    rate(project, 5)
    rate(project, 6)
    begun = changes.count
    restore(last())
    assert RateLimit.objects.get().value == 5
    assert changes.count == begun + 1
    assert (last().type, last().before["value"], last().after["value"]) == ("rate_limit.updated", 6, 5)


def test_a_deleted_limit_and_a_deleted_budget_are_made_again(project: Project, issue: Issue) -> None:
    key = issue()[0]
    rows: list[Any] = [
        rate(project, 5),
        RateLimit.objects.create(api_key=key, unit="in_flight", value=3),
        Budget.objects.create(organization=project.organization, period="month", amount=Decimal("12.5")),
    ]
    for row in rows:
        shown = str(row), row.scope
        row.delete()
        restored: Any = restore(last())
        assert (str(restored), restored.scope) == shown


def test_a_limit_of_a_model_that_is_gone_gets_its_value_back_but_is_not_made_again(project: Project) -> None:
    alias = Alias.objects.create(name="fast", target=Model.objects.get(model_id=ECHO))
    rate(project, 5, "fast")
    row = rate(project, 6, "fast")
    changed = last()
    alias.delete()
    restore(changed)
    assert RateLimit.objects.get().value == 5
    row.delete()
    with pytest.raises(CannotRestore, match="no model and no alias"):
        restore(last())


def test_a_limit_is_not_made_again_beside_another_of_its_kind(project: Project) -> None:
    rate(project, 5).delete()
    gone = last()
    rate(project, 6)
    with pytest.raises(CannotRestore, match="change that one"):
        restore(gone)
    assert RateLimit.objects.get().value == 6
