"""Counting in one process: exact windows, one step for all scopes, settling, budgets."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.limits.buckets import IN_FLIGHT_WAIT, LocalStore, Window
from accounts.limits.rules import BudgetRule, Grant, Plan, Refusal, Rule

SCOPE = "project:proj_1"
DAY = 86_400


class Clocks:
    """A monotonic clock and a calendar that a test moves together."""

    def __init__(self, seconds: float = 1000.0, date: datetime = datetime(2026, 1, 31, 12, tzinfo=UTC)) -> None:
        self.seconds = seconds
        self.epoch = date.timestamp() - seconds

    def pass_(self, seconds: float) -> None:
        self.seconds += seconds

    def store(self) -> LocalStore:
        return LocalStore(lambda: self.seconds, lambda: self.epoch + self.seconds)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def rule(limit: int, unit: Any = "requests", period: Any = "minute", model: str = "", scope: str = SCOPE) -> Rule:
    return Rule(scope, model, unit, period, limit)


def plan(*rules: Rule, budgets: tuple[BudgetRule, ...] = ()) -> Plan:
    return Plan(rules, budgets, (SCOPE, "organization:org-1"))


def granted(outcome: Grant | Refusal) -> Grant:
    assert isinstance(outcome, Grant)
    return outcome


def refused(outcome: Grant | Refusal) -> Refusal:
    assert isinstance(outcome, Refusal)
    return outcome


# --- Windows ---------------------------------------------------------------------------------------------------


@given(
    limit=st.integers(1, 6),
    steps=st.lists(st.one_of(st.integers(0, 1500), st.integers(58_000, 62_000), st.integers(0, 30_000)), max_size=80),
    start=st.integers(0, 999),
)
def test_never_more_than_the_limit_in_any_sixty_seconds_and_never_refused_without_need(
    limit: int, steps: list[int], start: int
) -> None:
    now = 5_000_000 + start
    store = LocalStore(lambda: now / 1000)
    measured = plan(rule(limit))
    let_in: list[int] = []
    for step in steps:
        now += step
        if isinstance(store.reserve(measured, 0, 0), Grant):
            let_in.append(now)
            assert sum(now - 60_000 <= at <= now for at in let_in) <= limit
        else:
            assert sum(now - 61_000 <= at <= now for at in let_in) >= limit


@given(
    limit=st.integers(1, 500),
    steps=st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 200), st.integers(0, 200)), max_size=60),
)
def test_tokens_settled_for_less_never_add_up_to_more_than_the_limit_in_any_sixty_seconds(
    limit: int, steps: list[tuple[int, int, int]]
) -> None:
    now = 7_777_777
    store = LocalStore(lambda: now / 1000)
    measured = plan(rule(limit, "tokens"))
    used: list[tuple[int, int]] = []
    for step, estimate, less in steps:
        now += step
        outcome = store.reserve(measured, estimate, 0)
        if isinstance(outcome, Grant):
            really = max(0, estimate - less)
            store.settle(outcome, really, 0)
            used.append((now, really))
        total = sum(tokens for at, tokens in used if now - 60_000 <= at <= now)
        assert total <= limit
        assert store.peek(measured.rules)[0] >= total


@given(
    limit=st.integers(1, 5),
    steps=st.lists(st.integers(0, 9_000), min_size=1, max_size=40),
    period=st.sampled_from(["minute", "day"]),
)
def test_whoever_waits_as_long_as_told_is_let_in_and_not_a_bucket_earlier(
    limit: int, steps: list[int], period: str
) -> None:
    now = 3_333.0
    store = LocalStore(lambda: now)
    measured = plan(rule(limit, period=period))
    for step in steps:
        now += step / 1000
        outcome = store.reserve(measured, 0, 0)
        if isinstance(outcome, Refusal):
            assert outcome.retry_after is not None
            before = now
            now = before + outcome.retry_after - 0.001
            assert isinstance(store.reserve(measured, 0, 0), Refusal)
            now = round(before + outcome.retry_after, 6)
            granted(store.reserve(measured, 0, 0))


def test_what_happened_at_the_end_of_a_second_counts_for_sixty_whole_seconds(clocks: Clocks) -> None:
    store = clocks.store()
    clocks.pass_(0.9)
    granted(store.reserve(plan(rule(1)), 0, 0))
    clocks.pass_(59.9)  # sixty buckets alone would have let go of it
    assert refused(store.reserve(plan(rule(1)), 0, 0)).retry_after == pytest.approx(0.2)
    clocks.pass_(0.2)
    granted(store.reserve(plan(rule(1)), 0, 0))


def test_a_day_is_any_twenty_four_hours(clocks: Clocks) -> None:
    store = clocks.store()
    measured = plan(rule(2, period="day"))
    granted(store.reserve(measured, 0, 0))
    clocks.pass_(DAY - 60)
    granted(store.reserve(measured, 0, 0))
    assert refused(store.reserve(measured, 0, 0)).used == 2
    clocks.pass_(121)
    granted(store.reserve(measured, 0, 0))


def test_a_window_gives_back_only_what_still_counts_and_where_it_stands() -> None:
    window = Window(1, 60)
    for second in (10, 11, 12):
        window.add(second, 5)
    window.give_back(11, 2)
    window.give_back(9, 5)  # before anything that is there
    assert window.used(12) == 13
    window.give_back(12, 5)
    assert window.whole_in(12) == 60  # what happened at 11 is now the last
    assert window.used(71) == 3
    window.give_back(10, 5)
    assert window.used(71) == 3
    assert Window(1, 60).whole_in(5) == 0
    window.add(80, 1)
    window.give_back(75, 1)  # between two that are there
    assert window.used(80) == 1


# --- One step for all scopes ------------------------------------------------------------------------------------


def test_what_is_refused_in_one_scope_is_counted_in_none(clocks: Clocks) -> None:
    store = clocks.store()
    wide, narrow = rule(10, scope="organization:org-1"), rule(1)
    tokens, flight = rule(100, "tokens"), rule(5, "in_flight", "")
    measured = plan(wide, narrow, tokens, flight, budgets=(BudgetRule(SCOPE, "day", 100),))
    granted(store.reserve(measured, 10, 10))
    before = store.peek(measured.rules), store.spending(SCOPE, "day")
    outcome = refused(store.reserve(measured, 10, 10))
    assert (outcome.by, outcome.used, outcome.requested) == (narrow, 1, 1)
    assert (store.peek(measured.rules), store.spending(SCOPE, "day")) == before == ([1, 1, 10, 1], 10)
    assert outcome.used_of == [1, 1, 10, 1]


def test_the_rule_named_is_the_one_that_refuses_longest(clocks: Clocks) -> None:
    store = clocks.store()
    measured = plan(rule(1), rule(1, period="day"))
    granted(store.reserve(measured, 0, 0))
    outcome = refused(store.reserve(measured, 0, 0))
    assert outcome.by == measured.rules[1]
    assert outcome.retry_after == pytest.approx(DAY + 60 - 1000 % 60)


def test_more_than_the_whole_limit_never_fits_and_says_so(clocks: Clocks) -> None:
    outcome = refused(clocks.store().reserve(plan(rule(1), rule(10, "tokens")), 11, 0))
    assert (outcome.used, outcome.requested, outcome.retry_after) == (0, 11, None)


def test_two_hundred_threads_at_a_limit_of_a_hundred_let_in_exactly_a_hundred() -> None:
    store = LocalStore()
    measured = plan(rule(100), rule(10_000, "tokens"))
    outcomes: list[Grant | Refusal] = []
    together = threading.Barrier(200)

    def call() -> None:
        together.wait()
        outcomes.append(store.reserve(measured, 7, 0))

    threads = [threading.Thread(target=call) for _ in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(outcome, Grant) for outcome in outcomes) == 100
    assert store.peek(measured.rules) == [100, 700]


# --- Settling ---------------------------------------------------------------------------------------------------


def test_settling_gives_back_what_was_not_used_and_counts_what_was_used_beyond(clocks: Clocks) -> None:
    store = clocks.store()
    measured = plan(rule(10), rule(100, "tokens"))
    first, second = (granted(store.reserve(measured, 40, 0)) for _ in range(2))
    assert second.used == [2, 80]
    store.settle(first, 15, 0)
    assert store.peek(measured.rules) == [2, 55]
    clocks.pass_(30)
    store.settle(second, 60, 0)
    assert store.peek(measured.rules) == [2, 75]
    clocks.pass_(31.5)  # only what went beyond the estimate is younger than a minute
    assert store.peek(measured.rules) == [0, 20]


def test_a_request_settled_after_its_minute_changes_nothing_backwards(clocks: Clocks) -> None:
    store = clocks.store()
    measured = plan(rule(100, "tokens"))
    grant = granted(store.reserve(measured, 40, 0))
    clocks.pass_(120)
    store.sweep()
    store.settle(grant, 10, 0)
    assert store.peek(measured.rules) == [0]


def test_requests_in_flight_are_those_not_settled(clocks: Clocks) -> None:
    store = clocks.store()
    measured = plan(rule(2, "in_flight", ""))
    first = granted(store.reserve(measured, 0, 0))
    granted(store.reserve(measured, 0, 0))
    assert refused(store.reserve(measured, 0, 0)).retry_after == IN_FLIGHT_WAIT
    clocks.pass_(3600)
    refused(store.reserve(measured, 0, 0))
    store.settle(first, 0, 0)
    granted(store.reserve(measured, 0, 0))


def test_what_was_reserved_before_a_reset_is_settled_in_vain(clocks: Clocks) -> None:
    store = clocks.store()
    measured = plan(rule(2, "in_flight", ""), rule(10, "tokens"))
    grant = granted(store.reserve(measured, 5, 5))
    store.reset()
    store.settle(grant, 9, 9)
    assert store.peek(measured.rules) == [0, 0]
    assert store.take_pending() == {}


# --- Budgets ----------------------------------------------------------------------------------------------------


def budget(limit: int, period: Any = "day") -> Plan:
    return plan(budgets=(BudgetRule(SCOPE, period, limit),))


def test_a_budget_holds_what_is_spent_and_what_is_reserved(clocks: Clocks) -> None:
    store = clocks.store()
    first = granted(store.reserve(budget(100), 0, 60))
    outcome = refused(store.reserve(budget(100), 0, 41))
    assert (outcome.used, outcome.requested) == (60, 41)
    assert outcome.retry_after == IN_FLIGHT_WAIT  # the first may cost less
    granted(store.reserve(budget(100), 0, 40))
    store.settle(first, 0, 10)
    assert store.spending(SCOPE, "day") == 50
    granted(store.reserve(budget(100), 0, 50))
    assert refused(store.reserve(budget(100), 0, 91)).retry_after is None  # ten are spent for good
    granted(store.reserve(budget(100), 0, 0))  # what costs nothing is not refused


@pytest.mark.parametrize(("period", "wait"), [("day", DAY / 2), ("month", DAY / 2)])
def test_a_budget_is_whole_again_in_the_next_day_or_month(clocks: Clocks, period: str, wait: float) -> None:
    store = clocks.store()  # noon of the last day of January
    store.settle(granted(store.reserve(budget(100, period), 0, 100)), 0, 100)
    refused(store.reserve(budget(100, period), 0, 1))
    clocks.pass_(wait - 1)
    refused(store.reserve(budget(100, period), 0, 1))
    clocks.pass_(2)
    granted(store.reserve(budget(100, period), 0, 100))


def test_the_next_day_of_a_month_does_not_renew_its_budget() -> None:
    clocks = Clocks(date=datetime(2026, 1, 10, tzinfo=UTC))
    store = clocks.store()
    store.settle(granted(store.reserve(budget(100, "month"), 0, 100)), 0, 100)
    clocks.pass_(DAY)
    refused(store.reserve(budget(100, "month"), 0, 1))


def test_a_cost_is_booked_on_the_day_on_which_the_request_came(clocks: Clocks) -> None:
    store = clocks.store()
    grant = granted(store.reserve(budget(100), 0, 30))
    clocks.pass_(DAY)
    store.settle(grant, 0, 20)
    assert store.spending(SCOPE, "day") == 0
    assert store.take_pending() == {
        (scope, period, start): 20
        for scope in (SCOPE, "organization:org-1")
        for period, start in (("day", "2026-01-31"), ("month", "2026-01-01"))
    }


@given(
    costs=st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50)), min_size=1, max_size=40),
    limit=st.integers(0, 300),
)
def test_what_never_costs_more_than_its_estimate_never_overspends(costs: list[tuple[int, int]], limit: int) -> None:
    store = Clocks().store()
    open_: list[tuple[Grant, int]] = []
    for estimate, less in costs:
        outcome = store.reserve(budget(limit), 0, estimate)
        if isinstance(outcome, Grant):
            open_.append((outcome, max(0, estimate - less)))
        if len(open_) > 3:
            grant, cost = open_.pop(0)
            store.settle(grant, 0, cost)
    for grant, cost in open_:
        store.settle(grant, 0, cost)
    assert store.spending(SCOPE, "day") <= limit


@given(
    calls=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=40),
    limit=st.integers(0, 300),
    under_way=st.integers(0, 8),
)
def test_however_many_estimates_miss_at_once_no_more_is_overspent_than_one_of_them_missed(
    calls: list[tuple[int, int, int]], limit: int, under_way: int
) -> None:
    store = Clocks().store()
    open_: list[tuple[Grant, int]] = []
    missed = [0]
    for estimate, more, less in calls:
        outcome = store.reserve(budget(limit), 0, estimate, estimate + more)
        if isinstance(outcome, Grant):
            cost = max(0, estimate + more - less)
            missed.append(cost - estimate)
            open_.append((outcome, cost))
        if len(open_) > under_way:
            store.settle(open_[0][0], 0, open_.pop(0)[1])
    for grant, cost in open_:
        store.settle(grant, 0, cost)
    assert store.spending(SCOPE, "day") <= limit + max(missed)


def test_whoever_is_alone_needs_room_for_its_estimate_and_others_then_for_its_most(clocks: Clocks) -> None:
    store = clocks.store()
    alone = granted(store.reserve(budget(100), 0, 10, 500))
    assert alone.held == 500
    assert refused(store.reserve(budget(100), 0, 10, 10)).retry_after == IN_FLIGHT_WAIT
    granted(store.reserve(plan(), 0, 10, 10))  # whom no budget holds
    store.settle(alone, 0, 20)
    granted(store.reserve(budget(100), 0, 10, 500))


def test_a_request_that_may_cost_something_is_refused_once_more_than_everything_is_spent(clocks: Clocks) -> None:
    store = clocks.store()
    store.settle(granted(store.reserve(budget(100), 0, 100)), 0, 101)
    assert refused(store.reserve(budget(100), 0, 0, 5)).retry_after is None


def test_two_hundred_threads_whose_estimates_all_miss_overspend_by_what_one_missed() -> None:
    store = LocalStore()
    together = threading.Barrier(200)
    costs: list[int] = []

    def call() -> None:
        together.wait()
        outcome = store.reserve(budget(1000), 0, 20, 90)
        if isinstance(outcome, Grant):
            time.sleep(0.05)
            store.settle(outcome, 0, 80)
            costs.append(80)

    threads = [threading.Thread(target=call) for _ in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.spending(SCOPE, "day") == sum(costs) <= 1000 + (80 - 20)
    assert len(costs) >= 11  # what fits beside each other: ten at their most, and one more by its estimate


def test_concurrent_spending_at_the_edge_goes_over_by_no_more_than_what_the_estimate_missed() -> None:
    store = LocalStore()
    outcomes: list[Grant | Refusal] = []
    together = threading.Barrier(50)

    def call(at: int) -> None:
        together.wait()
        outcome = store.reserve(budget(1000), 0, 100)
        outcomes.append(outcome)
        if isinstance(outcome, Grant):
            store.settle(outcome, 0, 100)

    threads = [threading.Thread(target=call, args=(at,)) for at in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(outcome, Grant) for outcome in outcomes) == 10
    assert store.spending(SCOPE, "day") == 1000
    # One request alone, whose estimate was 30 short: so much and no more is overspent.
    store.reset()
    *others, last = (granted(store.reserve(budget(1000), 0, 100)) for _ in range(10))
    for grant in others:
        store.settle(grant, 0, 100)
    store.settle(last, 0, 130)
    refused(store.reserve(budget(1000), 0, 1))
    assert store.spending(SCOPE, "day") == 1030


def test_what_the_database_knows_and_what_it_has_yet_to_be_told_add_up(clocks: Clocks) -> None:
    store = clocks.store()
    store.settle(granted(store.reserve(budget(100), 0, 30)), 0, 30)
    store.load({(SCOPE, "day", "2026-01-31"): 50})
    assert store.spending(SCOPE, "day") == 80
    pending = store.take_pending()
    assert store.take_pending() == {}
    store.return_pending(pending)
    store.return_pending(pending)
    assert store.take_pending()[SCOPE, "day", "2026-01-31"] == 60


def test_a_cost_that_another_store_decided_on_is_noted(clocks: Clocks) -> None:
    store = clocks.store()
    grant = granted(store.reserve(plan(), 0, 0))
    store.book(grant, 5)
    store.book(grant, 0)
    assert store.spending(SCOPE, "month") == 5


# --- Memory -----------------------------------------------------------------------------------------------------


def test_callers_who_never_come_back_leave_nothing(clocks: Clocks) -> None:
    store = clocks.store()
    measured = plan(rule(5), rule(5, period="day"), rule(9, "in_flight", ""), rule(99, "tokens"))
    grants = [granted(store.reserve(measured, 9, 9)) for _ in range(2)]
    store.settle(grants[0], 9, 9)
    clocks.pass_(70)
    store.sweep()
    assert set(store.windows) == {measured.rules[1].key}
    assert store.in_flight == {measured.rules[2].key: 1}
    store.settle(grants[1], 9, 9)
    clocks.pass_(40 * DAY)
    store.sweep()
    assert not store.windows
    assert not store.in_flight
    assert not store.held
    assert not store.spent


@pytest.mark.parametrize("read", [lambda store: store.peek([rule(1)]), lambda store: [store.spending(SCOPE, "day")]])
def test_what_was_never_used_is_none(clocks: Clocks, read: Callable[[LocalStore], list[int]]) -> None:
    assert read(clocks.store()) == [0]
