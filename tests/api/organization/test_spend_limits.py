"""/v1/organization/spend_limit and /v1/organization/projects/{project_id}/spend_limit."""

from decimal import Decimal
from typing import Any

import httpx
import openai
import pytest
from django.utils import timezone

from accounts.models import Budget, Spend
from tests.api.organization.conftest import World, error_of

GOOD = {"threshold_amount": 50_001, "currency": "USD", "interval": "month"}


def test_the_limit_of_a_project_is_set_replaced_and_removed(admin: openai.OpenAI, world: World) -> None:
    limit, project = admin.admin.organization.projects.spend_limit, world.project.public_id
    with pytest.raises(openai.NotFoundError, match="No spend limit found"):
        limit.retrieve(project)
    made = limit.update(project, threshold_amount=50_001, currency="USD", interval="month")
    assert (made.object, made.threshold_amount, made.currency) == ("project.spend_limit", 50_001, "USD")
    assert (made.interval, made.enforcement.status) == ("month", "inactive")
    assert Budget.objects.get().amount == Decimal("500.01")
    assert limit.retrieve(project) == made
    assert limit.update(project, threshold_amount=1, currency="USD", interval="month").threshold_amount == 1
    assert Budget.objects.count() == 1
    assert limit.delete(project).deleted is True
    assert not Budget.objects.exists()
    with pytest.raises(openai.NotFoundError):
        limit.delete(project)


def test_the_limit_of_the_organisation_is_another(admin: openai.OpenAI, world: World) -> None:
    organization = admin.admin.organization
    made = organization.spend_limit.update(threshold_amount=700, currency="USD", interval="month")
    assert (made.object, made.threshold_amount) == ("organization.spend_limit", 700)
    assert organization.spend_limit.retrieve() == made
    with pytest.raises(openai.NotFoundError):
        organization.projects.spend_limit.retrieve(world.project.public_id)
    assert organization.spend_limit.delete().object == "organization.spend_limit.deleted"
    with pytest.raises(openai.NotFoundError):
        organization.spend_limit.retrieve()


def test_a_limit_that_is_reached_is_said_to_be_enforcing(admin: openai.OpenAI, world: World) -> None:
    limit, project = admin.admin.organization.projects.spend_limit, world.project.public_id
    limit.update(project, threshold_amount=100, currency="USD", interval="month")
    month = timezone.now().date().replace(day=1)
    spent = Spend.objects.create(scope=f"project:{project}", period="month", start=month, micro=999_999)
    assert limit.retrieve(project).enforcement.status == "inactive"
    Spend.objects.filter(pk=spent.pk).update(micro=1_000_000)
    assert limit.retrieve(project).enforcement.status == "enforcing"


def test_a_daily_budget_is_not_touched(admin: openai.OpenAI, world: World) -> None:
    limit, project = admin.admin.organization.projects.spend_limit, world.project.public_id
    Budget.objects.put(world.project, {"amount": Decimal(3)}, period="day")
    with pytest.raises(openai.NotFoundError):
        limit.retrieve(project)
    limit.update(project, threshold_amount=100, currency="USD", interval="month")
    limit.delete(project)
    assert Budget.objects.get().period == "day"


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "missing_required_parameter", "threshold_amount"),
        ({**GOOD, "threshold_amount": 0}, "integer_below_min_value", "threshold_amount"),
        ({**GOOD, "threshold_amount": 10_000_000_000}, "integer_above_max_value", "threshold_amount"),
        ({**GOOD, "threshold_amount": 12.5}, "invalid_type", "threshold_amount"),
        ({**GOOD, "threshold_amount": None}, "invalid_type", "threshold_amount"),
        ({**GOOD, "currency": "EUR"}, "invalid_value", "currency"),
        ({**GOOD, "currency": "usd"}, "invalid_value", "currency"),
        ({**GOOD, "interval": "day"}, "invalid_value", "interval"),
        ({"threshold_amount": 5, "interval": "month"}, "missing_required_parameter", "currency"),
        ({**GOOD, "enforcement": {"status": "inactive"}}, "unknown_parameter", "enforcement"),
    ],
)
def test_what_is_no_limit_is_refused_by_name_and_sets_none(
    api: httpx.Client, world: World, body: dict[str, Any], code: str, param: str
) -> None:
    for path in ("/spend_limit", f"/projects/{world.project.public_id}/spend_limit"):
        error = error_of(api.post(path, json=body), 400)
        assert (error["code"], error["param"]) == (code, param)
    assert not Budget.objects.exists()


def test_the_highest_limit_is_kept_to_the_cent(api: httpx.Client, world: World) -> None:
    path = f"/projects/{world.project.public_id}/spend_limit"
    assert api.post(path, json={**GOOD, "threshold_amount": 9_999_999_999}).json()["threshold_amount"] == 9_999_999_999
