"""What a request is measured by, and how that comes out: immutable, and pure."""

from dataclasses import dataclass, field
from typing import Literal

Unit = Literal["requests", "tokens", "in_flight"]
Period = Literal["minute", "day", ""]
Account = tuple[str, str, str]
"""Spending is booked by scope, `day` or `month`, and its first day. `("project:proj_…", "day", "2026-01-31")`"""

WIDTHS: dict[Period, int] = {"minute": 1, "day": 60, "": 0}
"""Seconds that one bucket of a window holds; 0 where there is no window."""
SPANS: dict[Period, int] = {"minute": 60, "day": 1440, "": 0}
"""How many buckets are full ones. The one that is being filled comes on top, see `accounts.limits.buckets`."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rate limit of one scope. `model` is empty where it counts all models together."""

    scope: str
    model: str
    unit: Unit
    period: Period
    limit: int
    key: str = field(init=False)
    width: int = field(init=False)
    span: int = field(init=False)

    def __post_init__(self) -> None:
        fix = object.__setattr__
        fix(self, "key", f"{self.scope}:{self.unit}:{self.period}:{self.model}")
        fix(self, "width", WIDTHS[self.period])
        fix(self, "span", SPANS[self.period])


@dataclass(frozen=True, slots=True)
class BudgetRule:
    """The most that a scope may spend in a day or a month, in micro-dollars."""

    scope: str
    period: Literal["day", "month"]
    limit: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that one caller's request for one model is measured by, worked out once and used for all of them.

    `scopes` are those that what it costs is booked to. `requests` and `tokens` tell which of the rules are about
    these units and have a window: what the headers speak of.
    """

    rules: tuple[Rule, ...]
    budgets: tuple[BudgetRule, ...]
    scopes: tuple[str, ...]
    requests: tuple[int, ...] = field(init=False)
    tokens: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        for unit in ("requests", "tokens"):
            found = tuple(at for at, rule in enumerate(self.rules) if rule.unit == unit)
            object.__setattr__(self, unit, found)


@dataclass(slots=True)
class Grant:
    """What was reserved. `used` and `resets` hold, for each rule of the plan, what is used with this request counted,
    and in how many seconds it would be whole again; `ticks` the bucket in which the request stands. `held` is what is
    kept of budgets for it, in micro-dollars: the most that it can cost. `day` and `month` are what it is booked under.
    Where processes share a store, `holder` names the one that holds it; elsewhere it is empty, and `epoch` says which
    life of the store it belongs to."""

    plan: Plan
    tokens: int
    held: int
    used: list[int]
    resets: list[float]
    ticks: list[int]
    day: str
    month: str
    epoch: int = 0
    holder: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing was reserved: `by` had `used` of its limit in use already, and `requested` did not fit.

    `retry_after` is in seconds; None where waiting does not help. A budget may have room when requests under way are
    done. `used_of` and `resets` are as in `Grant`, without this request.
    """

    plan: Plan
    by: Rule | BudgetRule
    used: int
    requested: int
    retry_after: float | None
    used_of: list[int]
    resets: list[float]


def longest(waits: list[tuple[int, float | None]]) -> tuple[int, float | None]:
    """Of the rules that refuse and their waits, the one to name: who waits less would be refused by it again."""
    return max(waits, key=lambda item: float("inf") if item[1] is None else item[1])
