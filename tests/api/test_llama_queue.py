"""The queue before the model: so many at once, so many waiting, first come, first served, whatever the event loop."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from api.engines.llama_queue import Lease, SlotQueue
from api.exceptions import Overloaded
from tests.api.llamas import until


async def settled() -> None:
    """Lets everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_leases_are_given_at_once_while_slots_are_free() -> None:
    queue = SlotQueue(2, 0)
    first, second = await queue.acquire(), await queue.acquire()
    assert (queue.running, queue.waiting) == (2, 0)
    first.drop()
    second.drop()
    assert queue.running == 0


async def test_those_who_wait_are_served_in_the_order_in_which_they_came() -> None:
    queue = SlotQueue(1, 3)
    lease = await queue.acquire()
    served: list[int] = []

    async def caller(number: int) -> None:
        mine = await queue.acquire()
        served.append(number)
        mine.drop()

    callers = [asyncio.create_task(caller(number)) for number in range(3)]
    await settled()
    assert queue.waiting == 3
    lease.drop()
    await asyncio.gather(*callers)
    assert served == [0, 1, 2]
    assert (queue.running, queue.waiting) == (0, 0)


async def test_one_too_many_is_refused_and_told_when_to_come_back() -> None:
    queue = SlotQueue(1, 1)
    lease = await queue.acquire()
    waiting = asyncio.create_task(queue.acquire())
    await settled()
    with pytest.raises(Overloaded) as refusal:
        await queue.acquire()
    assert refusal.value.headers["retry-after"] == "1"
    lease.drop()
    (await waiting).drop()
    assert queue.running == 0


async def test_when_to_come_back_follows_how_long_leases_last() -> None:
    queue = SlotQueue(2, 0)
    for _ in range(2):
        await queue.acquire()
    queue.release(7.0)
    await queue.acquire()
    with pytest.raises(Overloaded) as refusal:
        await queue.acquire()
    assert refusal.value.headers["retry-after"] == "4"
    queue.release(1_000.0)
    await queue.acquire()
    with pytest.raises(Overloaded) as refusal:
        await queue.acquire()
    assert refusal.value.headers["retry-after"] == "30"


async def test_a_lease_with_two_holders_ends_with_the_last() -> None:
    queue = SlotQueue(1, 0)
    lease = await queue.acquire()
    lease.hold()
    lease.drop()
    assert queue.running == 1
    lease.drop()
    assert queue.running == 0


async def test_who_is_cancelled_while_waiting_leaves_no_trace() -> None:
    queue = SlotQueue(1, 2)
    lease = await queue.acquire()
    impatient, patient = asyncio.create_task(queue.acquire()), asyncio.create_task(queue.acquire())
    await settled()
    impatient.cancel()
    await settled()
    assert queue.waiting == 1
    lease.drop()
    (await patient).drop()
    assert queue.running == 0


async def test_who_is_cancelled_as_the_slot_arrives_hands_it_on() -> None:
    queue = SlotQueue(1, 2)
    lease = await queue.acquire()
    unlucky, next_one = asyncio.create_task(queue.acquire()), asyncio.create_task(queue.acquire())
    await settled()
    lease.drop()
    unlucky.cancel()
    (await next_one).drop()
    assert unlucky.cancelled()
    assert (queue.running, queue.waiting) == (0, 0)


def in_a_thread(work: Callable[[], Awaitable[Any]]) -> threading.Thread:
    thread = threading.Thread(target=lambda: asyncio.run(work()))  # type: ignore[arg-type]
    thread.start()
    return thread


async def test_callers_of_another_event_loop_have_their_turn() -> None:
    queue = SlotQueue(1, 1)
    lease = await queue.acquire()
    served = threading.Event()

    async def elsewhere() -> None:
        mine = await queue.acquire()
        served.set()
        mine.drop()

    thread = in_a_thread(elsewhere)
    await until(lambda: queue.waiting == 1)
    lease.drop()
    await asyncio.to_thread(thread.join)
    assert served.is_set()
    assert queue.running == 0


async def test_a_caller_whose_event_loop_is_gone_is_passed_over() -> None:
    queue = SlotQueue(1, 2)
    lease = await queue.acquire()
    dead = asyncio.new_event_loop()
    abandoned = queue.acquire()
    task = dead.create_task(abandoned)
    await asyncio.to_thread(dead.run_until_complete, _a_moment())
    alive = asyncio.create_task(queue.acquire())
    await settled()
    assert queue.waiting == 2
    dead.close()
    lease.drop()
    (await alive).drop()
    assert queue.running == 0
    task._log_destroy_pending = False  # type: ignore[attr-defined]


async def _a_moment() -> None:
    await settled()


async def test_a_future_that_is_done_is_not_woken_twice() -> None:
    queue = SlotQueue(1, 1)
    lease: Lease = await queue.acquire()
    waiting = asyncio.create_task(queue.acquire())
    await settled()
    waiter = queue._waiters[0]
    lease.drop()
    waiter.wake()
    (await waiting).drop()
    assert queue.running == 0
