"""The staff pages of accounts: people, organisations, projects and service accounts here, the others in modules of
their own, which this one imports so that Django finds them."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.admin_audit import AuditEventAdmin
from accounts.admin_keys import ApiKeyAdmin
from accounts.models import Membership, Organization, Project, ProjectMembership, ServiceAccount, User
from accounts.staff import KeyOwnerPage, StaffPage
from accounts.unfolded import (
    AdminPasswordChangeForm,
    DjangoUserAdmin,
    TabularInline,
    UserChangeForm,
    UserCreationForm,
)

__all__ = ["ApiKeyAdmin", "AuditEventAdmin", "StaffPage"]


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, StaffPage):
    ordering = ("name",)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, KeyOwnerPage):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "first_name", "last_name", "is_active", "is_staff", "last_login")
    search_fields = ("username", "email", "first_name", "last_name", "public_id")
    readonly_fields = ("public_id", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password", "public_id")}),
        ("Person", {"fields": ("email", "first_name", "last_name")}),
        ("Permissions", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("username", "email", "usable_password", "password1", "password2")}),
    )


class MembershipInline(TabularInline):
    model = Membership
    fields = ("user", "role")
    autocomplete_fields = ("user",)
    extra = 0


@admin.register(Organization)
class OrganizationAdmin(StaffPage):
    list_display = ("name", "slug", "public_id", "created_at")
    search_fields = ("name", "slug", "public_id")
    fields = ("name", "slug", "public_id", "created_at")
    inlines = (MembershipInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Organization | None = None) -> tuple[str, ...]:
        # LUKHAS_ORGANIZATION names an organisation by its slug.
        fixed = ("public_id", "created_at")
        return fixed if obj is None else (*fixed, "slug")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ProjectMembershipInline(TabularInline):
    model = ProjectMembership
    fields = ("membership", "role")
    extra = 0

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Only members of the project's organisation can be chosen."""
        formset: Any = super().get_formset(request, obj, **kwargs)
        members = Membership.objects.select_related("user", "organization").order_by("user__email")
        formset.form.base_fields["membership"].queryset = members.filter(organization=obj.organization_id)
        return formset


@admin.register(Project)
class ProjectAdmin(StaffPage):
    list_display = ("name", "public_id", "organization", "is_default", "created_at", "archived_at")
    list_filter = (("archived_at", admin.EmptyFieldListFilter), "organization")
    list_select_related = ("organization",)
    search_fields = ("name", "public_id")
    autocomplete_fields = ("organization",)
    fields = ("name", "organization", "public_id", "is_default", "created_at", "archived_at")
    actions = ("archive_selected",)

    def get_inlines(self, request: HttpRequest, obj: Project | None) -> tuple[Any, ...]:
        """A project has members once it is known which organisation's it is."""
        return () if obj is None else (ProjectMembershipInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Project | None = None) -> tuple[str, ...]:
        fixed = ("public_id", "is_default", "created_at", "archived_at")
        return fixed if obj is None else (*fixed, "organization")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(description="Archive selected projects", permissions=["change"])
    def archive_selected(self, request: HttpRequest, queryset: QuerySet[Project]) -> HttpResponse | None:
        if "post" not in request.POST:
            question = "Archive these projects? Their API keys stop working at once, and for good."
            return self.confirm(request, queryset, action="archive_selected", question=question)
        if queryset.filter(is_default=True).exists():
            self.message_user(request, "The default project cannot be archived. Nothing was changed.", messages.ERROR)
            return None
        archived = [project for project in queryset if project.archive()]
        for project in archived:
            self.log_change(request, project, "Archived.")
        self.message_user(request, f"Archived: {len(archived)}.", messages.SUCCESS)
        return None


@admin.register(ServiceAccount)
class ServiceAccountAdmin(KeyOwnerPage):
    list_display = ("name", "public_id", "project", "organization", "role", "organization_role", "created_at")
    list_filter = ("role", "organization_role", "project__organization")
    list_select_related = ("project__organization",)
    search_fields = ("name", "public_id", "project__name")
    autocomplete_fields = ("project",)
    fields = ("name", "project", "role", "organization_role", "public_id", "created_at")

    @admin.display(description="organisation", ordering="project__organization__name")
    def organization(self, account: ServiceAccount) -> str:
        return account.project.organization.name

    def get_readonly_fields(self, request: HttpRequest, obj: ServiceAccount | None = None) -> tuple[str, ...]:
        fixed: tuple[str, ...] = ("public_id", "created_at")
        if not getattr(request.user, "is_superuser", False):
            fixed = (*fixed, "organization_role")  # it reaches beyond the project that the staff may be of
        return fixed if obj is None else (*fixed, "project")
