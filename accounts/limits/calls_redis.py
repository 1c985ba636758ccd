"""How Redis is asked: the arguments of the scripts, and how their answers are to be read."""

from dataclasses import dataclass
from typing import Any

from accounts.limits.rules import Account, Grant, Plan, Refusal

LAPSE = 30
"""Seconds without a sign of life after which a process is taken for dead."""


def named(account: Account) -> str:
    """An account as part of a key."""
    return "|".join(reversed(account))


def booked(plan: Plan, day: str, month: str) -> list[tuple[str, str, str]]:
    """Each scope with its accounts of the day and of the month, as parts of keys."""
    return [(scope, named((scope, "day", day)), named((scope, "month", month))) for scope in plan.scopes]


@dataclass(frozen=True, slots=True)
class Asked:
    """One call of `scripts.RESERVE`: how it is put, and how its answer is to be read. `most` is not below `cost`."""

    plan: Plan
    tokens: int
    cost: int
    most: int
    day: str
    month: str
    holder: str

    def arguments(self) -> list[Any]:
        plan, most = self.plan, self.most
        budgets = plan.budgets if most else ()
        scopes = " ".join(plan.scopes)
        made: list[Any] = [
            self.holder, LAPSE, self.tokens, self.cost, most, len(plan.rules), len(budgets), len(plan.scopes), scopes
        ]  # fmt: skip
        for rule in plan.rules:
            made += (rule.key, rule.unit, rule.limit, rule.width, rule.span)
        if most:
            for _, *accounts in booked(plan, self.day, self.month):
                made += accounts
            for budget in budgets:
                first = self.day if budget.period == "day" else self.month
                made += (budget.scope, named((budget.scope, budget.period, first)), budget.limit)
        return made

    def outcome(self, reply: list[Any]) -> Grant | Refusal:
        plan = self.plan
        kind, at, before, wait = reply[:4]
        used = reply[4::3]
        resets = [milliseconds / 1000 for milliseconds in reply[5::3]]
        if kind == b"granted":
            return Grant(
                plan, self.tokens, self.most, used, resets, reply[6::3], self.day, self.month, holder=self.holder
            )
        seconds = None if wait < 0 else wait / 1000
        if kind == b"budget":
            return Refusal(plan, plan.budgets[at], before, self.cost, seconds, used, resets)
        rule = plan.rules[at]
        requested = self.tokens if rule.unit == "tokens" else 1
        return Refusal(plan, rule, before, requested, seconds, used, resets)


def settling(grant: Grant, tokens: int, cost: int) -> list[Any] | None:
    """The arguments of `scripts.SETTLE`; None where everything was as estimated and nothing is held."""
    rules = [
        (rule.key, tick, rule.width, rule.span)
        for rule, tick in zip(grant.plan.rules, grant.ticks, strict=True)
        if rule.unit == "in_flight" or (rule.unit == "tokens" and (tokens != grant.tokens or rule.width == 60))
    ]
    scopes = booked(grant.plan, grant.day, grant.month) if grant.held or cost else []
    if not rules and not scopes:
        return None
    made: list[Any] = [grant.holder, grant.tokens, tokens, grant.held, cost, len(rules), len(scopes)]
    for group in (*rules, *scopes):
        made += group
    return made
