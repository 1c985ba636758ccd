"""Counting in this process: pure, exact, under one lock.

A window is made of buckets of equal width, sixty full ones of a second for a minute, 1,440 of a minute for a day, and
the one that is being filled now. The sixty alone would let go of what happened 59.1 s ago; with the one on top,
everything of the last 60 s is in some bucket that still counts, wherever in its second it happened. So of any 60 s,
begun at any instant, never more than the limit was let in. The price: an entry counts for up to one bucket longer.

Clocks are passed in: one that never goes back for windows, and one of the calendar (UTC) for budgets.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from time import monotonic, time

from accounts.limits.rules import Account, Grant, Plan, Refusal, Rule, longest

IN_FLIGHT_WAIT = 1.0
"""Seconds to try again after where requests in flight are too many: when one ends, nobody knows."""


class Window:
    """What was used of one limit, by bucket: [tick, amount], the oldest first. A tick is the bucket's number."""

    __slots__ = ("buckets", "span", "total", "width")

    def __init__(self, width: int, span: int) -> None:
        """`width` in seconds; `span` is how many full buckets count."""
        self.width = width
        self.span = span
        self.buckets: deque[list[int]] = deque()
        self.total = 0

    def used(self, now: float) -> int:
        """What counts now; forgets what does not any more."""
        buckets = self.buckets
        oldest = int(now // self.width) - self.span
        while buckets and buckets[0][0] < oldest:
            self.total -= buckets.popleft()[1]
        return self.total

    def add(self, now: float, amount: int) -> int:
        """Counts `amount` from now on; returns the tick that it is filed under."""
        tick = int(now // self.width)
        buckets = self.buckets
        if buckets and buckets[-1][0] == tick:
            buckets[-1][1] += amount
        else:
            buckets.append([tick, amount])
        self.total += amount
        return tick

    def give_back(self, tick: int, amount: int) -> None:
        """Takes back what was added at `tick`, unless that does not count any more."""
        buckets = self.buckets
        for bucket in reversed(buckets):
            if bucket[0] <= tick:
                if bucket[0] == tick:
                    bucket[1] -= amount
                    self.total -= amount
                break
        while buckets and buckets[-1][1] == 0:
            buckets.pop()

    def whole_in(self, now: float) -> float:
        """In how many seconds nothing counts any more, if nothing is added."""
        return max(0.0, self._leaves(self.buckets[-1][0]) - now) if self.buckets else 0.0

    def less_in(self, now: float, excess: int) -> float:
        """In how many seconds `excess` less counts than now; there must be so much."""
        buckets = iter(self.buckets)
        tick = 0
        while excess > 0:
            tick, amount = next(buckets)
            excess -= amount
        return self._leaves(tick) - now

    def _leaves(self, tick: int) -> int:
        """The reading of the clock from which a bucket does not count any more."""
        return (tick + self.span + 1) * self.width


class Calendar:
    """The first days of the day and the month that it is, in UTC, as text."""

    def __init__(self, now: Callable[[], float] = time) -> None:
        self.now = now
        self._number = -1
        self._known = ("", "")

    def today(self) -> tuple[str, str]:
        number = int(self.now() // 86_400)
        if number != self._number:
            date = datetime.fromtimestamp(number * 86_400, UTC).date()
            self._known = (date.isoformat(), date.replace(day=1).isoformat())
            self._number = number
        return self._known


class LocalStore:
    """The limits of one process: reserves in all scopes or in none, and settles.

    What is spent is kept here too, also while another store decides: `pending` is what the database has not been told.
    """

    def __init__(self, clock: Callable[[], float] = monotonic, now: Callable[[], float] = time) -> None:
        self.clock = clock
        self.calendar = Calendar(now)
        self.lock = threading.Lock()
        self.epoch = 0
        self._clear()

    def _clear(self) -> None:
        self.windows: dict[str, Window] = {}
        self.in_flight: dict[str, int] = {}
        self.spent: dict[Account, int] = {}
        self.held: dict[str, int] = {}
        self.pending: dict[Account, int] = {}

    def reset(self) -> None:
        """Begins anew: everything counted is forgotten, and what is reserved now will be settled in vain."""
        with self.lock:
            self.epoch += 1
            self._clear()

    def reserve(self, plan: Plan, tokens: int, cost: int, most: int = 0) -> Grant | Refusal:
        """Counts one request of `tokens` and `cost` micro-dollars everywhere, or, where it does not fit, nowhere.

        `most` is the most that it can cost, where that is more. The request itself is let in by its estimate, and then
        counts for others with its most. So whoever is let in last has room for its estimate beside all that the others
        can cost: what is overspent is at most what the estimate of one request missed.
        """
        most = max(cost, most)
        with self.lock:
            now = self.clock()
            day, month = self.calendar.today()
            used, waits = self._measure(plan, tokens, now)
            if most:
                for budget in plan.budgets:
                    first = day if budget.period == "day" else month
                    spent = self.spent.get((budget.scope, budget.period, first), 0)
                    held = self.held.get(budget.scope, 0)
                    if spent + held + cost > budget.limit:
                        wait = IN_FLIGHT_WAIT if spent + cost <= budget.limit else None
                        return Refusal(plan, budget, spent + held, cost, wait, used, self._resets(plan, now))
            if waits:
                at, wait = longest(waits)
                rule = plan.rules[at]
                requested = tokens if rule.unit == "tokens" else 1
                return Refusal(plan, rule, used[at], requested, wait, used, self._resets(plan, now))
            if most:
                for scope in plan.scopes:
                    self.held[scope] = self.held.get(scope, 0) + most
            used, resets, ticks = self._count(plan, tokens, now, used)
            return Grant(plan, tokens, most, used, resets, ticks, day, month, self.epoch)

    def settle(self, grant: Grant, tokens: int, cost: int) -> None:
        """Makes of what was reserved what was used. The request itself stays counted; what it used beyond its estimate
        counts from now on."""
        with self.lock:
            if grant.epoch != self.epoch:
                return
            now = self.clock()
            more = tokens - grant.tokens
            for rule, tick in zip(grant.plan.rules, grant.ticks, strict=True):
                if rule.unit == "in_flight":
                    self.in_flight[rule.key] -= 1
                elif rule.unit == "tokens" and more:
                    if more > 0:
                        self._window(rule).add(now, more)
                    else:
                        self._window(rule).give_back(tick, -more)
            if grant.held:
                for scope in grant.plan.scopes:
                    self.held[scope] -= grant.held
            self._book(grant, cost)

    def book(self, grant: Grant, cost: int) -> None:
        """Notes what a request cost that another store decided on."""
        with self.lock:
            self._book(grant, cost)

    def load(self, rows: Mapping[Account, int]) -> None:
        """Takes what the database knows for what was spent, and what it has yet to be told on top."""
        with self.lock:
            self.spent = dict(rows)
            for account, cost in self.pending.items():
                self.spent[account] = self.spent.get(account, 0) + cost

    def take_pending(self) -> dict[Account, int]:
        """What is to be written now; whoever cannot write it must `return_pending`."""
        with self.lock:
            pending, self.pending = self.pending, {}
            return pending

    def return_pending(self, costs: Mapping[Account, int]) -> None:
        with self.lock:
            for account, cost in costs.items():
                self.pending[account] = self.pending.get(account, 0) + cost

    def peek(self, rules: Iterable[Rule]) -> list[int]:
        """What is in use now of each of these."""
        with self.lock:
            now = self.clock()
            return [self._used(rule, now) for rule in rules]

    def spending(self, scope: str, period: str) -> int:
        """What is spent and held in the day or month that it is, in micro-dollars."""
        with self.lock:
            first = self.calendar.today()[period == "month"]
            return self.spent.get((scope, period, first), 0) + self.held.get(scope, 0)

    def sweep(self) -> None:
        """Forgets what no longer matters, so that callers who never come back leave nothing."""
        with self.lock:
            now = self.clock()
            for key in [key for key, window in self.windows.items() if not window.used(now) and not window.buckets]:
                del self.windows[key]
            for counts in (self.in_flight, self.held):
                for name in [name for name, count in counts.items() if not count]:
                    del counts[name]
            today = self.calendar.today()
            for account in [account for account in self.spent if account[2] != today[account[1] == "month"]]:
                del self.spent[account]

    # --- Under the lock --------------------------------------------------------------------------------------------

    def _measure(self, plan: Plan, tokens: int, now: float) -> tuple[list[int], list[tuple[int, float | None]]]:
        """What is used of each rule, and how long to wait at those that refuse."""
        used = []
        waits: list[tuple[int, float | None]] = []
        for at, rule in enumerate(plan.rules):
            before = self._used(rule, now)
            used.append(before)
            amount = tokens if rule.unit == "tokens" else 1
            if before + amount > rule.limit:
                waits.append((at, self._wait(rule, before + amount - rule.limit, amount, now)))
        return used, waits

    def _used(self, rule: Rule, now: float) -> int:
        if not rule.width:
            return self.in_flight.get(rule.key, 0)
        window = self.windows.get(rule.key)
        return window.used(now) if window is not None else 0

    def _wait(self, rule: Rule, excess: int, amount: int, now: float) -> float | None:
        if amount > rule.limit:
            return None
        return self.windows[rule.key].less_in(now, excess) if rule.width else IN_FLIGHT_WAIT

    def _window(self, rule: Rule) -> Window:
        window = self.windows.get(rule.key)
        if window is None:
            window = self.windows[rule.key] = Window(rule.width, rule.span)
        return window

    def _count(self, plan: Plan, tokens: int, now: float, used: list[int]) -> tuple[list[int], list[float], list[int]]:
        """Counts the request on top of what is `used`. Returns, for each rule, what is used with it, in how many
        seconds it would be whole again, and the tick that the request is filed under."""
        after, resets, ticks = [], [], []
        for rule, before in zip(plan.rules, used, strict=True):
            amount = tokens if rule.unit == "tokens" else 1
            after.append(before + amount)
            if rule.width:
                tick = self._window(rule).add(now, amount)
                # What was added now leaves last.
                resets.append((tick + rule.span + 1) * rule.width - now)
                ticks.append(tick)
            else:
                self.in_flight[rule.key] = before + 1
                resets.append(0.0)
                ticks.append(0)
        return after, resets, ticks

    def _resets(self, plan: Plan, now: float) -> list[float]:
        """In how many seconds each rule would be whole again."""
        windows = (self.windows.get(rule.key) for rule in plan.rules)
        return [window.whole_in(now) if window is not None else 0.0 for window in windows]

    def _book(self, grant: Grant, cost: int) -> None:
        """On the day on which the request came, wherever midnight was since."""
        if cost:
            for scope in grant.plan.scopes:
                for account in ((scope, "day", grant.day), (scope, "month", grant.month)):
                    self.spent[account] = self.spent.get(account, 0) + cost
                    self.pending[account] = self.pending.get(account, 0) + cost
