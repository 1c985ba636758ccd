"""The snapshot of the limits: what holds for whom, how old it may be, and what happens without a database."""

from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError, transaction

from accounts.limits import ruleset
from accounts.limits.ruleset import MAX_AGE, Holder, Ruleset, read, scopes_of
from accounts.models import ApiKey, Budget, Organization, Project, RateLimit
from accounts.models.limitchanges import changes
from accounts.models.limits import field_of
from accounts.principal import Principal
from lukhas_site.http.orm import in_database
from tests.accounts.conftest import Clock, Issue


@pytest.fixture
def key(issue: Issue) -> ApiKey:
    return issue()[0]


@pytest.fixture
def principal(key: ApiKey) -> Principal:
    return ApiKey.objects.with_owners().get(pk=key.pk).principal()


def limit(scope: Organization | Project | ApiKey, value: int, unit: str = "requests", **fields: Any) -> RateLimit:
    period = "" if unit == "in_flight" else "minute"
    which = {"unit": unit, "period": period, "model": "", **fields}
    return RateLimit.objects.create(**{field_of(scope): scope}, value=value, **which)


def keys(rules: Ruleset, principal: Principal, asked: str = "m", answers: str = "m") -> dict[str, int]:
    return {rule.key.split(":", 2)[2]: rule.limit for rule in rules.plan(principal, asked, answers).rules}


def test_where_nothing_is_set_the_defaults_hold_for_each_project_and_model(principal: Principal, settings: Any) -> None:
    settings.LUKHAS_DEFAULT_RPM, settings.LUKHAS_DEFAULT_TPM = 7, 70
    plan = read().plan(principal, "m", "m")
    assert [(rule.scope, rule.model, rule.unit, rule.period, rule.limit) for rule in plan.rules] == [
        (f"project:{principal.project_id}", "m", "requests", "minute", 7),
        (f"project:{principal.project_id}", "m", "tokens", "minute", 70),
    ]
    assert plan.budgets == ()


def test_limits_of_key_project_and_organisation_hold_together(
    principal: Principal, key: ApiKey, project: Project, organization: Organization
) -> None:
    limit(key, 1)
    limit(project, 2)
    limit(organization, 3)
    limit(project, 4, "in_flight")
    limit(project, 5, "tokens", model="other")
    Budget.objects.all().put(project, {"amount": "1.5"}, period="month")
    plan = read().plan(principal, "m", "m")
    assert sorted(rule.limit for rule in plan.rules) == [1, 2, 3, 4, 1_000_000_000]
    assert [(budget.period, budget.limit) for budget in plan.budgets] == [("month", 1_500_000)]
    assert plan.scopes == scopes_of(principal) == (
        f"key:{key.public_id}", f"project:{project.public_id}", f"organization:{organization.public_id}"
    )  # fmt: skip


def test_a_request_counts_under_the_alias_it_asks_for_and_under_the_model_that_answers(
    principal: Principal, project: Project
) -> None:
    limit(project, 10, model="fast")
    limit(project, 20, model="big")
    found = keys(read(), principal, "fast", "big")
    assert found == {
        "requests:minute:fast": 10,
        "requests:minute:big": 20,
        "tokens:minute:fast": 1_000_000_000,
        "tokens:minute:big": 1_000_000_000,
    }
    assert "requests:minute:fast" not in keys(read(), principal, "big", "big")


@pytest.mark.parametrize("model", ["", "m"])
def test_a_limit_of_the_project_takes_the_place_of_the_default(
    principal: Principal, project: Project, model: str
) -> None:
    limit(project, 5, model=model)
    found = [rule for rule in read().plan(principal, "m", "m").rules if rule.unit == "requests"]
    assert [rule.limit for rule in found] == [5]


def test_a_limit_of_another_scope_or_of_the_day_leaves_the_default(principal: Principal, key: ApiKey) -> None:
    limit(key, 5)
    limit(key, 6, period="day")
    limits = [rule.limit for rule in read().plan(principal, "m", "m").rules if rule.unit == "requests"]
    assert sorted(limits) == [5, 6, 1_000_000]


def test_without_a_project_or_a_key_the_organisation_is_where_the_defaults_hold(principal: Principal) -> None:
    bare = replace(principal, key_id="", project_id=None)
    plan = read().plan(bare, "m", "m")
    assert plan.scopes == (f"organization:{principal.organization_id}",)
    assert {rule.scope for rule in plan.rules} == set(plan.scopes)


def test_what_was_worked_out_is_kept_until_something_changes(principal: Principal, project: Project) -> None:
    first = read()
    plan = first.plan(principal, "m", "m")
    assert first.plan(principal, "m", "m") is plan
    assert read(first) is first
    limit(project, 5)
    second = read(first)
    assert second is not first
    assert second.plan(principal, "m", "m") != plan


def test_plans_do_not_grow_without_end(principal: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ruleset, "MAX_PLANS", 2)
    rules = read()
    for model in "abcde":
        rules.plan(principal, model, model)
    assert len(rules.plans) <= 2


# --- Its age ----------------------------------------------------------------------------------------------------


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[Ruleset | None]:
    """Each reading of the database, by what was known before; a test may make the next one fail."""
    made: list[Ruleset | None] = []

    def counted(known: Ruleset | None = None) -> Ruleset:
        made.append(known)
        return read(known)

    monkeypatch.setattr(ruleset, "read", counted)
    return made


async def test_a_snapshot_is_read_again_when_it_is_two_seconds_old(
    database: None, readings: list[Ruleset | None]
) -> None:
    clock = Clock()
    holder = Holder(clock)
    first = await holder.current()
    clock.seconds += MAX_AGE - 0.01
    assert await holder.current() is first
    assert len(readings) == 1
    clock.seconds += 0.02
    await holder.current()
    assert readings == [None, first]


async def test_a_change_made_here_is_seen_at_once_however_it_is_made(
    project: Project, principal: Principal, readings: list[Ruleset | None]
) -> None:
    holder = Holder()

    def change(act: Any) -> Any:
        return in_database(act)

    async def limits() -> list[int]:
        plan = (await holder.current()).plan(principal, "m", "m")
        return sorted(rule.limit for rule in plan.rules if rule.unit == "requests")

    assert await limits() == [1_000_000]
    row = await change(lambda: limit(project, 5))
    assert await limits() == [5]
    await change(lambda: RateLimit.objects.filter(pk=row.pk).update(value=6))
    assert await limits() == [6]
    await change(lambda: RateLimit.objects.all().delete())
    assert await limits() == [1_000_000]
    fresh = RateLimit(project=project, unit="requests", period="minute", value=7)
    await change(lambda: RateLimit.objects.bulk_create([fresh]))
    assert await limits() == [7]
    await change(lambda: RateLimit.objects.get().delete())
    assert await limits() == [1_000_000]
    assert len(readings) == 6


def test_a_change_counts_once_it_is_committed(project: Project) -> None:
    before = changes.count
    with transaction.atomic():
        limit(project, 5)
        assert changes.count == before
    assert changes.count == before + 1


async def test_while_the_database_is_away_the_last_snapshot_goes_on(
    database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    holder = Holder(clock)

    def away(known: Ruleset | None) -> Ruleset:
        raise OperationalError("gone")

    real = ruleset.read
    monkeypatch.setattr(ruleset, "read", away)
    with pytest.raises(OperationalError):
        await holder.current()
    monkeypatch.setattr(ruleset, "read", real)
    first = await holder.current()
    monkeypatch.setattr(ruleset, "read", away)
    clock.seconds += 10
    assert await holder.current() is first
    changes.forget()
    assert await holder.current() is first
    holder.forget()
    with pytest.raises(OperationalError):
        await holder.current()
