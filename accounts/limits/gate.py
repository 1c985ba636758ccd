"""The gate of every model call: reserve before, settle after.

    reservation = await gate.reserve(principal, asked="fast", answers="big-1", tokens=900, cost_micro=1200)
    try:
        …                       # reservation.headers go with the answer
    finally:
        reservation.settle(tokens=850, cost_micro=1100)        # or reservation.release(): nothing was used

Limits are kept in this process, or in Redis where there is a REDIS_URL. When Redis is lost, LUKHAS_LIMITS_WITHOUT_REDIS
says whether each process keeps the limits by itself meanwhile (`local`) or calls are refused with 503 (`refuse`).
"""

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import structlog
from django.conf import settings

from accounts.exceptions import BudgetSpent, LimitReached, LimitsUnavailable
from accounts.limits import ruleset, spending
from accounts.limits.buckets import LocalStore
from accounts.limits.headers import headers
from accounts.limits.keeper import Keeper
from accounts.limits.rules import Account, BudgetRule, Grant, Plan, Refusal, Rule
from accounts.limits.store_redis import LOST, RedisStore
from accounts.principal import Principal
from lukhas_site.http.orm import in_database

LOCAL, REFUSE = "local", "refuse"
DOLLAR = Decimal(1_000_000)

log = structlog.get_logger(__name__)


class Reservation:
    """What one request holds until it is settled or released. Doing either again does nothing."""

    __slots__ = ("_gate", "_grant", "headers")

    def __init__(self, gate: "Gate", grant: Grant) -> None:
        self._gate = gate
        self._grant: Grant | None = grant
        self.headers = headers(grant.plan, grant.used, grant.resets)
        grant.used.clear()  # that is what they were for, and a stream may go on for long
        grant.resets.clear()

    def settle(self, tokens: int, cost_micro: int = 0) -> None:
        """Makes of the estimate what was really used. Never waits."""
        grant, self._grant = self._grant, None
        if grant is not None:
            self._gate.settle(grant, tokens, cost_micro)

    def release(self) -> None:
        """Gives tokens and money back. The request stays counted, for it was made."""
        self.settle(0, 0)


class Gate:
    """The limits of this process: what is reserved where."""

    def __init__(self, redis_url: str = "", without_redis: str = LOCAL) -> None:
        self.local = LocalStore()
        self.without_redis = without_redis
        self.shared = RedisStore(redis_url, self.local) if redis_url else None
        self.lost = False
        self.loaded = False
        self.keeper = Keeper(self.keep)

    async def reserve(
        self, principal: Principal, *, asked: str, answers: str, tokens: int, cost_micro: int, most_micro: int = 0
    ) -> Reservation:
        """Reserves a request in every scope at once, or in none.

        `tokens` and `cost_micro` (micro-dollars) are estimates, `most_micro` is the most that it can cost, where that
        is more; see `LocalStore.reserve`. Raises LimitReached, BudgetSpent and
        LimitsUnavailable, and DatabaseError where the limits were never read.
        """
        if not self.keeper.started:
            self.keeper.start()
        rules = ruleset.holder.fresh() or await ruleset.current()
        plan = rules.plan(principal, asked, answers)
        most = max(cost_micro, most_micro)
        if self.shared is None and (self.loaded or not most):
            outcome = self.local.reserve(plan, tokens, cost_micro, most)
        else:
            outcome = await self._ask(plan, tokens, cost_micro, most)
        if isinstance(outcome, Refusal):
            raise refused(outcome, asked)
        return Reservation(self, outcome)

    async def reserve_call(self, principal: Principal) -> Reservation | None:
        """Reserves a request that calls no model, within the limits on requests of its key; None where it has none.
        Raises as `reserve`."""
        rules = ruleset.holder.fresh() or await ruleset.current()
        plan = rules.plan_of_key(principal)
        if not plan.rules:
            return None
        if not self.keeper.started:
            self.keeper.start()
        outcome = self.local.reserve(plan, 0, 0, 0) if self.shared is None else await self._ask(plan, 0, 0, 0)
        if isinstance(outcome, Refusal):
            raise refused(outcome, "")
        return Reservation(self, outcome)

    def settle(self, grant: Grant, tokens: int, cost: int) -> None:
        """Settles a grant where it was given."""
        if self.shared is not None and grant.holder:
            self.shared.settle(grant, tokens, cost)
            return
        self.local.settle(grant, tokens, cost)
        if self.shared is not None:
            self.shared.owe(grant, cost)

    def in_use(self, rules: Sequence[Rule]) -> list[int]:
        """What is used now of each of these, for people to look at; blocking. What this process knows of it where
        Redis is lost."""
        if self.shared is not None and not self.lost:
            try:
                return self.shared.peek(rules)
            except LOST as error:
                self._lose(error)
        return self.local.peek(rules)

    def spending(self, wanted: Sequence[tuple[str, str]]) -> list[int]:
        """What is spent and held of each (scope, `day` or `month`) now, in micro-dollars; blocking."""
        day, month = self.local.calendar.today()
        accounts: list[Account] = [(scope, period, day if period == "day" else month) for scope, period in wanted]
        if self.shared is not None and not self.lost:
            try:
                return self.shared.spending(accounts)
            except LOST as error:
                self._lose(error)
        if not self.loaded:
            self._load()
        return [self.local.spending(scope, period) for scope, period in wanted]

    def keep(self) -> None:
        """What the keeper does every second: writes what was spent, forgets what is over, tends what is shared, and
        so finds out when Redis is back: no caller waits for that."""
        spending.flush(self.local)
        self.local.sweep()
        if self.shared is None:
            return
        try:
            self.shared.tend()
        except LOST as error:
            self._lose(error)
        else:
            if self.lost:
                log.warning("limits_with_redis_again")
            self.lost = False

    async def close(self) -> None:
        """Writes what was spent, and closes what is open. The gate may be used again."""
        if self.shared is not None:
            await self.shared.close()
        await asyncio.to_thread(self.keeper.stop)

    async def _ask(self, plan: Plan, tokens: int, cost: int, most: int) -> Grant | Refusal:
        """Asks Redis if it is there, else does as the setting says."""
        if self.shared is not None and not self.lost:
            try:
                outcome = await self.shared.reserve(plan, tokens, cost, most)
            except LOST as error:
                self._lose(error)
            else:
                self.loaded = False  # what others spend from now on, the local store does not see
                return outcome
        if self.shared is not None and self.without_redis == REFUSE:
            raise LimitsUnavailable
        if most and not self.loaded:
            await in_database(self._load)
        return self.local.reserve(plan, tokens, cost, most)

    def _load(self) -> None:
        spending.load(self.local)
        self.loaded = True

    def _lose(self, error: BaseException) -> None:
        if not self.lost:
            log.warning("limits_without_redis", error=type(error).__name__, then=self.without_redis)
        self.lost = True


def refused(refusal: Refusal, asked: str) -> LimitReached | BudgetSpent:
    """The exception for a refusal."""
    by = refusal.by
    told = headers(refusal.plan, refusal.used_of, refusal.resets)
    if isinstance(by, BudgetRule):
        return BudgetSpent(
            scope=by.scope,
            period=by.period,
            limit=by.limit / DOLLAR,
            used=refusal.used / DOLLAR,
            requested=refusal.requested / DOLLAR,
            retry_after=refusal.retry_after,
            headers=told,
        )
    return LimitReached(
        scope=by.scope,
        model=by.model or asked,
        unit=by.unit,
        period=by.period,
        limit=by.limit,
        used=refusal.used,
        requested=refusal.requested,
        retry_after=refusal.retry_after,
        headers=told,
    )


gate = Gate(settings.REDIS_URL, settings.LUKHAS_LIMITS_WITHOUT_REDIS)
"""The gate of this process."""


reserve = gate.reserve


def forget() -> None:
    """Forgets everything that is counted, reserved or to be written, as if the process had just begun."""
    spending.forget()
    gate.local.reset()
    gate.loaded = False
    ruleset.holder.forget()
