"""The staff pages of limits: rate limits and budgets with what is used of them now, and what was spent."""

import re
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Concat
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accounts.bars import Bar, dollars
from accounts.limits.gate import gate
from accounts.limits.rules import Rule
from accounts.models import ApiKey, Budget, Organization, Project, RateLimit, Spend
from accounts.models.limits import SCOPES, Limiting, kind_of
from accounts.reach import IN_ORGANIZATION, IN_PROJECT, Reach, Rights, Verb, condition
from accounts.staff import StaffPage

PRIMARY_KEY = re.compile("[0-9]{1,18}")


class LivePage(StaffPage):
    """What holds for one scope. The list shows what is used now, asked for once a page, for all its rows together; and
    asks anew every two seconds while somebody looks at it."""

    rights = (
        Rights("project", "project", **IN_PROJECT),
        Rights("project", "api_key__project", **IN_PROJECT),
        Rights("organization", "organization", **IN_ORGANIZATION),
    )
    autocomplete_fields = SCOPES
    list_select_related = SCOPES
    list_filter: ClassVar[Any] = ("period", "organization")
    list_before_template = "accounts/live.html"

    @abstractmethod
    def measure(self, rows: Sequence[Any]) -> list[int]:
        """Returns what is used of each now."""

    @abstractmethod
    def bar_of(self, row: Any, used: int) -> Bar:
        """Returns how much of it that is."""

    @admin.display(description="holds for")
    def holds_for(self, row: Limiting) -> str:
        return f"{kind_of(type(row.scope))} {row.scope}"

    @admin.display(description="used now")
    def use(self, row: Any) -> SafeString:
        return self.bar_of(row, row.live).html()

    def measured(self, rows: Iterable[Any]) -> list[Any]:
        """Returns the rows, which know from now on what is used of them, as `live`."""
        found = list(rows)
        for row, used in zip(found, self.measure(found), strict=True):
            row.live = used
        return found

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes: Any = super().get_changelist_instance(request)
        changes.result_list = self.measured(changes.result_list)
        return changes

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else (*SCOPES, "created_at")

    def get_urls(self) -> list[Any]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_live"
        return [path("live/", self.admin_site.admin_view(self.live_view), name=name), *super().get_urls()]

    def live_view(self, request: HttpRequest) -> HttpResponse:
        """The bars of the rows whose ids are asked for, each to be put in the place of the one that is there."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = [text for text in request.GET.get("ids", "").split(",") if PRIMARY_KEY.fullmatch(text)]
        rows = self.get_queryset(request).filter(pk__in=asked[: self.list_per_page]).select_related(*SCOPES)
        bars = ((self.bar_of(row, row.live).html(anew=True),) for row in self.measured(rows))
        return HttpResponse(format_html_join("", "{}", bars))


@admin.register(RateLimit)
class RateLimitAdmin(LivePage):
    list_display = ("holds_for", "model", "unit", "period", "value", "use")
    list_filter: ClassVar[Any] = ("unit", *LivePage.list_filter)
    search_fields = ("model", "organization__name", "project__name", "project__public_id", "api_key__name")
    fields = (*SCOPES, "model", "unit", "period", "value")

    def measure(self, rows: Sequence[Any]) -> list[int]:
        return gate.in_use([Rule(row.scope_key, row.model, row.unit, row.period, row.value) for row in rows])

    def bar_of(self, row: Any, used: int) -> Bar:
        return Bar(row.pk, used, row.value, lambda number: f"{number:,}")


@admin.register(Budget)
class BudgetAdmin(LivePage):
    list_display = ("holds_for", "period", "dollars", "use")
    search_fields = ("organization__name", "project__name", "project__public_id", "api_key__name")
    fields = (*SCOPES, "period", "amount")

    def measure(self, rows: Sequence[Any]) -> list[int]:
        return gate.spending([(row.scope_key, row.period) for row in rows])

    @admin.display(description="US dollars", ordering="amount")
    def dollars(self, budget: Budget) -> str:
        return dollars(budget.amount_micro)

    def bar_of(self, row: Any, used: int) -> Bar:
        return Bar(row.pk, used, row.amount_micro, dollars)


@admin.register(Spend)
class SpendAdmin(StaffPage):
    """What was spent, to read; written by the server."""

    rights = (
        Rights("project", "", view="project.limits.read"),
        Rights("organization", "", view="organization.usage.read"),
    )
    offers = ("view",)
    list_display = ("scope", "period", "start", "amount")
    list_filter = ("period", "start")
    search_fields = ("scope",)
    ordering: ClassVar[Any] = ("-start", "scope")

    def sees(self, reach: Reach, verb: Verb) -> Q:
        """Of what this person may see; what was spent outlives what spent it, which superusers see then."""
        if reach.everything:
            return Q()
        places: dict[str, QuerySet[Any]] = {
            "project": Project.objects.filter(condition(self.rights[:1], reach, verb)),
            "organization": Organization.objects.filter(condition(self.rights[1:], reach, verb)),
            "key": ApiKey.objects.filter(condition((Rights("project", "project", **IN_PROJECT),), reach, verb)),
        }
        found = Q(pk__in=[])
        for kind, rows in places.items():
            found |= Q(scope__in=rows.order_by().values_list(Concat(Value(f"{kind}:"), "public_id")))
        return found

    def reaches(self, reach: Reach, verb: Verb, row: Any) -> bool:
        return Spend.objects.filter(self.sees(reach, verb), pk=row.pk).exists()

    @admin.display(description="US dollars", ordering="micro")
    def amount(self, spend: Spend) -> str:
        return f"{spend.amount:,.6f}"
