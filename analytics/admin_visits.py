"""Visits on the staff pages: a chart by day, and one by one. Never whose."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.sessions.devices import BROWSERS
from analytics.admin_events import OfProjects
from analytics.dashboard.visits import visits_by_day
from analytics.models import Visit

FAMILIES = tuple(dict.fromkeys(name for _, name in BROWSERS))


class BrowserFilter(admin.SimpleListFilter):
    """By the family of the browser, of all that are known: none is looked for in the rows."""

    title = parameter_name = "browser"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in FAMILIES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Visit]) -> QuerySet[Visit]:
        return queryset.filter(browser=self.value()) if self.value() in FAMILIES else queryset


@admin.register(Visit)
class VisitAdmin(OfProjects):
    """The latest first."""

    exports = "visits"
    change_list_template = "analytics/visit_list.html"
    list_display = (
        "started_at", "lasted", "project_id", "events", "entry_page", "exit_page", "browser", "network",
    )  # fmt: skip
    list_filter = (("started_at", admin.DateFieldListFilter), BrowserFilter)
    ordering: ClassVar[Any] = ("-started_at", "-id")
    search_fields = ("entry_page", "exit_page")
    search_help_text = "A whole page that visits began or ended with, or the id of a project."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Visit], search_term: str
    ) -> tuple[QuerySet[Visit], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(Q(entry_page=term) | Q(exit_page=term) | Q(project_id=term)), False

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The list, and the chart of what it lists."""
        answer = super().changelist_view(request, *args, **kwargs)
        context: Any = getattr(answer, "context_data", None)
        if context is not None and "cl" in context:
            context["chart"] = visits_by_day(context["cl"].queryset, timezone.now())
        return answer

    @admin.display(description="lasted")
    def lasted(self, visit: Visit) -> str:
        minutes, seconds = divmod(round((visit.ended_at - visit.started_at).total_seconds()), 60)
        return f"{minutes} min {seconds} s"
