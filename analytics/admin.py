"""Usage in the admin: read only, the newest first. Events have a module of their own."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from accounts.reach import Reach, Rights, Verb
from analytics.admin_events import EventAdmin, EventCountAdmin, EventNameAdmin, RejectedEventAdmin
from analytics.admin_experiments import ExperimentAdmin
from analytics.admin_exports import Exported
from analytics.admin_guards import RolloutGuardAdmin, TurnBackAdmin
from analytics.admin_policies import AnalyticsPolicyAdmin
from analytics.admin_visits import VisitAdmin
from analytics.models import Refused, UsageRecord

__all__ = [
    "AnalyticsPolicyAdmin",
    "EventAdmin",
    "EventCountAdmin",
    "EventNameAdmin",
    "ExperimentAdmin",
    "RefusedAdmin",
    "RejectedEventAdmin",
    "RolloutGuardAdmin",
    "TurnBackAdmin",
    "UsageRecordAdmin",
    "VisitAdmin",
]

MICRO = 1_000_000


class OutcomeFilter(admin.SimpleListFilter):
    """By how it ended."""

    title = parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("2", "answered"), ("4", "refused"), ("499", "caller hung up"), ("5", "failed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[UsageRecord]) -> QuerySet[UsageRecord]:
        if self.value() == "499":
            return queryset.filter(status=499)
        if self.value() in {"2", "4", "5"}:
            first = int(self.value() or 0) * 100
            return queryset.filter(status__gte=first, status__lt=first + 100).exclude(status=499)
        return queryset


@admin.register(UsageRecord)
class UsageRecordAdmin(Exported):
    """Staff see the requests of the organisations whose usage they may read by role."""

    exports = "usage"
    rights = (Rights("organization", "", view="organization.usage.read"),)
    offers = ("view",)
    ordering: ClassVar[Any] = ("-at",)
    list_display = (
        "request_id", "at", "project_id", "model", "status", "error_code", "input_tokens", "output_tokens", "cost",
        "milliseconds",
    )  # fmt: skip
    list_filter = (("at", admin.DateFieldListFilter), OutcomeFilter, "stream")
    search_fields = ("request_id",)
    search_help_text = "A whole request id."

    def sees(self, reach: Reach, verb: Verb) -> Q:
        if reach.everything:
            return Q()
        allowed = reach.organizations_for(str(self.rights[0].action(verb)))
        return Q(organization_id__in=[reach.public_ids[pk] for pk in allowed])

    def reaches(self, reach: Reach, verb: Verb, row: Any) -> bool:
        homes = {public_id: pk for pk, public_id in reach.public_ids.items()}
        return reach.may(self.rights[0].action(verb), homes.get(row.organization_id))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[UsageRecord], search_term: str
    ) -> tuple[QuerySet[UsageRecord], bool]:
        """By the whole id: parts of it would be looked for in every row."""
        return (queryset.filter(pk=search_term.strip()) if search_term else queryset), False

    @admin.display(description="cost", ordering="cost_micro")
    def cost(self, record: UsageRecord) -> str:
        return f"${record.cost_micro / MICRO:,.6f}"

    @admin.display(description="ms", ordering="duration_us")
    def milliseconds(self, record: UsageRecord) -> str:
        return f"{record.duration_us / 1000:,.1f}"


@admin.register(Refused)
class RefusedAdmin(Exported):
    """For superusers: whoever is turned away at the door belongs to no organisation."""

    exports = "refused"
    offers = ("view",)
    ordering: ClassVar[Any] = ("-hour",)
    list_display = ("hour", "project_id", "endpoint", "reason", "count")
    list_filter = (("hour", admin.DateFieldListFilter), "endpoint")
