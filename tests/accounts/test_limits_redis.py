"""The limits of many processes, kept in a real Redis: the same answers as in one process, and what happens when it,
or a process, is lost."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import redis
from django.db import OperationalError, connection
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from accounts.exceptions import BudgetSpent, LimitReached, LimitsUnavailable
from accounts.limits import gate as gates
from accounts.limits import scripts_redis as scripts
from accounts.limits import spending, store_redis
from accounts.limits.buckets import LocalStore
from accounts.limits.calls_redis import LAPSE, named
from accounts.limits.gate import Gate
from accounts.limits.rules import BudgetRule, Grant, Plan, Refusal, Rule
from accounts.limits.store_redis import RedisStore
from accounts.models import ApiKey, Budget, Project, RateLimit, Spend
from accounts.principal import Principal
from lukhas_site.http.orm import in_database
from tests.accounts.conftest import Issue

ROOT = Path(__file__).resolve().parent.parent.parent
SCOPE = "project:proj_1"


class RedisServer:
    """redis-server on a free port; `pause` has it take connections and never answer."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis.from_url(self.url)
        self.start()

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/tmp")
        deadline = time.monotonic() + 20
        while True:
            with suppress(redis.ConnectionError):
                if self.client.ping():
                    return
            assert time.monotonic() < deadline, "redis-server did not start"
            time.sleep(0.02)

    def stop(self) -> None:
        self.resume()
        self.process.kill()
        self.process.wait(10)

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@pytest.fixture(scope="module")
def running() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture
def server(running: RedisServer) -> Iterator[RedisServer]:
    running.client.flushall()
    yield running
    running.resume()
    if running.process.poll() is not None:
        running.start()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis has less time than in earnest, so that the tests take less."""
    monkeypatch.setattr(store_redis, "TIMEOUT", 0.25)


@pytest.fixture(autouse=True)
def untouched(database: None) -> Iterator[None]:
    gates.forget()
    yield
    gates.forget()


@pytest_asyncio.fixture
async def store(server: RedisServer) -> AsyncIterator[RedisStore]:
    store = RedisStore(server.url, LocalStore())
    yield store
    await store.close()


@pytest_asyncio.fixture
async def gate(server: RedisServer) -> AsyncIterator[Gate]:
    gate = Gate(server.url)
    yield gate
    await gate.close()


@pytest.fixture
def principal(issue: Issue) -> Principal:
    return ApiKey.objects.with_owners().get(pk=issue()[0].pk).principal()


def rule(limit: int, unit: Any = "requests", period: Any = "minute") -> Rule:
    return Rule(SCOPE, "", unit, period, limit)


def plan(*rules: Rule, budgets: tuple[BudgetRule, ...] = ()) -> Plan:
    return Plan(rules, budgets, (SCOPE, "organization:org-1"))


async def granted(store: RedisStore, measured: Plan, tokens: int = 0, cost: int = 0) -> Grant:
    outcome = await store.reserve(measured, tokens, cost)
    assert isinstance(outcome, Grant)
    return outcome


async def refused(store: RedisStore, measured: Plan, tokens: int = 0, cost: int = 0) -> Refusal:
    outcome = await store.reserve(measured, tokens, cost)
    assert isinstance(outcome, Refusal)
    return outcome


async def settled(store: RedisStore, grant: Grant, tokens: int = 0, cost: int = 0) -> None:
    store.settle(grant, tokens, cost)
    await asyncio.gather(*store._tasks)


def shift(server: RedisServer, measured: Plan, seconds: int) -> None:
    """Moves what the windows hold into the past, as if so much time had gone by."""
    for each in measured.rules:
        key = f"{scripts.PREFIX}w:{each.key}"
        fields: dict[bytes, bytes] = server.client.hgetall(key)  # type: ignore[assignment]
        back = seconds // each.width
        moved = {
            (name if name in {b"n", b"h", b"l"} else str(int(name) - back)): (
                value if name not in {b"h", b"l"} else str(int(value) - back)
            )
            for name, value in fields.items()
        }
        server.client.delete(key)
        if not moved:
            continue
        server.client.hset(key, mapping=moved)  # type: ignore[arg-type]


# --- The same answers as in one process -------------------------------------------------------------------------


async def test_reserving_counts_everywhere_or_nowhere(store: RedisStore) -> None:
    measured = plan(rule(2), rule(100, "tokens"), rule(1000, "tokens", "day"), rule(5, "in_flight", ""))
    began = time.monotonic()
    grant = await granted(store, measured, 40)
    assert grant.used == [1, 40, 40, 1]
    took = time.monotonic() - began
    assert 59 - took < grant.resets[0] <= 61
    assert 86_399 - took < grant.resets[2] <= 86_460
    outcome = await refused(store, measured, 61)
    assert (outcome.by, outcome.used, outcome.requested) == (measured.rules[1], 40, 61)
    assert outcome.used_of == store.peek(measured.rules) == [1, 40, 40, 1]
    assert outcome.retry_after is not None
    assert 58 - (time.monotonic() - began) < outcome.retry_after <= 61
    await granted(store, measured, 60)
    assert (await refused(store, measured)).by == measured.rules[0]


async def test_settling_gives_back_and_adds(store: RedisStore) -> None:
    measured = plan(rule(9), rule(100, "tokens"), rule(1000, "tokens", "day"), rule(5, "in_flight", ""))
    first, second = [await granted(store, measured, 40) for _ in range(2)]
    await settled(store, first, 15)
    assert store.peek(measured.rules) == [2, 55, 55, 1]
    await settled(store, second, 60)
    assert store.peek(measured.rules) == [2, 75, 75, 0]


async def test_more_than_the_whole_limit_never_fits_and_flight_is_worth_a_second(store: RedisStore) -> None:
    assert (await refused(store, plan(rule(10, "tokens")), 11)).retry_after is None
    measured = plan(rule(1, "in_flight", ""))
    await granted(store, measured)
    assert (await refused(store, measured)).retry_after == 1


async def test_what_is_older_than_sixty_seconds_and_its_bucket_does_not_count(
    store: RedisStore, server: RedisServer
) -> None:
    measured = plan(rule(2), rule(50, "tokens", "day"))
    await granted(store, measured, 5)
    shift(server, measured, 60)
    await granted(store, measured, 5)  # at sixty seconds the first may still count, and does
    assert store.peek(measured.rules)[0] == 2
    shift(server, measured, 60)
    assert store.peek(measured.rules) == [1, 10]
    await granted(store, measured, 5)
    assert (await refused(store, measured, 5)).retry_after == pytest.approx(1, abs=1)
    shift(server, measured, 3600)
    assert store.peek(measured.rules) == [0, 15]
    shift(server, measured, 86_400)
    assert store.peek(measured.rules) == [0, 0]
    assert not server.client.exists(f"{scripts.PREFIX}w:{measured.rules[0].key}")


async def test_a_late_settlement_changes_nothing_that_is_over(store: RedisStore, server: RedisServer) -> None:
    measured = plan(rule(50, "tokens"))
    grant = await granted(store, measured, 40)
    shift(server, measured, 30)
    grant.ticks[0] -= 30
    await granted(store, measured, 3)
    shift(server, measured, 40)
    grant.ticks[0] -= 40
    await settled(store, grant, 10)
    assert store.peek(measured.rules) == [3]


@hypothesis(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    steps=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 60), st.integers(0, 60), st.booleans()), max_size=25),
    limits=st.tuples(st.integers(1, 12), st.integers(1, 200), st.integers(1, 4)),
)
def test_redis_decides_as_one_process_does(
    server: RedisServer, steps: list[tuple[int, int, int, bool]], limits: tuple[int, int, int]
) -> None:
    server.client.flushall()
    requests, tokens, flight = limits
    budget = BudgetRule(SCOPE, "day", 300)
    measured = plan(rule(requests), rule(tokens, "tokens"), rule(flight, "in_flight", ""), budgets=(budget,))

    async def compare() -> None:
        shared, alone = RedisStore(server.url, LocalStore()), LocalStore()
        open_: list[tuple[Grant, Grant]] = []
        for estimate, really, most, end in steps:
            there, here = (
                await shared.reserve(measured, estimate, estimate, most),
                alone.reserve(measured, estimate, estimate, most),
            )
            assert type(there) is type(here)
            if isinstance(there, Grant) and isinstance(here, Grant):
                assert (there.used, there.held) == (here.used, here.held)
                open_.append((there, here))
            elif isinstance(there, Refusal) and isinstance(here, Refusal):
                assert (there.by, there.used, there.requested) == (here.by, here.used, here.requested)
            if end and open_:
                one, other = open_.pop()
                await settled(shared, one, really, really)
                alone.settle(other, really, really)
            assert shared.peek(measured.rules) == alone.peek(measured.rules)
            account = (SCOPE, "day", shared.local.calendar.today()[0])
            assert shared.spending([account]) == [alone.spending(SCOPE, "day")]
        await shared.close()

    asyncio.run(compare())


@hypothesis(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(limit=st.integers(1, 4), steps=st.lists(st.integers(0, 70), min_size=1, max_size=25))
def test_never_more_than_the_limit_in_any_sixty_seconds_and_never_refused_without_need(
    server: RedisServer, limit: int, steps: list[int]
) -> None:
    server.client.flushall()
    measured = plan(rule(limit))

    async def calls() -> None:
        store = RedisStore(server.url, LocalStore())
        let_in: list[float] = []
        gone = 0
        for step in steps:
            shift(server, measured, step)
            gone += step
            before = time.time() + gone
            outcome = await store.reserve(measured, 0, 0)
            after = time.time() + gone
            if isinstance(outcome, Grant):
                let_in.append(after)
                assert sum(at >= before - 60 for at in let_in) <= limit
            else:
                assert sum(at >= before - 62 for at in let_in) >= limit
        await store.close()

    asyncio.run(calls())


# --- Budgets ----------------------------------------------------------------------------------------------------


async def test_a_budget_holds_what_is_spent_and_what_is_reserved_by_all(server: RedisServer, store: RedisStore) -> None:
    other = RedisStore(server.url, LocalStore())
    measured = plan(budgets=(BudgetRule(SCOPE, "month", 100),))
    grant = await granted(store, measured, cost=60)
    outcome = await refused(other, measured, cost=41)
    assert (outcome.by, outcome.used, outcome.requested, outcome.retry_after) == (measured.budgets[0], 60, 41, 1)
    await settled(store, grant, cost=10)
    assert (await refused(other, measured, cost=91)).retry_after is None
    await granted(other, measured, cost=90)
    month = store.local.calendar.today()[1]
    assert store.spending([(SCOPE, "month", month)]) == [100]
    assert store.spending([]) == []
    await granted(store, measured, cost=0)
    await other.close()


async def test_a_counter_that_redis_lost_is_made_anew_from_the_database(server: RedisServer, store: RedisStore) -> None:
    measured = plan(budgets=(BudgetRule(SCOPE, "day", 100),))
    await settled(store, await granted(store, measured, cost=60), cost=60)
    server.client.flushall()
    assert (await refused(store, measured, cost=50)).used == 60
    assert await in_database(lambda: Spend.objects.filter(scope=SCOPE, micro=60).count()) == 2
    key = f"{scripts.PREFIX}s:{named((SCOPE, 'day', store.local.calendar.today()[0]))}"
    assert 2 * 86_400 < int(server.client.ttl(key)) <= 3 * 86_400  # type: ignore[arg-type]


async def test_a_redis_that_keeps_forgetting_is_as_good_as_lost(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def in_vain(names: list[str]) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(store, "_seed", in_vain)
    with pytest.raises(redis.RedisError, match="forgets"):
        await store.reserve(plan(), 0, 5)


# --- Four processes ---------------------------------------------------------------------------------------------

WORKER = """
import asyncio, json, os, sys
import django
django.setup()
from accounts.exceptions import BudgetSpent, LimitReached
from accounts.limits.gate import gate
from accounts.principal import Principal

COST, MOST, SPENT = (int(cost) for cost in os.environ["COST"].split("/"))
fields = json.loads(os.environ["PRINCIPAL"])
principal = Principal(**{**fields, "scopes": frozenset()})

async def call():
    try:
        reservation = await gate.reserve(
            principal, asked="m", answers="m", tokens=1, cost_micro=COST, most_micro=MOST
        )
    except (LimitReached, BudgetSpent):
        return 0
    if os.environ["END"] == "settle":
        await asyncio.sleep(0.02)
        reservation.settle(1, SPENT)
    return 1

async def main():
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(sum(await asyncio.gather(*(call() for _ in range(50)))), flush=True)
    if os.environ["END"] == "crash":
        os._exit(9)
    await gate.close()

asyncio.run(main())
"""


def four_processes(server: RedisServer, principal: Principal, *, cost: str, end: str, processes: int = 4) -> list[int]:
    """How many of the 50 calls of each process were let in, all of them made at the same time.

    `cost` is what each is expected to cost, the most that it can, and what it does, in micro-dollars.
    """
    fields = (
        "key_id",
        "key_name",
        "organization_id",
        "organization",
        "project_id",
        "project",
        "owner_kind",
        "owner_id",
    )
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "lukhas_site.settings",
        "DATABASE_URL": f"sqlite:///{connection.settings_dict['NAME']}",
        "REDIS_URL": server.url,
        "PRINCIPAL": json.dumps({name: getattr(principal, name) for name in fields}),
        "COST": cost,
        "END": end,
    }
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(processes)
    ]  # fmt: skip
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("\n")
            worker.stdin.flush()
        outcomes = [worker.communicate(timeout=60)[0] for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    return [int(out) for out in outcomes]


def test_two_hundred_callers_over_four_processes_at_a_limit_of_a_hundred_let_in_exactly_a_hundred(
    server: RedisServer, principal: Principal, project: Project
) -> None:
    RateLimit.objects.create(project=project, unit="requests", period="minute", value=100)
    assert sum(four_processes(server, principal, cost="0/0/0", end="settle")) == 100


def test_four_processes_at_the_edge_of_a_budget_spend_it_and_not_a_micro_dollar_more(
    server: RedisServer, principal: Principal, project: Project
) -> None:
    Budget.objects.create(project=project, period="month", amount="0.001")
    assert sum(four_processes(server, principal, cost="10/10/10", end="settle")) == 100
    spent = Spend.objects.get(scope=f"project:{project.public_id}", period="month").micro
    assert spent == 1000


def test_four_processes_whose_estimates_all_miss_overspend_by_what_one_missed(
    server: RedisServer, principal: Principal, project: Project
) -> None:
    Budget.objects.create(project=project, period="month", amount="0.001")
    let_in = sum(four_processes(server, principal, cost="20/90/80", end="settle"))
    spent = Spend.objects.get(scope=f"project:{project.public_id}", period="month").micro
    assert spent == let_in * 80 <= 1000 + (80 - 20)
    assert let_in >= 11


async def test_what_a_crashed_process_held_lapses(
    server: RedisServer, gate: Gate, principal: Principal, project: Project
) -> None:
    def prepare() -> list[int]:
        RateLimit.objects.create(project=project, unit="in_flight", value=50)
        RateLimit.objects.create(project=project, unit="tokens", period="day", value=60)
        Budget.objects.create(project=project, period="day", amount="0.0005")
        return four_processes(server, principal, cost="10/10/10", end="crash", processes=1)

    assert await in_database(prepare) == [50]
    scope = f"project:{project.public_id}"
    rules = [Rule(scope, "", "in_flight", "", 50), Rule(scope, "", "tokens", "day", 60)]
    assert gate.in_use(rules) == [50, 50]
    assert gate.spending([(scope, "day")]) == [500]
    with pytest.raises(BudgetSpent):
        await gate.reserve(principal, asked="m", answers="m", tokens=1, cost_micro=10)
    with pytest.raises(LimitReached):
        await gate.reserve(principal, asked="m", answers="m", tokens=1, cost_micro=0)
    # As if so much time had gone by without a sign of life.
    assert LAPSE < 60
    (dead,) = (
        name
        for name in server.client.zrange(f"{scripts.PREFIX}holders", 0, -1)
        if gate.shared and name != gate.shared.holder.encode()
    )  # type: ignore[union-attr]
    server.client.zincrby(f"{scripts.PREFIX}holders", -(LAPSE + 1), dead)
    (await gate.reserve(principal, asked="m", answers="m", tokens=1, cost_micro=10)).release()
    await asyncio.sleep(0.1)
    assert gate.in_use(rules) == [0, 0]
    assert gate.spending([(scope, "day")]) == [0]
    assert not server.client.exists(f"{scripts.PREFIX}j:{dead.decode()}")


async def test_a_process_taken_for_dead_signs_in_anew_and_what_it_still_held_is_not_given_back_twice(
    server: RedisServer, store: RedisStore
) -> None:
    measured = plan(rule(9, "in_flight", ""), rule(99, "tokens", "day"), budgets=(BudgetRule(SCOPE, "day", 100),))
    held = await granted(store, measured, 10, 10)
    server.client.zadd(f"{scripts.PREFIX}holders", {held.holder: 0})
    fresh = await granted(store, measured, 7, 7)
    assert fresh.holder != held.holder
    await settled(store, held, 4, 4)
    assert store.peek(measured.rules) == [1, 11]
    assert store.spending([(SCOPE, "day", held.day)]) == [11]
    await settled(store, fresh, 7, 7)
    assert store.peek(measured.rules) == [0, 11]
    assert store.spending([(SCOPE, "day", held.day)]) == [11]


async def test_a_process_that_lives_is_not_taken_for_dead(
    server: RedisServer, gate: Gate, principal: Principal
) -> None:
    (await gate.reserve(principal, asked="m", answers="m", tokens=1, cost_micro=0)).release()
    assert gate.shared is not None
    name = gate.shared.holder
    server.client.zadd(f"{scripts.PREFIX}holders", {name: time.time() + 3})
    await asyncio.to_thread(gate.keep)
    until = server.client.zscore(f"{scripts.PREFIX}holders", name)
    assert float(until or 0) > time.time() + LAPSE - 5  # type: ignore[arg-type]


# --- Redis lost -------------------------------------------------------------------------------------------------

lost = pytest.mark.usefixtures("impatient")
PROMPT = 8.0
"""Seconds: many times what it takes, for the machine may be busy, and well below what it would take otherwise."""


async def call(gate: Gate, principal: Principal, cost: int = 0) -> Any:
    return await gate.reserve(principal, asked="m", answers="m", tokens=1, cost_micro=cost)


@lost
@pytest.mark.parametrize("how", ["stop", "pause"])
async def test_without_redis_each_process_keeps_the_limits_by_itself(
    how: str, server: RedisServer, gate: Gate, principal: Principal, project: Project
) -> None:
    await in_database(lambda: RateLimit.objects.create(project=project, unit="requests", period="minute", value=60))
    (await call(gate, principal)).release()
    getattr(server, how)()
    started = time.monotonic()
    for _ in range(60):
        await call(gate, principal)
    with pytest.raises(LimitReached):
        await call(gate, principal)
    assert time.monotonic() - started < PROMPT, "15 s, if each waited for a lost Redis"
    assert gate.in_use([Rule(f"project:{project.public_id}", "", "requests", "minute", 60)]) == [60]


@lost
@pytest.mark.parametrize("what", ["in_use", "spending"])
async def test_people_who_look_at_limits_without_redis_see_what_this_process_knows(
    server: RedisServer, gate: Gate, principal: Principal, what: str
) -> None:
    (await call(gate, principal, 5)).settle(1, 5)
    await asyncio.sleep(0.1)
    server.pause()
    scope = f"project:{principal.project_id}"
    if what == "in_use":
        assert await asyncio.to_thread(gate.in_use, [Rule(scope, "m", "requests", "minute", 9)]) == [0]
    else:
        assert await in_database(gate.spending, [(scope, "day")]) == [5]
    assert gate.lost


@lost
async def test_or_refuses_as_the_setting_says_and_goes_on_when_redis_is_back(
    server: RedisServer, principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(server.url, "refuse")
    server.pause()
    for _ in range(3):
        started = time.monotonic()
        with pytest.raises(LimitsUnavailable) as caught:
            await call(gate, principal)
        assert time.monotonic() - started < PROMPT
    assert (caught.value.status_code, caught.value.code) == (503, "server_is_overloaded")
    server.resume()
    deadline = time.monotonic() + 10
    while gate.lost:  # the keeper sees to that
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    await call(gate, principal)
    await gate.close()


@lost
async def test_a_crowd_of_callers_does_not_wait_one_after_the_other_for_a_silent_redis(
    server: RedisServer, gate: Gate, principal: Principal
) -> None:
    (await call(gate, principal)).release()
    server.pause()
    started = time.monotonic()
    await asyncio.gather(*(call(gate, principal) for _ in range(200)))
    assert time.monotonic() - started < PROMPT, "50 s, one after the other"


@lost
async def test_closing_waits_for_no_redis_that_is_silent(server: RedisServer, gate: Gate, principal: Principal) -> None:
    (await call(gate, principal)).release()
    await asyncio.sleep(0.1)
    server.pause()
    assert gate.shared is not None
    waiting = [asyncio.create_task(gate.shared.reserve(plan(rule(5)), 0, 0)) for _ in range(100)]
    await asyncio.sleep(0)
    started = time.monotonic()
    await gate.shared.close()
    assert time.monotonic() - started < PROMPT, "25 s, one after the other"
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(outcome, store_redis.LOST) for outcome in outcomes)
    assert not gate.shared._trips


@lost
async def test_closing_gives_up_what_never_ends(store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(store, "_ask", never)
    with pytest.raises(TimeoutError):
        await store.reserve(plan(), 0, 0)
    assert len(store._trips) == 1
    name = store.holder
    await store.close()
    deadline = time.monotonic() + 5
    while store._trips:
        assert time.monotonic() < deadline
        await asyncio.sleep(0)
    assert store.holder != name  # what the call did, nobody knows


@lost
async def test_what_was_spent_without_redis_is_told_when_it_is_back(
    server: RedisServer, gate: Gate, principal: Principal, project: Project
) -> None:
    scope = f"project:{project.public_id}"
    await in_database(lambda: Budget.objects.create(project=project, period="day", amount="0.0001"))
    before = await call(gate, principal, 10)
    before.settle(1, 10)
    during = await call(gate, principal, 10)
    await asyncio.sleep(0.1)
    server.pause()
    with_redis_gone = await call(gate, principal, 50)
    with_redis_gone.settle(1, 50)
    during.settle(1, 20)
    with pytest.raises(BudgetSpent):  # the database knows what was spent before
        await call(gate, principal, 50)
    await asyncio.to_thread(gate.keep)
    assert gate.spending([(scope, "day")]) == [80]
    await asyncio.sleep(store_redis.TIMEOUT * 1.5)
    server.resume()
    deadline = time.monotonic() + 10
    while gate.lost or gate.shared is None or gate.shared._away:
        assert time.monotonic() < deadline
        await asyncio.to_thread(gate.keep)
    key = f"{scripts.PREFIX}s:{named((scope, 'day', gate.local.calendar.today()[0]))}"
    while int(server.client.get(key) or 0) not in {80, 100}:  # type: ignore[arg-type]
        # 100: the settlement that nobody answered may have been done all the same. The keeper's thread may be at it.
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    assert await in_database(lambda: Spend.objects.get(scope=scope, period="day").micro) == 80


async def test_what_redis_could_not_be_told_is_kept_for_the_next_time(server: RedisServer, store: RedisStore) -> None:
    grant = await granted(store, plan(), 0, 5)
    store.owe(grant, 5)
    store.owe(grant, 0)
    owed = dict(store._away)
    real = store._ask_blocking

    def no_booking(script: str, arguments: Any) -> Any:
        if script == scripts.BOOK:
            raise redis.ConnectionError("gone")
        return real(script, arguments)

    store._ask_blocking = no_booking  # type: ignore[method-assign]
    with pytest.raises(redis.ConnectionError):
        store.tend()
    assert store._away == owed
    store._ask_blocking = real  # type: ignore[method-assign]
    store.tend()
    assert not store._away
    assert store.spending([(SCOPE, "day", grant.day)]) == [10]


async def test_a_caller_who_hangs_up_while_redis_answers_leaves_nothing_reserved(store: RedisStore) -> None:
    measured = plan(rule(5, "in_flight", ""), rule(99, "tokens"))
    await settled(store, await granted(store, measured, 5))
    for ticks in range(6):
        task = asyncio.create_task(store.reserve(measured, 5, 0))
        for _ in range(ticks):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    deadline = time.monotonic() + 5
    while store.peek(measured.rules) != [0, 0]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@lost
async def test_a_caller_who_hangs_up_while_redis_refuses_or_fails_leaves_nothing_to_undo(
    store: RedisStore, server: RedisServer
) -> None:
    for measured in (plan(rule(0)), plan(rule(5, "in_flight", ""))):
        if measured.rules[0].limit:
            server.pause()
        task = asyncio.create_task(store.reserve(measured, 0, 0))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(store_redis.TIMEOUT * 1.5)
    server.resume()
    assert store.peek([rule(5, "in_flight", "")]) in ([0], [1])


async def test_a_database_that_is_away_while_redis_asks_for_it_is_told_as_such(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise OperationalError("gone")

    monkeypatch.setattr(spending, "read", away)
    with pytest.raises(OperationalError):
        await store.reserve(plan(), 0, 5)


async def test_a_gate_that_closes_waits_for_what_is_being_settled(server: RedisServer, principal: Principal) -> None:
    gate = Gate(server.url)
    reservation = await call(gate, principal, 5)
    reservation.settle(1, 5)
    await gate.close()
    assert await in_database(lambda: set(Spend.objects.values_list("micro", flat=True))) == {5}
    again = RedisStore(server.url, LocalStore())
    assert again.spending([(f"project:{principal.project_id}", "day", again.local.calendar.today()[0])]) == [5]
    await again.close()
    await RedisStore(server.url, LocalStore()).close()
