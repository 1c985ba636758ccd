"""The staff page of how events of a project are treated."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest

from accounts.reach import Rights
from accounts.staff import StaffPage
from analytics.models import AnalyticsPolicy


@admin.register(AnalyticsPolicy)
class AnalyticsPolicyAdmin(StaffPage):
    """A project without a row here has the defaults."""

    rights = (
        Rights(
            "project",
            "project",
            view="project.analytics.read",
            **dict.fromkeys(("add", "change", "delete"), "project.analytics.update"),
        ),
    )
    list_display = (
        "project",
        "organization",
        "admits_unknown",
        "honours_dnt",
        "honours_gpc",
        "requires_consent",
        "keeps_raw",
    )
    list_filter: ClassVar[Any] = ("project__organization", "requires_consent", "keeps_raw")
    list_select_related = ("project__organization",)
    search_fields = ("project__name", "project__public_id")
    autocomplete_fields = ("project",)
    prefilled = ("project",)
    fields = ("project", "admits_unknown", "honours_dnt", "honours_gpc", "requires_consent", "keeps_raw")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("project",)

    @admin.display(description="organisation", ordering="project__organization__name")
    def organization(self, policy: AnalyticsPolicy) -> str:
        return policy.project.organization.name
