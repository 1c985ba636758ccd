"""Limits as rows: what may stand in the database, and what must not."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.modelnames import ModelNames
from accounts.models import ApiKey, Budget, Organization, Project, RateLimit, Spend
from api.models import Alias, Model
from tests.accounts.conftest import Issue


def rate(**fields: Any) -> RateLimit:
    return RateLimit(**{"unit": "requests", "period": "minute", "value": 5, **fields})


def test_limits_and_budgets_say_what_they_are(project: Project, organization: Organization, issue: Issue) -> None:
    key = issue()[0]
    assert str(rate(project=project, model="big")) == "5 requests per minute of big"
    assert str(rate(api_key=key, unit="in_flight", period="")) == "5 requests in flight"
    assert str(Budget(organization=organization, period="month", amount=Decimal("1200.50"))) == "$1,200.5 a month"
    assert rate(api_key=key).scope_key == f"key:{key.public_id}"
    assert rate(project=project).scope_key == f"project:{project.public_id}"
    assert rate(organization=organization).scope_key == f"organization:{organization.public_id}"
    spend = Spend(scope="project:p", period="day", start=date(2026, 1, 31), micro=1_500_001)
    assert str(spend) == "project:p, day of 2026-01-31: $1.500001"


def test_a_limit_holds_for_exactly_one_scope(project: Project, organization: Organization) -> None:
    for scopes in ({}, {"project": project, "organization": organization}):
        with pytest.raises(ValidationError) as caught:
            rate(**scopes).full_clean()
        assert "one_scope" in {error.code for error in caught.value.error_dict["__all__"]}
        with pytest.raises(IntegrityError), transaction.atomic():
            rate(**scopes).save()
    with pytest.raises(ValueError, match="nothing"):
        _ = rate().scope


def test_an_admin_key_has_nothing_to_limit(issue: Issue) -> None:
    with pytest.raises(ValidationError, match="nothing to limit"):
        rate(api_key=issue(is_admin=True)[0]).full_clean()


@pytest.mark.parametrize("model", ["lukhas-echo-1", "fast", ""])
def test_a_limit_is_of_a_model_or_an_alias_that_there_is(project: Project, model: str) -> None:
    Alias.objects.create(name="fast", target=Model.objects.get(model_id="lukhas-echo-1"))
    Model.objects.update(enabled=False)
    rate(project=project, model=model).full_clean()


def test_a_limit_of_a_model_that_there_is_not_is_refused(project: Project) -> None:
    with pytest.raises(ValidationError) as caught:
        rate(project=project, model="big").full_clean()
    assert caught.value.message_dict == {"model": ["There is no model and no alias 'big'."]}


def test_a_limit_outlives_its_model_and_can_still_be_changed_but_not_moved(project: Project) -> None:
    alias = Alias.objects.create(name="fast", target=Model.objects.get(model_id="lukhas-echo-1"))
    which = {"unit": "tokens", "period": "day", "model": "fast"}
    RateLimit.objects.put(project, {"value": 5}, **which)
    alias.delete()
    RateLimit.objects.put(project, {"value": 6}, **which)
    row = RateLimit.objects.get()
    assert row.value == 6
    row.model = "faster"
    with pytest.raises(ValidationError, match="faster"):
        row.full_clean()


def test_without_a_catalog_there_is_no_model() -> None:
    names = ModelNames()
    assert not names.include("lukhas-echo-1")
    names.ask(lambda name: name == "fast")
    assert [names.include(name) for name in ("fast", "slow")] == [True, False]


@pytest.mark.parametrize(
    ("unit", "period"),
    [("requests", ""), ("tokens", ""), ("in_flight", "day"), ("bytes", "minute"), ("tokens", "week")],
)
def test_a_unit_has_a_period_that_goes_with_it(project: Project, unit: str, period: str) -> None:
    with pytest.raises(ValidationError):
        rate(project=project, unit=unit, period=period).full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        rate(project=project, unit=unit, period=period).save()


def test_a_scope_has_one_limit_of_a_kind_and_model(project: Project, organization: Organization) -> None:
    rate(project=project).save()
    rate(project=project, model="m").save()
    rate(organization=organization).save()
    with pytest.raises(ValidationError, match="change that one"):
        rate(project=project).full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        rate(project=project, model="m").save()
    Budget(project=project, period="day", amount=1).save()
    with pytest.raises(IntegrityError), transaction.atomic():
        Budget(project=project, period="day", amount=2).save()


def test_numbers_stay_where_counting_is_exact(project: Project) -> None:
    for value in (-1, 2**50 + 1):
        with pytest.raises(ValidationError):
            rate(project=project, value=value).full_clean()
        with pytest.raises(IntegrityError), transaction.atomic():
            rate(project=project, value=value).save()
    rate(project=project, value=2**50).full_clean()
    with pytest.raises(ValidationError):
        Budget(project=project, period="day", amount=Decimal("-0.01")).full_clean()
    for fields in ({"amount": -1, "period": "day"}, {"amount": 1, "period": "week"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Budget(project=project, **fields).save()


def test_what_is_limited_takes_its_limits_along(issue: Issue) -> None:
    key = issue()[0]
    rate(api_key=key).save()
    ApiKey.objects.filter(pk=key.pk).delete()
    assert not RateLimit.objects.exists()


def test_putting_makes_changes_and_takes_away(project: Project) -> None:
    which = {"unit": "tokens", "period": "day", "model": ""}
    for value in (5, 6):
        row = RateLimit.objects.all().put(project, {"value": value}, **which)
        assert row is not None
        assert row.value == RateLimit.objects.get().value == value
    with pytest.raises(ValidationError):
        RateLimit.objects.all().put(project, {"value": -1}, **which)
    assert RateLimit.objects.get().value == 6
    assert RateLimit.objects.all().put(project, {}, **which) is None
    assert not RateLimit.objects.exists()


def test_a_budget_is_exact_to_the_millionth_of_a_dollar(project: Project) -> None:
    Budget(project=project, period="day", amount=Decimal("12345678.000001")).save()
    assert Budget.objects.get().amount_micro == 12_345_678_000_001
