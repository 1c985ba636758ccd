"""The most that an organisation or a project may spend in a month."""

from dataclasses import dataclass
from decimal import Decimal

from django.utils import timezone

from accounts.models import Budget, Organization, Project, Spend
from accounts.models.limits import BudgetPeriod, field_of
from api.administration.projects import check_open
from api.administration.rows import made
from api.exceptions import NotFound

MOST_CENTS = 9_999_999_999
"""A hundred million dollars, less a cent: what a budget can hold."""
CENTS = 100


@dataclass(frozen=True, slots=True)
class SpendLimit:
    """`used_up` says that calls are being refused for it."""

    cents: int
    used_up: bool


def spend_limit_of(scope: Organization | Project) -> SpendLimit:
    """The limit of an organisation or a project by itself. Raises NotFound where it has none."""
    budget = Budget.objects.with_scopes().filter(**{field_of(scope): scope}, period=BudgetPeriod.MONTH).first()
    if budget is None:
        raise NotFound("spend limit")
    month = timezone.now().date().replace(day=1)
    spent = Spend.objects.filter(scope=budget.scope_key, period=BudgetPeriod.MONTH, start=month).first()
    return SpendLimit(int(budget.amount * CENTS), spent is not None and spent.micro >= budget.amount_micro)


def set_spend_limit(scope: Organization | Project, cents: int) -> SpendLimit:
    """Sets or replaces the limit, and returns it. Raises InvalidRequest for an archived project."""
    if isinstance(scope, Project):
        check_open(scope)
    made(lambda: Budget.objects.put(scope, {"amount": Decimal(cents) / CENTS}, period=BudgetPeriod.MONTH))
    return spend_limit_of(scope)


def remove_spend_limit(scope: Organization | Project) -> None:
    """Removes the limit. Raises NotFound where there is none."""
    spend_limit_of(scope)
    Budget.objects.put(scope, {}, period=BudgetPeriod.MONTH)
