"""The gate of one process: reserve, settle, refuse, and remember what was spent."""

import asyncio
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import OperationalError

from accounts.exceptions import BudgetSpent, LimitReached
from accounts.limits import gate as gates
from accounts.limits import keeper as keepers
from accounts.limits import spending
from accounts.limits.buckets import LocalStore
from accounts.limits.gate import Gate
from accounts.limits.keeper import Keeper
from accounts.limits.rules import Rule
from accounts.models import ApiKey, Budget, Project, RateLimit, Spend
from accounts.principal import Principal
from lukhas_site.http.orm import in_database
from tests.accounts.conftest import Issue


@pytest.fixture
def principal(issue: Issue) -> Principal:
    key, _ = issue()
    return ApiKey.objects.with_owners().get(pk=key.pk).principal()


@pytest.fixture(autouse=True)
def untouched(database: None) -> Iterator[None]:
    gates.forget()
    yield
    gates.forget()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.keeper.stop()


def limited(project: Project, value: int, unit: str = "requests", period: str = "minute") -> None:
    RateLimit.objects.all().put(project, {"value": value}, unit=unit, period=period, model="")


def reserve(gate: Gate, principal: Principal, tokens: int = 10, cost: int = 0) -> Any:
    return gate.reserve(principal, asked="fast", answers="big", tokens=tokens, cost_micro=cost)


def scope_rule(project: Project, unit: Any, period: Any = "minute") -> Rule:
    return Rule(f"project:{project.public_id}", "", unit, period, 0)


async def test_two_hundred_callers_at_a_limit_of_a_hundred_let_in_exactly_a_hundred(
    gate: Gate, principal: Principal, project: Project
) -> None:
    await in_database(limited, project, 100)
    began = time.monotonic()
    outcomes = await asyncio.gather(*(reserve(gate, principal) for _ in range(200)), return_exceptions=True)
    refusals = [outcome for outcome in outcomes if isinstance(outcome, LimitReached)]
    assert len(refusals) == 100
    assert sum(isinstance(outcome, gates.Reservation) for outcome in outcomes) == 100
    assert gate.in_use([scope_rule(project, "requests")]) == [100]
    told = refusals[0]
    assert (told.scope, told.model, told.unit, told.period, told.limit, told.used, told.requested) == (
        f"project:{project.public_id}", "fast", "requests", "minute", 100, 100, 1
    )  # fmt: skip
    assert told.retry_after is not None
    assert 59 - (time.monotonic() - began) < told.retry_after <= 61
    assert told.headers["x-ratelimit-remaining-requests"] == "0"


async def test_settling_and_releasing_happen_once(gate: Gate, principal: Principal, project: Project) -> None:
    await in_database(limited, project, 100, "tokens")
    first = await reserve(gate, principal, 40)
    assert first.headers["x-ratelimit-remaining-tokens"] == "60"
    first.settle(10)
    first.settle(90)
    first.release()
    second = await reserve(gate, principal, 50)
    second.release()
    assert gate.in_use([scope_rule(project, "tokens")]) == [10]


async def test_a_request_that_calls_no_model_is_measured_by_its_keys_limits_on_requests_alone(
    gate: Gate, principal: Principal, project: Project
) -> None:
    await in_database(limited, project, 0)
    assert await gate.reserve_call(principal) is None
    key = await in_database(ApiKey.objects.get, public_id=principal.key_id)
    for unit, period, value in (("requests", "minute", 2), ("in_flight", "", 1), ("tokens", "minute", 0)):
        await in_database(RateLimit.objects.all().put, key, {"value": value}, unit=unit, period=period, model="")
    first = await gate.reserve_call(principal)
    assert first is not None
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    with pytest.raises(LimitReached) as caught:
        await gate.reserve_call(principal)
    assert (caught.value.unit, caught.value.model) == ("in_flight", "")
    first.release()
    second = await gate.reserve_call(principal)
    assert second is not None
    second.release()
    with pytest.raises(LimitReached) as caught:
        await gate.reserve_call(principal)
    assert caught.value.unit == "requests"


async def test_a_budget_refuses_with_what_is_left_of_it_and_what_it_would_have_cost(
    gate: Gate, principal: Principal, project: Project
) -> None:
    await in_database(lambda: Budget.objects.all().put(project, {"amount": "0.0001"}, period="day"))
    (await reserve(gate, principal, cost=60)).settle(10, 70)
    with pytest.raises(BudgetSpent) as caught:
        await reserve(gate, principal, cost=31)
    error = caught.value
    assert (error.limit, error.used, error.requested) == (Decimal("0.0001"), Decimal("0.00007"), Decimal("0.000031"))
    assert (error.scope, error.period) == (f"project:{project.public_id}", "day")
    assert "x-ratelimit-limit-requests" in error.headers
    await reserve(gate, principal, cost=30)


async def test_no_sql_is_run_for_a_request_once_the_limits_are_known(
    gate: Gate, principal: Principal, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (await reserve(gate, principal, cost=5)).release()

    async def never(*_: Any) -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr("accounts.limits.ruleset.in_database", never)
    monkeypatch.setattr("accounts.limits.gate.in_database", never)
    for _ in range(10):
        (await reserve(gate, principal, cost=5)).settle(10, 5)


# --- Across a restart -------------------------------------------------------------------------------------------


async def test_what_was_spent_survives_a_restart(gate: Gate, principal: Principal, project: Project) -> None:
    await in_database(lambda: Budget.objects.all().put(project, {"amount": "0.0001"}, period="month"))
    (await reserve(gate, principal, cost=60)).settle(10, 60)
    await gate.close()
    rows = await in_database(lambda: list(Spend.objects.values_list("scope", "period", "micro")))
    assert len(rows) == 6  # key, project and organisation, by day and by month
    assert {micro for _, _, micro in rows} == {60}
    again = Gate()
    with pytest.raises(BudgetSpent) as caught:
        await reserve(again, principal, cost=50)
    assert caught.value.used == Decimal("0.00006")
    (await reserve(again, principal, cost=40)).settle(10, 40)
    await again.close()
    assert await in_database(lambda: set(Spend.objects.values_list("micro", flat=True))) == {100}


async def test_what_was_spent_is_written_within_a_second_or_so(gate: Gate, principal: Principal) -> None:
    (await reserve(gate, principal, cost=60)).settle(10, 60)
    deadline = time.monotonic() + 10
    while not await in_database(Spend.objects.exists):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert threading.active_count() > 1
    assert gate.local.take_pending() == {}


def test_what_cannot_be_written_is_written_later(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore()
    account = (f"project:{project.public_id}", "day", store.calendar.today()[0])
    store.return_pending({account: 5})
    real = spending.add

    def fail(costs: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(spending, "add", fail)
    assert not spending.flush(store)
    monkeypatch.setattr(spending, "add", real)
    assert spending.flush(store)
    assert spending.flush(store)
    assert Spend.objects.get().micro == 5
    spending.add({account: 7})
    assert Spend.objects.get().micro == 12
    assert spending.read([account[1:]], [account[0]]) == {account: 12}
    assert spending.read([account[1:]], ["project:other"]) == {}


def test_people_see_what_is_spent_before_anybody_called(gate: Gate, project: Project) -> None:
    scope = f"project:{project.public_id}"
    day, month = gate.local.calendar.today()
    spending.add({(scope, "day", day): 5, (scope, "month", month): 9})
    for _ in range(2):
        assert gate.spending([(scope, "day"), (scope, "month")]) == [5, 9]


# --- The keeper -------------------------------------------------------------------------------------------------


def test_the_keeper_works_on_after_a_round_that_failed_and_once_more_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keepers, "EVERY", 0.01)
    rounds: list[int] = []
    third = threading.Event()

    def work() -> None:
        rounds.append(1)
        if len(rounds) == 1:
            raise RuntimeError("once")
        if len(rounds) == 3:
            third.set()

    keeper = Keeper(work)
    keeper.stop()
    for _ in range(2):
        keeper.start()
    assert third.wait(10)
    keeper.stop()
    done = len(rounds)
    time.sleep(0.05)
    assert len(rounds) == done >= 4
    keeper.start()
    keeper.stop()
    assert len(rounds) == done + 1


def test_forgetting_waits_for_nothing_and_leaves_nothing(project: Project) -> None:
    gates.gate.local.return_pending({("project:p", "day", "2026-01-31"): 5})
    gates.forget()
    assert gates.gate.local.take_pending() == {}
