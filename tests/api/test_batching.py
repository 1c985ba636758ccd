"""Shared batches of what many callers ask for at once: `api.engines.batching`."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable

import pytest

from api.engines.batching import Batcher, EngineFailure
from api.exceptions import Overloaded

PATIENCE = 10


class Engine:
    """Doubles numbers. Each run waits for leave, which `go` gives; `batches` holds what each run was given."""

    def __init__(self, *, free: bool = True) -> None:
        self.permits = threading.Semaphore(1_000_000 if free else 0)
        self.batches: list[list[int]] = []
        self.error: BaseException | None = None

    def go(self, runs: int = 1_000_000) -> None:
        self.permits.release(runs)

    def __call__(self, items: list[int]) -> list[int]:
        self.batches.append(items)
        assert self.permits.acquire(timeout=PATIENCE)
        if self.error is not None:
            raise self.error
        return [2 * item for item in items]


async def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


async def occupied(engine: Engine, batcher: Batcher[int, int]) -> asyncio.Task[list[int]]:
    """A call whose run has begun and waits for leave."""
    first = asyncio.create_task(batcher.submit([0]))
    await until(lambda: engine.batches)
    return first


async def test_each_caller_gets_its_own_results_in_order() -> None:
    batcher = Batcher(Engine(), workers=2, max_batch=5)
    calls = [list(range(start, start + size)) for start, size in ((0, 3), (10, 1), (20, 17), (50, 8))]
    assert await asyncio.gather(*map(batcher.submit, calls)) == [[2 * item for item in call] for call in calls]


async def test_no_items_are_no_results_and_no_run() -> None:
    engine = Engine()
    assert await Batcher(engine).submit([]) == []
    assert engine.batches == []


async def test_an_idle_engine_starts_with_what_there_is() -> None:
    engine = Engine()
    batcher = Batcher(engine)
    for item in range(3):
        assert await batcher.submit([item]) == [2 * item]
    assert engine.batches == [[0], [1], [2]]


async def test_calls_that_come_while_the_engine_is_busy_share_the_next_batch() -> None:
    engine = Engine(free=False)
    batcher = Batcher(engine)
    first = await occupied(engine, batcher)
    calls = [asyncio.create_task(batcher.submit([item])) for item in (1, 2, 3)]
    await until(lambda: batcher.waiting == 3)
    engine.go()
    assert await asyncio.gather(first, *calls) == [[0], [2], [4], [6]]
    assert engine.batches == [[0], [1, 2, 3]]
    assert batcher.waiting == 0


async def test_a_batch_has_at_most_so_many_items() -> None:
    engine = Engine()
    await Batcher(engine, max_batch=4).submit(range(10))
    assert engine.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


async def test_heavy_items_make_small_batches_and_one_too_heavy_runs_alone() -> None:
    engine = Engine()
    batcher = Batcher(engine, weigh=lambda item: item, max_weight=100)
    await batcher.submit([60, 40, 60, 60, 500, 1, 1])
    assert engine.batches == [[60, 40], [60], [60], [500], [1, 1]]


async def test_a_long_call_does_not_hold_up_a_short_one() -> None:
    engine = Engine(free=False)
    batcher = Batcher(engine, max_batch=8)
    first = await occupied(engine, batcher)
    long = asyncio.create_task(batcher.submit(list(range(100, 140))))
    await until(lambda: batcher.waiting == 40)
    short = asyncio.create_task(batcher.submit([7]))
    await until(lambda: batcher.waiting == 41)
    engine.go()
    assert await short == [14]
    assert await long == list(range(200, 280, 2))
    assert await first == [0]
    assert engine.batches[1] == list(range(100, 108))
    assert engine.batches[2] == [7, *range(108, 115)]


async def test_the_threads_share_what_waits() -> None:
    together = threading.Barrier(2, timeout=PATIENCE)

    def engine(items: list[int]) -> list[int]:
        if 0 in items or 4 in items:
            together.wait()
        return items

    assert await Batcher(engine, workers=2).submit(range(8)) == list(range(8))


async def test_a_full_queue_refuses_and_says_when_to_come_again() -> None:
    engine = Engine(free=False)
    batcher = Batcher(engine, capacity=3)
    first = await occupied(engine, batcher)
    second = asyncio.create_task(batcher.submit([1, 2]))
    await until(lambda: batcher.waiting == 2)
    with pytest.raises(Overloaded) as caught:
        await batcher.submit([3, 4])
    assert caught.value.headers == {"retry-after": "1"}
    third = asyncio.create_task(batcher.submit([5]))
    await until(lambda: batcher.waiting == 3)
    engine.go()
    assert await asyncio.gather(first, second, third) == [[0], [2, 4], [10]]
    assert await batcher.submit([3, 4]) == [6, 8]


async def test_the_time_to_come_again_follows_the_pace_of_the_engine() -> None:
    engine = Engine(free=False)
    batcher = Batcher(engine, capacity=8)
    first = await occupied(engine, batcher)
    await asyncio.sleep(0.3)
    engine.go(1)
    await first
    engine.batches.clear()
    calls = [await occupied(engine, batcher), asyncio.create_task(batcher.submit(range(8)))]
    await until(lambda: batcher.waiting == 8)
    with pytest.raises(Overloaded) as caught:
        await batcher.submit([1])
    assert 3 <= int(caught.value.headers["retry-after"]) <= 30
    engine.go()
    await asyncio.gather(*calls)


async def test_a_call_larger_than_the_queue_is_taken_when_nothing_waits() -> None:
    assert await Batcher(Engine(), capacity=3).submit(range(50)) == list(range(0, 100, 2))


async def test_items_of_a_cancelled_caller_are_not_run() -> None:
    engine = Engine(free=False)
    batcher = Batcher(engine)
    first = await occupied(engine, batcher)
    gone = asyncio.create_task(batcher.submit([1, 2]))
    stays = asyncio.create_task(batcher.submit([3]))
    await until(lambda: batcher.waiting == 3)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert batcher.waiting == 1
    engine.go()
    assert await asyncio.gather(first, stays) == [[0], [6]]
    assert engine.batches == [[0], [3]]


async def test_a_caller_cancelled_while_its_batch_runs_leaves_the_others_their_results() -> None:
    engine = Engine(free=False)
    batcher = Batcher(engine)
    first = await occupied(engine, batcher)
    gone, stays = (asyncio.create_task(batcher.submit([item])) for item in (1, 2))
    await until(lambda: batcher.waiting == 2)
    engine.go(1)
    await until(lambda: len(engine.batches) == 2)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    engine.go()
    assert await asyncio.gather(first, stays) == [[0], [4]]
    assert engine.batches == [[0], [1, 2]]
    assert await batcher.submit([5]) == [10]


async def test_an_error_reaches_every_caller_of_the_batch_and_the_next_call_works(
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = Engine(free=False)
    batcher = Batcher(engine, max_batch=8)
    first = await occupied(engine, batcher)
    calls = [asyncio.create_task(batcher.submit(items)) for items in ([1], [2], list(range(3, 30)))]
    await until(lambda: batcher.waiting == 29)
    engine.error = MemoryError("no room")
    engine.go()
    outcomes = await asyncio.gather(first, *calls, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["no room"] * 4
    assert engine.batches == [[0], [1, 2, 3, 4, 5, 6, 7, 8]]
    assert batcher.waiting == 0
    assert "The engine failed on a batch of 8." in caplog.text
    engine.error = None
    assert await batcher.submit([4]) == [8]


@pytest.mark.parametrize("error", [BaseException("panic"), StopIteration("panic")])
async def test_what_cannot_be_raised_in_a_caller_arrives_as_a_failure_of_the_engine(error: BaseException) -> None:
    engine = Engine()
    engine.error = error
    with pytest.raises(EngineFailure, match="panic") as caught:
        await Batcher(engine).submit([1])
    assert caught.value.__cause__ is error


async def test_an_engine_that_returns_too_few_results_is_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        await Batcher(lambda items: items[1:]).submit([1, 2])


def test_one_batcher_serves_one_event_loop_after_another() -> None:
    batcher = Batcher(Engine())
    assert [asyncio.run(batcher.submit([item])) for item in range(3)] == [[0], [2], [4]]


def test_one_batcher_serves_several_event_loops_at_once() -> None:
    engine = Engine(free=False)
    batcher = Batcher(engine)
    found: dict[int, list[int]] = {}

    def loop_of_its_own(item: int) -> None:
        found[item] = asyncio.run(batcher.submit([item]))

    threads = [threading.Thread(target=loop_of_its_own, args=(item,)) for item in range(4)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + PATIENCE
    while batcher.waiting + sum(map(len, engine.batches)) < 4 and time.monotonic() < deadline:
        time.sleep(0.001)
    engine.go()
    for thread in threads:
        thread.join(PATIENCE)
    assert found == {0: [0], 1: [2], 2: [4], 3: [6]}


def test_an_event_loop_that_closed_meanwhile_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="api.engines.batching")
    engine = Engine(free=False)
    batcher = Batcher(engine)

    async def leave() -> None:
        task = await occupied(engine, batcher)
        task.cancel()

    asyncio.run(leave())
    engine.go()
    assert asyncio.run(batcher.submit([3])) == [6]
    assert "An event loop was closed before the 1 calls made from it were answered." in caplog.text
