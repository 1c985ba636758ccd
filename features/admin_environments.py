"""The staff pages of environments, of the environment that each project is in, and of segments."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from accounts.reach import Rights, Verb
from features.admin_pages import OF, RIGHTS, RulingPage
from features.forms import SegmentForm
from features.models import Environment, ProjectEnvironment, Segment
from features.models.environments import PRODUCTION


@admin.register(Environment)
class EnvironmentAdmin(RulingPage):
    """`production` stays: every project that is in no other one is in it."""

    rights = (RIGHTS,)
    list_display = ("key", "organization", "protected", "own_projects", "created_at")
    list_filter: ClassVar[Any] = ("organization", "protected")
    list_select_related = ("organization",)
    search_fields = ("key", "organization__name")
    autocomplete_fields = ("organization",)
    prefilled = ("organization",)
    fields = ("organization", "key", "protected")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Environment]:
        found: QuerySet[Environment] = super().get_queryset(request).annotate(own_projects=Count("projects"))
        return found

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("organization", "key")

    def may(self, request: HttpRequest, verb: Verb, row: Any = None) -> bool:
        if verb == "delete" and row is not None and row.key == PRODUCTION:
            return False
        return super().may(request, verb, row)

    @admin.display(description="projects put into it", ordering="own_projects")
    def own_projects(self, environment: Any) -> int:
        return int(environment.own_projects)


@admin.register(ProjectEnvironment)
class ProjectEnvironmentAdmin(RulingPage):
    """A project without a row here is in `production`."""

    rights = (Rights("organization", "project__organization", **OF),)
    list_display = ("project", "organization", "environment")
    list_filter: ClassVar[Any] = ("environment", "project__organization")
    list_select_related = ("project__organization", "environment")
    search_fields = ("project__name", "project__public_id", "environment__key")
    autocomplete_fields = ("project", "environment")
    fields = ("project", "environment")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("project",)

    @admin.display(description="organisation", ordering="project__organization__name")
    def organization(self, row: ProjectEnvironment) -> str:
        return row.project.organization.name


@admin.register(Segment)
class SegmentAdmin(RulingPage):
    rights = (RIGHTS,)
    form = SegmentForm
    list_display = ("key", "organization", "description", "parts")
    list_filter: ClassVar[Any] = ("organization",)
    list_select_related = ("organization",)
    search_fields = ("key", "description")
    autocomplete_fields = ("organization",)
    prefilled = ("organization",)
    fields = ("organization", "key", "description", "conditions")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("organization", "key")

    @admin.display(description="conditions")
    def parts(self, segment: Segment) -> int:
        return len(segment.conditions)
