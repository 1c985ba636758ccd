"""Events on the staff pages: the taxonomy to edit; events, their counts and what was rejected to read."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.reach import Rights
from accounts.staff import StaffPage
from accounts.staff_named import NamingProjects
from analytics import judging
from analytics.admin_exports import Exported
from analytics.keeping import HOURLY_LIMIT
from analytics.models import Event, EventCount, EventName, RejectedEvent, Width

OF = {"view": "organization.events.read", **dict.fromkeys(("add", "change", "delete"), "organization.events.update")}
CODES = (
    judging.UNKNOWN,
    judging.INVALID_PROPERTIES,
    judging.TOO_LARGE,
    HOURLY_LIMIT,
    judging.INVALID_EVENT,
    judging.INVALID_ID,
    judging.INVALID_TIMESTAMP,
    judging.TOO_OLD,
    judging.IN_FUTURE,
)


@admin.register(EventName)
class EventNameAdmin(StaffPage):
    """The taxonomy. What is changed here holds for the next events, within four seconds in other processes."""

    rights = (Rights("organization", "organization", **OF),)
    list_display = ("name", "organization", "description", "hourly_limit", "checked")
    list_filter: ClassVar[Any] = ("organization",)
    list_select_related = ("organization",)
    search_fields = ("name", "description")
    autocomplete_fields = ("organization",)
    prefilled = ("organization",)
    ordering: ClassVar[Any] = ("name", "id")
    fields = ("organization", "name", "description", "properties", "hourly_limit")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("organization", "name")

    @admin.display(description="has a schema", boolean=True)
    def checked(self, name: EventName) -> bool:
        return bool(name.properties)


class OfProjects(NamingProjects, Exported):
    """To read, for whoever may read what the project analyses."""

    rights = (Rights("project", "", view="project.analytics.read"),)
    offers = ("view",)


@admin.register(EventCount)
class EventCountAdmin(OfProjects):
    """By the hour; days are sums of these."""

    exports = "counts"
    list_display = ("start", "project_id", "name", "count")
    list_filter = (("start", admin.DateFieldListFilter),)
    search_fields = ("name",)
    ordering: ClassVar[Any] = ("-start", "name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[EventCount]:
        found: QuerySet[EventCount] = super().get_queryset(request).filter(width=Width.HOUR)
        return found


class OneByOne(OfProjects):
    """Events, the latest first, found by a whole id: parts of it would be looked for in every row."""

    search_fields = ("event_id",)
    search_help_text = "A whole event id."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return (queryset.filter(event_id=search_term.strip()) if search_term else queryset), False


@admin.register(Event)
class EventAdmin(OneByOne):
    """Those that are kept; of the others there is nothing to see."""

    exports = "events"
    list_display = ("event_id", "at", "project_id", "name", "browser", "network")
    list_filter = (("at", admin.DateFieldListFilter),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        found: QuerySet[Event] = super().get_queryset(request).filter(kept=True)
        return found


class ReasonFilter(admin.SimpleListFilter):
    """By why they were rejected."""

    title, parameter_name = "reason", "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(code, code.replace("_", " ")) for code in CODES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[RejectedEvent]) -> QuerySet[RejectedEvent]:
        return queryset.filter(code=self.value()) if self.value() in CODES else queryset


@admin.register(RejectedEvent)
class RejectedEventAdmin(OneByOne):
    """What was not taken, and why; `manage.py replay_rejected` judges them anew after a fix."""

    exports = "rejected"
    list_display = ("event_id", "received_at", "project_id", "name", "code", "message")
    list_filter = (("received_at", admin.DateFieldListFilter), ReasonFilter)
