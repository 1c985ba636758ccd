"""The staff pages of limits: rate limits and budgets with what is used of them now, and what was spent."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin import StaffPage
from accounts.limits.gate import DOLLAR, gate
from accounts.limits.rules import Rule
from accounts.models import Budget, RateLimit, Spend
from accounts.models.limits import SCOPES, Limiting, kind_of


class LivePage(StaffPage):
    """What holds for one scope. The lists show what is used now, asked for once a page, for all its rows together."""

    autocomplete_fields = SCOPES
    list_select_related = SCOPES
    list_filter: ClassVar[Any] = ("period", "organization")

    @admin.display(description="holds for")
    def holds_for(self, row: Limiting) -> str:
        return f"{kind_of(type(row.scope))} {row.scope}"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else (*SCOPES, "created_at")


def measured(changes: Any, measure: Callable[[Sequence[Any]], Sequence[int]]) -> Any:
    """The page of a list, whose rows know what is used of them, as `live`."""
    rows = changes.result_list = list(changes.result_list)
    for row, used in zip(rows, measure(rows), strict=True):
        row.live = used
    return changes


@admin.register(RateLimit)
class RateLimitAdmin(LivePage):
    list_display = ("holds_for", "model", "unit", "period", "value", "use")
    list_filter: ClassVar[Any] = ("unit", *LivePage.list_filter)
    search_fields = ("model", "organization__name", "project__name", "project__public_id", "api_key__name")
    fields = (*SCOPES, "model", "unit", "period", "value")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        return measured(super().get_changelist_instance(request), self.in_use)

    def in_use(self, rows: Sequence[Any]) -> list[int]:
        return gate.in_use([Rule(row.scope_key, row.model, row.unit, row.period, row.value) for row in rows])

    @admin.display(description="used now")
    def use(self, limit: Any) -> SafeString:
        return bar(limit.live, limit.value, lambda number: f"{number:,}")


@admin.register(Budget)
class BudgetAdmin(LivePage):
    list_display = ("holds_for", "period", "amount", "use")
    search_fields = ("organization__name", "project__name", "project__public_id", "api_key__name")
    fields = (*SCOPES, "period", "amount")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        return measured(super().get_changelist_instance(request), self.spending)

    def spending(self, rows: Sequence[Any]) -> list[int]:
        return gate.spending([(row.scope_key, row.period) for row in rows])

    @admin.display(description="spent and reserved now")
    def use(self, budget: Any) -> SafeString:
        return bar(budget.live, budget.amount_micro, lambda micro: f"${micro / DOLLAR:,.2f}")


@admin.register(Spend)
class SpendAdmin(StaffPage):
    """What was spent, to read; written by the server."""

    list_display = ("scope", "period", "start", "dollars")
    list_filter = ("period", "start")
    search_fields = ("scope",)
    ordering: ClassVar[Any] = ("-start", "scope")

    @admin.display(description="US dollars", ordering="micro")
    def dollars(self, spend: Spend) -> str:
        return f"{spend.amount:,.6f}"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def bar(used: int, limit: int, show: Callable[[int], str]) -> SafeString:
    """How much of a limit is used, drawn and told."""
    told = f"{show(used)} of {show(limit)}"
    return format_html('<progress max="{}" value="{}"></progress> {}', max(limit, 1), min(used, max(limit, 1)), told)
