"""The staff pages of roles: who is what in which organisation, and in which project."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.models import Membership, ProjectMembership
from accounts.reach import Rights
from accounts.staff import StaffPage

MEMBERS = Rights(
    "organization",
    "organization",
    view="organization.users.read",
    add="organization.users.update",
    change="organization.users.update",
    delete="organization.users.update",
)
PROJECT_MEMBERS = Rights(
    "project",
    "project",
    view="project.users.read",
    add="project.users.update",
    change="project.users.update",
    delete="project.users.update",
)


@admin.register(Membership)
class MembershipAdmin(StaffPage):
    """Staff choose among the people whom they see already; superusers, and invitations, bring in others."""

    rights = (MEMBERS,)
    grants = ("role",)
    list_display = ("user", "role", "organization", "created_at")
    list_filter = ("role", "organization")
    list_select_related = ("user", "organization")
    search_fields = ("user__username", "user__email", "user__first_name", "user__last_name", "user__public_id")
    autocomplete_fields = ("user", "organization")
    prefilled = ("organization",)
    fields = ("user", "organization", "role")

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> tuple[str, ...]:
        return () if obj is None else ("user", "organization", "created_at")


@admin.register(ProjectMembership)
class ProjectMembershipAdmin(StaffPage):
    rights = (PROJECT_MEMBERS,)
    grants = ("role",)
    list_display = ("member", "role", "project", "organization", "created_at")
    list_filter = ("role", "project__organization")
    list_select_related = ("membership__user", "membership__organization", "project__organization")
    search_fields = ("membership__user__username", "membership__user__email", "project__name", "project__public_id")
    autocomplete_fields = ("membership", "project")
    fields = ("membership", "project", "role")

    @admin.display(description="member", ordering="membership__user__username")
    def member(self, assigned: ProjectMembership) -> str:
        return str(assigned.membership.user)

    @admin.display(description="organisation", ordering="project__organization__name")
    def organization(self, assigned: ProjectMembership) -> str:
        return assigned.project.organization.name

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("membership", "project", "created_at")
