"""Event streams inside one process: what many of them cost, and what ends them all."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from typing import Any

import pytest
import structlog
from django.db import OperationalError
from django.db.backends.utils import CursorWrapper

from accounts.models import ApiKey
from features.changes import Changes
from features.models import FlagState, FlagsVersion
from features.ofrep import streams as module
from features.ofrep.errors import TooManyStreams
from features.ofrep.streams import Streams
from features.ofrep.tickets import Ticket
from features.ruleset import Watch
from tests.conftest import MakeKey
from tests.features.conftest import MakeFlag
from tests.threads import in_thread

MANY = 200


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch, make_flag: MakeFlag, make_key: MakeKey) -> Any:
    """Those of a process of their own, as it were, whose watch looks when it is told to."""
    monkeypatch.setattr(module, "EVERY", 600.0)
    make_flag()
    make_key()
    watch = Watch(told=Changes())
    yield Streams(watch)
    watch.stop()


def opened(streams: Streams, seconds: int = 600) -> AsyncGenerator[bytes]:
    """The events of a new stream of the one key, whose ticket lasts for so long."""
    key = ApiKey.objects.with_owners().get()
    principal = key.principal()
    ticket = Ticket(key.public_id, principal.organization_id, "production", int(time.time()) + seconds)
    return streams.follow(ticket, principal, "")


def test_many_cost_no_thread_and_no_query_each(streams: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    queries: list[str] = []
    real = CursorWrapper.execute

    def execute(self: CursorWrapper, sql: Any, params: Any = None) -> Any:
        if not threading.current_thread().name.endswith(("-watch", "-keeper")):  # those of a server that runs beside
            queries.append(str(sql))
        return real(self, sql, params)

    generators = [opened(streams) for _ in range(MANY)]

    async def run() -> None:
        await streams.watch.current()
        await asyncio.to_thread(int)  # what a thread pool brings is there
        await streams.check()
        monkeypatch.setattr(CursorWrapper, "execute", execute)
        threads = threading.active_count()
        async with AsyncExitStack() as stack:
            for generator in generators:
                await anext(await stack.enter_async_context(aclosing(generator)))
            assert (len(streams), queries) == (MANY, [])
            await streams.check()
            assert len(queries) == 1
            waiting = [asyncio.ensure_future(anext(generator)) for generator in generators]
            await asyncio.sleep(0)
            await in_thread(FlagState.objects.update, enabled=False)
            queries.clear()
            await asyncio.wrap_future(streams.watch.look())
            told = await asyncio.gather(*waiting)
            assert queries == []
            version = str(streams.watch.rulesets and streams.watch.rulesets.version)
            assert all(f'"etag":"{version}"'.encode() in event for event in told)
            assert threading.active_count() <= threads + 1
        assert len(streams) == 0

    asyncio.run(run())


def test_what_changes_and_changes_back_before_it_is_told_is_not_told(streams: Streams) -> None:
    generator = opened(streams)

    async def run() -> None:
        async with aclosing(generator) as events:
            await anext(events)
            for on in (False, True):
                await in_thread(FlagState.objects.update, enabled=on)
                await asyncio.wrap_future(streams.watch.look())
            await asyncio.sleep(0)
            waiting = asyncio.ensure_future(anext(events))
            await asyncio.sleep(0)
            await in_thread(FlagState.objects.update, enabled=False)
            await asyncio.wrap_future(streams.watch.look())
            assert f'"etag":"{await in_thread(FlagsVersion.current)}"'.encode() in await waiting

    asyncio.run(run())


def test_with_its_ticket_a_stream_ends_and_says_so(streams: Streams) -> None:
    generator = opened(streams, seconds=1)

    async def run() -> None:
        async with aclosing(generator) as events:
            await anext(events)
            assert b'"refetchEvaluation"' in await anext(events)
            with pytest.raises(StopAsyncIteration):
                await anext(events)

    asyncio.run(run())


def test_while_the_database_is_away_they_stay_open(streams: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = opened(streams)

    def away(_: set[str]) -> set[str]:
        raise OperationalError("the server closed the connection unexpectedly")

    async def run() -> None:
        async with aclosing(generator) as events:
            await anext(events)
            monkeypatch.setattr(module, "_good", away)
            with structlog.testing.capture_logs() as logs:
                await streams.check()
            assert [line["event"] for line in logs] == ["flag_streams_not_checked"]
            waiting = asyncio.ensure_future(anext(events))
            await asyncio.sleep(0)
            streams.close()
            with pytest.raises(StopAsyncIteration):
                await waiting

    asyncio.run(run())


def test_at_the_end_of_the_process_all_end_and_none_begins(streams: Streams) -> None:
    first, second = opened(streams), opened(streams)

    async def run() -> None:
        async with aclosing(first) as events:
            await anext(events)
            streams.close()
            assert [event async for event in events] == []
        with pytest.raises(TooManyStreams):
            await anext(second)
        assert len(streams) == 0

    asyncio.run(run())


def test_a_loop_that_is_gone_is_told_nothing_and_keeps_nobody_from_being_told(streams: Streams) -> None:
    generator = opened(streams)

    async def run() -> None:
        async with aclosing(generator) as events:
            await anext(events)
            (stream,) = streams._open
            gone = asyncio.new_event_loop()
            gone.close()
            here, stream.loop = stream.loop, gone
            rulesets = streams.watch.rulesets
            assert rulesets is not None
            streams.tell(rulesets)
            stream.loop = here

    asyncio.run(run())
