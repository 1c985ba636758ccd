"""The limits as requests see them: one immutable snapshot a process, read without SQL.

A snapshot is at most two seconds old when a request starts, so a change made anywhere is seen everywhere by then; one
made in this process is seen at once. While the database is away the last snapshot goes on answering.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

import structlog
from django.conf import settings
from django.db import DatabaseError

from accounts.limits.rules import BudgetRule, Period, Plan, Rule, Unit
from accounts.models.limitchanges import changes
from accounts.models.limits import Budget, RateLimit
from accounts.principal import Principal
from lukhas_site.http.orm import in_database

MAX_AGE = 2.0
MAX_PLANS = 20_000

log = structlog.get_logger(__name__)

RateRow = tuple[str, str, Unit, Period, int]
"""Scope, model, unit, period and limit of a rate limit."""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All limits, and the defaults for where there is none.

    `rates` holds rate limits by scope and model, `budgets` by scope. `plans` is what was worked out from them so far.
    """

    rows: tuple[tuple[RateRow, ...], tuple[BudgetRule, ...]]
    defaults: tuple[tuple[Unit, int], ...]
    rates: Mapping[tuple[str, str], tuple[Rule, ...]]
    budgets: Mapping[str, tuple[BudgetRule, ...]]
    plans: dict[tuple[str, str, str | None, str, str], Plan] = field(default_factory=dict)

    def plan(self, principal: Principal, asked: str, answers: str) -> Plan:
        """What a request of this caller is measured by: `asked` is the model that it names, `answers` the one that
        answers; the same unless it named an alias."""
        key = (principal.key_id, principal.organization_id, principal.project_id, asked, answers)
        plan = self.plans.get(key)
        if plan is None:
            if len(self.plans) >= MAX_PLANS:
                self.plans.clear()
            plan = self.plans[key] = self._plan(principal, dict.fromkeys((asked, answers)))
        return plan

    def plan_of_key(self, principal: Principal) -> Plan:
        """What a request that calls no model is measured by: what its key may ask, of all models together."""
        key = (principal.key_id, principal.organization_id, principal.project_id, "", "")
        plan = self.plans.get(key)
        if plan is None:
            own = [scope for scope in scopes_of(principal) if scope.startswith("key:")]
            rules = [rule for scope in own for rule in self.rates.get((scope, ""), ()) if rule.unit != "tokens"]
            plan = self.plans[key] = Plan(tuple(rules), (), ())
        return plan

    def _plan(self, principal: Principal, models: Mapping[str, None]) -> Plan:
        scopes = scopes_of(principal)
        home = next(scope for scope in scopes if not scope.startswith("key:"))
        rules = [rule for scope in scopes for model in ("", *models) for rule in self.rates.get((scope, model), ())]
        for model in models:
            rules += self.defaults_of(home, model)
        return Plan(tuple(rules), tuple(rule for scope in scopes for rule in self.budgets.get(scope, ())), scopes)

    def defaults_of(self, home: str, model: str) -> list[Rule]:
        """The default limits per minute of a model in a project, for units in which the project has none of its own
        for this model or for all."""
        own = {
            rule.unit for name in ("", model) for rule in self.rates.get((home, name), ()) if rule.period == "minute"
        }
        return [Rule(home, model, unit, "minute", limit) for unit, limit in self.defaults if unit not in own]


def scopes_of(principal: Principal) -> tuple[str, ...]:
    """What a caller is limited and charged as, the narrowest first; see `Limiting.scope_key`. Keys that replace each
    other are one scope."""
    scopes = [f"organization:{principal.organization_id}"]
    if principal.project_id is not None:
        scopes.insert(0, f"project:{principal.project_id}")
    if principal.key_id:
        scopes.insert(0, f"key:{principal.key_family or principal.key_id}")
    return tuple(scopes)


def read(known: Ruleset | None = None) -> Ruleset:
    """Reads the limits from the database: two queries. Where nothing changed, what was worked out is kept."""
    limits = RateLimit.objects.with_scopes().order_by("pk")
    rates = tuple(
        (row.scope_key, row.model, cast(Unit, row.unit), cast(Period, row.period), row.value) for row in limits
    )
    budgets = tuple(
        BudgetRule(row.scope_key, cast(Literal["day", "month"], row.period), row.amount_micro)
        for row in Budget.objects.with_scopes().order_by("pk")
    )
    defaults: tuple[tuple[Unit, int], ...] = (
        ("requests", settings.LUKHAS_DEFAULT_RPM),
        ("tokens", settings.LUKHAS_DEFAULT_TPM),
    )
    if known is not None and known.rows == (rates, budgets) and known.defaults == defaults:
        return known
    by_model: dict[tuple[str, str], list[Rule]] = {}
    for scope, model, unit, period, limit in rates:
        by_model.setdefault((scope, model), []).append(Rule(scope, model, unit, period, limit))
    by_scope: dict[str, list[BudgetRule]] = {}
    for budget in budgets:
        by_scope.setdefault(budget.scope, []).append(budget)
    return Ruleset(
        rows=(rates, budgets),
        defaults=defaults,
        rates={key: tuple(rules) for key, rules in by_model.items()},
        budgets={scope: tuple(rules) for scope, rules in by_scope.items()},
    )


class Holder:
    """The process's snapshot. One reader refreshes it while the others go on with the old one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.ruleset: Ruleset | None = None
        self.read_at = 0.0
        self.changes = 0
        self.refreshing = False

    def fresh(self) -> Ruleset | None:
        """Returns the limits where they need not be read now."""
        if self.changes == changes.count and (self.refreshing or self.clock() - self.read_at < MAX_AGE):
            return self.ruleset
        return None

    async def current(self) -> Ruleset:
        """Returns the limits. Raises DatabaseError only where they were never read."""
        if (fresh := self.fresh()) is not None:
            return fresh
        known = self.ruleset if self.changes == changes.count else None
        count, at = changes.count, self.clock()
        self.refreshing = True
        try:
            fresh = await in_database(read, known)
        except DatabaseError as error:
            if self.ruleset is None:
                raise
            log.warning("limits_not_refreshed", error=type(error).__name__)
            return self.ruleset
        finally:
            self.refreshing = False
        self.ruleset, self.read_at, self.changes = fresh, at, count
        return fresh

    def forget(self) -> None:
        """Drops the snapshot, so that not even a database that is away is answered for."""
        self.ruleset = None


holder = Holder()
"""The snapshot of this process."""
current = holder.current
