"""The staff page of the veto log, which is only read."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import Project
from accounts.reach import Rights
from accounts.staff_lists import MOST_CHOICES, visible_rows
from accounts.staff_named import NamingProjects
from api.models import Policy, Veto


class PolicyFilter(admin.SimpleListFilter):
    """By policy, of those that the reader may see and that are there still."""

    title = parameter_name = "policy"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = visible_rows(Policy, request).order_by("name", "pk")[:MOST_CHOICES]
        return [(str(row.pk), f"{row.name} ({row.scope})") for row in rows.select_related("organization", "project")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Veto]) -> QuerySet[Veto]:
        chosen = self.value() or ""
        return queryset.filter(policy_id=int(chosen)) if chosen.isdecimal() and len(chosen) < 19 else queryset


class ProjectFilter(admin.SimpleListFilter):
    """By project, of those that the reader may see."""

    title = parameter_name = "project"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = visible_rows(Project, request).order_by("name", "pk")[:MOST_CHOICES]
        return list(rows.values_list("public_id", "name"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Veto]) -> QuerySet[Veto]:
        return queryset.filter(project_id=self.value()) if self.value() else queryset


@admin.register(Veto)
class VetoAdmin(NamingProjects):
    rights = (Rights("project", "", view="project.policies.read"),)
    offers = ("view",)
    ordering: ClassVar[Any] = ("-at",)
    list_display = ("at", "reason_code", "mode", "policy", "project_id", "model", "endpoint", "key_id", "request_id")
    list_filter: ClassVar[Any] = (("at", admin.DateFieldListFilter), PolicyFilter, "mode", ProjectFilter)
    search_fields = ("request_id",)
    search_help_text = "A whole request id."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Veto], search_term: str
    ) -> tuple[QuerySet[Veto], bool]:
        """By the whole id: parts of it would be looked for in every row."""
        return (queryset.filter(request_id=search_term.strip()) if search_term else queryset), False
