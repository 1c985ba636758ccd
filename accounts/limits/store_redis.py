"""The limits of many processes, in Redis: one round trip to reserve, one to settle, each one atomic step.

A process signs in as a holder and renews that at least every ten seconds. Once it has not for `LAPSE` seconds it is
taken for dead, and what it held (requests in flight, budget, tokens of the day) is given up; windows of a minute lapse
by themselves. After a call that was never answered, nobody knows what it did: the process takes a new name, and what
the old one held lapses.
"""

import asyncio
import os
import secrets
from collections.abc import Sequence
from functools import partial
from hashlib import sha1
from typing import Any, cast
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
import structlog
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

from accounts.limits import scripts_redis as scripts
from accounts.limits import spending
from accounts.limits.buckets import LocalStore
from accounts.limits.calls_redis import LAPSE, Asked, named, settling
from accounts.limits.rules import Account, Grant, Plan, Refusal, Rule
from lukhas_site.http.orm import in_database

TIMEOUT = 1.0
"""Seconds that Redis has for an answer."""
CONNECTIONS = 64
KEPT = {"day": 3 * 86_400, "month": 65 * 86_400}
"""Seconds that a counter of spending is kept in Redis, from when it is first needed."""
ATTEMPTS = 6
LOST = (RedisError, OSError, TimeoutError)

log = structlog.get_logger(__name__)

_shas = {
    script: sha1(script.encode(), usedforsecurity=False).hexdigest()
    for script in (scripts.RESERVE, scripts.SETTLE, scripts.BEAT, scripts.BOOK, scripts.SEED, scripts.PEEK)
}


class RedisStore:
    """Reserves and settles in Redis. Raises one of `LOST` where Redis does not answer in time.

    `local` keeps what the database is to be told of spending.
    """

    def __init__(self, url: str, local: LocalStore) -> None:
        self.url = url
        self.local = local
        self.holder = _name()
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()
        self._repairs: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
        self._repaired = 0
        self._blocking: redis.Redis | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._trips: set[asyncio.Task[Any]] = set()
        self._away: dict[Account, int] = {}

    async def reserve(self, plan: Plan, tokens: int, cost: int, most: int = 0) -> Grant | Refusal:
        """As `LocalStore.reserve`. A caller who hangs up meanwhile leaves nothing reserved."""
        for _ in range(ATTEMPTS):
            holder = self.holder
            asked = Asked(plan, tokens, cost, max(cost, most), *self.local.calendar.today(), holder)
            task = self._start(scripts.RESERVE, asked.arguments())
            try:
                reply = await within(task)
            except BaseException:
                task.add_done_callback(partial(self._abandon, asked))
                raise
            if reply[0] not in {b"unknown", b"missing"}:
                return asked.outcome(reply)
            await self._repair(holder, [name.decode() for name in reply[1:]])
        raise RedisError("Redis forgets what it is told.")

    def settle(self, grant: Grant, tokens: int, cost: int) -> None:
        """As `LocalStore.settle`, sent at once and not waited for. Where that fails, what is held lapses, and the cost
        is told later, see `tend`."""
        self.local.book(grant, cost)
        arguments = settling(grant, tokens, cost)
        if arguments is not None:
            task = asyncio.get_running_loop().create_task(self._settle(arguments, grant, cost))
            self._tasks.add(task)  # the loop itself holds tasks only weakly
            task.add_done_callback(self._tasks.discard)

    def owe(self, grant: Grant, cost: int) -> None:
        """Remembers what a request cost that Redis was not told of, for when it is back."""
        if not cost:
            return
        with self.local.lock:
            for scope in grant.plan.scopes:
                for account in ((scope, "day", grant.day), (scope, "month", grant.month)):
                    self._away[account] = self._away.get(account, 0) + cost

    def tend(self) -> None:
        """Renews what this process holds, and tells what was spent while Redis was away; blocking. Raises `LOST`.

        To be called after what was spent is in the database: a counter that Redis has lost is made anew from there.
        """
        self._ask_blocking(scripts.BEAT, [self.holder, LAPSE, "renew"])
        with self.local.lock:
            away, self._away = self._away, {}
        if away:
            try:
                self._ask_blocking(scripts.BOOK, [part for item in away.items() for part in (named(item[0]), item[1])])
            except LOST:
                with self.local.lock:
                    for account, cost in away.items():
                        self._away[account] = self._away.get(account, 0) + cost
                raise

    def peek(self, rules: Sequence[Rule]) -> list[int]:
        """What is in use now of each of these; blocking."""
        arguments = [part for rule in rules for part in (rule.key, rule.width, rule.span)]
        return cast(list[int], self._ask_blocking(scripts.PEEK, arguments))

    def spending(self, accounts: Sequence[Account]) -> list[int]:
        """What is spent and held of each; blocking. 0 where Redis has not needed to know yet."""
        if not accounts:
            return []
        client = self._client_blocking()
        spent: Any = client.mget([f"{scripts.PREFIX}s:{named(account)}" for account in accounts])
        held: Any = client.hmget(f"{scripts.PREFIX}held", [account[0] for account in accounts])
        return [int(one or 0) + int(other or 0) for one, other in zip(spent, held, strict=True)]

    async def close(self) -> None:
        """Waits a little for what is under way, and closes the connections of this event loop."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + 2 * TIMEOUT
        while (under_way := [*self._tasks, *self._trips]) and loop.time() < deadline:
            await asyncio.wait(under_way, timeout=deadline - loop.time())
        for task in under_way:
            task.cancel()
        client = self._clients.pop(loop, None)
        if client is not None:
            await client.aclose()
        if self._blocking is not None:
            self._blocking.close()

    # --- One round trip --------------------------------------------------------------------------------------------

    def _abandon(self, asked: "Asked", task: "asyncio.Task[Any]") -> None:
        """Gives back what was reserved for a caller who does not wait for it any more."""
        if task.cancelled() or task.exception() is not None:
            self._rename(asked.holder)
        elif task.result()[0] == b"granted":
            self.settle(cast(Grant, asked.outcome(task.result())), 0, 0)

    async def _settle(self, arguments: list[Any], grant: Grant, cost: int) -> None:
        try:
            await within(self._start(scripts.SETTLE, arguments))
        except LOST as error:
            # It may have been done: giving back twice would let too much in, so what is held is left to lapse.
            self._rename(grant.holder)
            self.owe(grant, cost)
            log.warning("limits_not_settled", error=type(error).__name__)

    def _rename(self, holder: str) -> None:
        if self.holder == holder:
            self.holder = _name()

    async def _repair(self, holder: str, missing: list[str]) -> None:
        """Tells Redis what it does not know: who this holder is, or what is missing. Of a crowd, one does, and the
        others wait for it and ask again."""
        lock = self._repairs.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        before = self._repaired
        async with lock:
            if self._repaired != before:
                return
            if missing:
                await self._seed(missing)
            else:
                self._rename(holder)  # the old name may have been given up, and what it held with it
                await within(self._start(scripts.BEAT, [self.holder, LAPSE, "join"]))
            self._repaired += 1

    async def _seed(self, names: list[str]) -> None:
        """Tells Redis what the database knows of these accounts."""
        await in_database(spending.flush, self.local)
        accounts = [cast(Account, tuple(reversed(name.split("|", 2)))) for name in names]
        periods = sorted({(period, start) for _, period, start in accounts})
        known = await in_database(spending.read, periods, sorted({account[0] for account in accounts}))
        told = [part for each in accounts for part in (named(each), known.get(each, 0), KEPT[each[1]])]
        await within(self._start(scripts.SEED, told))

    def _start(self, script: str, arguments: Sequence[Any]) -> asyncio.Task[Any]:
        """Begins a round trip. Nobody cancels it: half a connection is worth nothing, and may hold up who closes it."""
        task = asyncio.get_running_loop().create_task(self._ask(script, arguments))
        self._trips.add(task)  # the loop itself holds tasks only weakly
        task.add_done_callback(self._landed)
        return task

    def _landed(self, task: asyncio.Task[Any]) -> None:
        self._trips.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has it, or has given up; the loop need not complain

    async def _ask(self, script: str, arguments: Sequence[Any]) -> Any:
        client: Any = self._client()
        try:
            return await client.execute_command("EVALSHA", _shas[script], 0, *arguments)
        except NoScriptError:
            return await client.execute_command("EVAL", script, 0, *arguments)

    def _ask_blocking(self, script: str, arguments: Sequence[Any]) -> Any:
        client: Any = self._client_blocking()
        try:
            return client.execute_command("EVALSHA", _shas[script], 0, *arguments)
        except NoScriptError:
            return client.execute_command("EVAL", script, 0, *arguments)

    def _client(self) -> redis.asyncio.Redis:
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            pool = redis.asyncio.BlockingConnectionPool.from_url(
                self.url,
                max_connections=CONNECTIONS,
                timeout=TIMEOUT,
                socket_timeout=TIMEOUT,
                socket_connect_timeout=TIMEOUT,
                retry=AsyncRetry(NoBackoff(), 0),
            )
            client = self._clients[loop] = redis.asyncio.Redis.from_pool(pool)
        return client

    def _client_blocking(self) -> redis.Redis:
        if self._blocking is None:
            self._blocking = redis.Redis.from_url(
                self.url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=Retry(NoBackoff(), 0)
            )
        return self._blocking


def _name() -> str:
    return f"{os.getpid()}-{secrets.token_hex(6)}"


async def within(task: asyncio.Task[Any]) -> Any:
    """What the task returns. Raises TimeoutError where it takes too long; the task goes on by itself."""
    await asyncio.wait({task}, timeout=TIMEOUT)
    if not task.done():
        raise TimeoutError
    return task.result()
