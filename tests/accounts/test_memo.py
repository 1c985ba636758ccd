"""The memo of callers, by itself: ages, expiry, one look-up for many, and forgetting."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError

from accounts import memo as module
from accounts.memo import Found, Memo
from accounts.principal import Principal
from tests.accounts.conftest import Clock
from tests.accounts.test_scopes import principal

CALLER = principal("model.read")
FOUND = Found(CALLER)


class Source:
    """A database that counts its readings, and answers when `gate` is open."""

    def __init__(self, found: Found | None = FOUND) -> None:
        self.found = found
        self.readings = 0
        self.began = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self) -> Found | None:
        self.readings += 1
        found = self.found
        self.began.set()
        assert self.gate.wait(10)
        return found


Get = Callable[[Memo, Source], Principal | None]


def get_async(memo: Memo, source: Source) -> Principal | None:
    return asyncio.run(memo.get("digest", source))


def get_blocking(memo: Memo, source: Source) -> Principal | None:
    return memo.get_blocking("digest", source)


@pytest.fixture(params=[get_async, get_blocking])
def get(request: pytest.FixtureRequest) -> Get:
    way: Get = request.param
    return way


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def memo(clock: Clock) -> Memo:
    return Memo(clock=clock, now=lambda: 0.0)


def test_a_caller_is_read_once_and_again_after_four_seconds(get: Get, memo: Memo, clock: Clock) -> None:
    source = Source()
    assert [get(memo, source) for _ in range(5)] == [CALLER] * 5
    assert source.readings == 1
    clock.seconds += 3.999
    get(memo, source)
    assert source.readings == 1
    clock.seconds += 0.001
    get(memo, source)
    assert source.readings == 2


def test_the_age_counts_from_the_beginning_of_a_slow_reading(get: Get, memo: Memo, clock: Clock) -> None:
    def slow() -> Found:
        clock.seconds += 3
        return Found(CALLER)

    source = Source()
    memo.get_blocking("digest", slow)
    clock.seconds += 1
    get(memo, source)
    assert source.readings == 1


def test_what_is_gone_when_read_again_is_not_remembered_any_longer(get: Get, memo: Memo, clock: Clock) -> None:
    source = Source()
    get(memo, source)
    source.found = None
    clock.seconds += 4
    assert get(memo, source) is None
    assert len(memo) == 0


def test_an_unknown_key_is_asked_about_each_time_and_takes_no_room(get: Get, memo: Memo) -> None:
    source = Source(None)
    assert get(memo, source) is None
    assert get(memo, source) is None
    assert source.readings == 2
    assert len(memo) == 0


def test_expiry_is_compared_on_every_use(clock: Clock) -> None:
    time = Clock()
    memo = Memo(clock=clock, now=time)
    memo.get_blocking("digest", Source(Found(CALLER, expires=time.seconds + 1)))
    time.seconds += 0.999
    assert memo.recall("digest") == CALLER
    time.seconds += 0.001
    assert memo.recall("digest") is None


def test_a_failing_database_reaches_the_caller_and_the_next_one_asks_again(get: Get, memo: Memo) -> None:
    def fail() -> Found | None:
        raise OperationalError("gone")

    with pytest.raises(OperationalError, match="gone"):
        memo.get_blocking("digest", fail)
    with pytest.raises(OperationalError, match="gone"):
        asyncio.run(memo.get("digest", fail))
    assert get(memo, Source()) == CALLER


def test_the_memo_has_room_for_a_fixed_number_and_drops_the_oldest(monkeypatch: pytest.MonkeyPatch, memo: Memo) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", 3)
    for digest in "abcd":
        memo.get_blocking(digest, Source())
    assert len(memo) == 3
    assert [memo.recall(digest) for digest in "abcd"] == [None, CALLER, CALLER, CALLER]


async def test_callers_in_one_loop_share_one_reading(memo: Memo) -> None:
    source = Source()
    found = await asyncio.gather(*(memo.get("digest", source) for _ in range(50)))
    assert found == [CALLER] * 50
    assert source.readings == 1


async def test_a_caller_who_hangs_up_does_not_take_the_reading_along(memo: Memo) -> None:
    source = Source()
    source.gate.clear()
    first = asyncio.create_task(memo.get("digest", source))
    second = asyncio.create_task(memo.get("digest", source))
    await asyncio.to_thread(source.began.wait, 10)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    source.gate.set()
    assert await second == CALLER
    assert source.readings == 1


def test_callers_in_threads_share_one_reading(memo: Memo) -> None:
    source = Source()
    source.gate.clear()
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(memo.get_blocking, "digest", source)
        assert source.began.wait(10)
        others = [pool.submit(memo.get_blocking, "digest", source) for _ in range(7)]
        source.gate.set()
        assert [future.result(10) for future in (first, *others)] == [CALLER] * 8
    assert source.readings == 1


async def test_a_caller_in_a_loop_shares_the_reading_of_a_thread(memo: Memo) -> None:
    source = Source()
    source.gate.clear()
    thread = asyncio.create_task(asyncio.to_thread(memo.get_blocking, "digest", source))
    await asyncio.to_thread(source.began.wait, 10)
    follower = asyncio.create_task(memo.get("digest", source))
    await asyncio.sleep(0)
    source.gate.set()
    assert await asyncio.gather(thread, follower) == [CALLER, CALLER]
    assert source.readings == 1


async def test_a_thread_never_waits_for_the_reading_of_a_loop_which_may_need_that_very_thread(memo: Memo) -> None:
    stuck, quick = Source(), Source()
    stuck.gate.clear()
    waiting = asyncio.create_task(memo.get("digest", stuck))
    await asyncio.to_thread(stuck.began.wait, 10)
    try:
        assert await asyncio.wait_for(asyncio.to_thread(memo.get_blocking, "digest", quick), 10) == CALLER
        assert not waiting.done()
    finally:
        stuck.gate.set()
    assert await waiting == CALLER


@pytest.mark.parametrize("threaded", [True, False])
async def test_a_reading_that_began_before_a_change_is_not_remembered_after_it(memo: Memo, threaded: bool) -> None:
    stale = Source()
    stale.gate.clear()
    reading = asyncio.to_thread(memo.get_blocking, "digest", stale) if threaded else memo.get("digest", stale)
    task = asyncio.create_task(reading)
    await asyncio.to_thread(stale.began.wait, 10)
    memo.forget()
    stale.gate.set()
    assert await task == CALLER
    assert memo.recall("digest") is None
    assert len(memo) == 0


async def test_a_caller_who_comes_after_a_change_does_not_join_a_reading_from_before_it(memo: Memo) -> None:
    stale, fresh = Source(), Source(None)
    stale.gate.clear()
    before = asyncio.create_task(asyncio.to_thread(memo.get_blocking, "digest", stale))
    await asyncio.to_thread(stale.began.wait, 10)
    memo.forget()
    assert await memo.get("digest", fresh) is None
    stale.gate.set()
    assert await before == CALLER


async def test_a_failing_reading_from_before_a_change_leaves_the_one_after_it_alone(memo: Memo) -> None:
    began, gate = threading.Event(), threading.Event()

    def fail() -> Found | None:
        began.set()
        assert gate.wait(10)
        raise OperationalError("gone")

    before = asyncio.create_task(asyncio.to_thread(memo.get_blocking, "digest", fail))
    await asyncio.to_thread(began.wait, 10)
    memo.forget()
    fresh = Source()
    fresh.gate.clear()
    after = asyncio.create_task(asyncio.to_thread(memo.get_blocking, "digest", fresh))
    await asyncio.to_thread(fresh.began.wait, 10)
    gate.set()
    with pytest.raises(OperationalError):
        await before
    follower = asyncio.create_task(memo.get("digest", fresh))
    await asyncio.sleep(0)
    fresh.gate.set()
    assert await asyncio.gather(after, follower) == [CALLER, CALLER]
    assert fresh.readings == 1


def test_a_loop_that_ends_during_a_reading_leaves_nobody_waiting_for_it(memo: Memo) -> None:
    source = Source()
    source.gate.clear()

    async def hang_up() -> None:
        task = asyncio.create_task(memo.get("digest", source))
        await asyncio.to_thread(source.began.wait, 10)
        task.cancel()
        threading.Timer(0.05, source.gate.set).start()

    asyncio.run(hang_up())
    assert get_async(memo, Source()) == CALLER
