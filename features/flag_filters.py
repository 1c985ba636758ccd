"""What the list of flags is filtered by."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from accounts.staff_lists import MOST_CHOICES, visible_rows
from features.models import Environment
from features.staleness import DAYS


class SightFilter(admin.SimpleListFilter):
    """Archived flags are out of sight unless they are asked for."""

    title = "archived"
    parameter_name = "archived"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Archived"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        first, *others = super().choices(changelist)
        yield {**first, "display": "In sight"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        wanted = {"yes": queryset.filter(archived=True), "all": queryset}
        return wanted.get(self.value() or "", queryset.live())


class OnFilter(admin.SimpleListFilter):
    """Flags that are on in an environment, by its key."""

    title = "on in"
    parameter_name = "on_in"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        keys = visible_rows(Environment, request).order_by("key").values_list("key", flat=True).distinct()
        return [(key, key) for key in keys[:MOST_CHOICES]]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        key = self.value()
        return queryset if key is None else queryset.filter(states__environment__key=key, states__enabled=True)


class UntouchedFilter(admin.SimpleListFilter):
    """Flags of which nothing was changed for long, and that are not meant to stay."""

    title = "changed"
    parameter_name = "changed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("long_ago", f"Not for {DAYS} days")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() != "long_ago":
            return queryset
        return queryset.filter(permanent=False).untouched_since(timezone.now() - timedelta(days=DAYS))
