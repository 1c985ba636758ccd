"""The staff pages of accounts: people, organisations, projects and service accounts here, the others in modules of
their own, which this one imports so that Django finds them."""

from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts.admin_audit import AuditEventAdmin
from accounts.admin_keys import ApiKeyAdmin
from accounts.admin_members import MEMBERS, PROJECT_MEMBERS, MembershipAdmin
from accounts.forms import ServiceAccountForm
from accounts.key_once import shown_once
from accounts.models import ApiKey, Membership, Organization, Project, ProjectMembership, ServiceAccount, User
from accounts.reach import Place, Reach, Rights, Verb, reach_of
from accounts.staff import KeyOwnerPage, RoleInline, StaffPage
from accounts.staff_actions import detail_action, staff_action
from accounts.unfolded import (
    AdminPasswordChangeForm,
    DjangoUserAdmin,
    UserChangeForm,
    UserCreationForm,
)

__all__ = ["ApiKeyAdmin", "AuditEventAdmin", "MembershipAdmin", "StaffPage"]

PEOPLE = "organization.users.read"


admin.site.unregister(Group)  # roles say who may do what, not Django's groups


@admin.register(User)
class UserAdmin(DjangoUserAdmin, KeyOwnerPage):
    """Staff see the people of their organisations. An account is of the whole server: superusers make and change it."""

    rights = (Rights("organization", "", view=PEOPLE),)
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "first_name", "last_name", "is_active", "is_staff", "last_login")
    search_fields = ("username", "email", "first_name", "last_name", "public_id")
    filter_horizontal = ()
    list_filter = ("is_active", "is_staff", "is_superuser")
    readonly_fields = ("public_id", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password", "public_id")}),
        ("Person", {"fields": ("email", "first_name", "last_name")}),
        ("Permissions", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("username", "email", "usable_password", "password1", "password2")}),
    )

    def sees(self, reach: Reach, verb: Verb) -> Q:
        if reach.everything or verb != "view":
            return Q() if reach.everything else Q(pk__in=[])
        colleagues = Membership.objects.filter(organization__in=reach.organizations_for(PEOPLE))
        return Q(pk__in=colleagues.values("user"))

    def reaches(self, reach: Reach, verb: Verb, row: Any) -> bool:
        return reach.everything or User.objects.filter(self.sees(reach, verb), pk=row.pk).exists()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """What is of the whole server is for superusers."""
        if reach_of(request).everything:
            return super().get_fieldsets(request, obj)
        return ((None, {"fields": ("username", "email", "first_name", "last_name", "is_active", "public_id")}),)


class MembershipInline(RoleInline):
    rights = MEMBERS
    model = Membership
    fields = ("user", "role")
    autocomplete_fields = ("user",)


@admin.register(Organization)
class OrganizationAdmin(StaffPage):
    rights = (Rights("organization", "", view="organization.read", change="organization.update"),)
    offers = ("view", "add", "change")
    list_display = ("name", "slug", "public_id", "projects", "members", "created_at")
    search_fields = ("name", "slug", "public_id")
    fields = ("name", "slug", "public_id", "created_at")
    inlines = (MembershipInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organization]:
        """With how many projects and members each has, counted in the same query."""
        counts = {
            f"{model.__name__.lower()}_count": Subquery(
                QuerySet(model)
                .filter(organization=OuterRef("pk"))
                .order_by()
                .values("organization")
                .annotate(number=Count("pk"))
                .values("number")
            )
            for model in (Project, Membership)
        }
        found: QuerySet[Organization] = super().get_queryset(request).annotate(**counts)
        return found

    @admin.display(description="projects")
    def projects(self, organization: Any) -> int:
        return organization.project_count or 0

    @admin.display(description="members")
    def members(self, organization: Any) -> int:
        return organization.membership_count or 0

    def get_readonly_fields(self, request: HttpRequest, obj: Organization | None = None) -> tuple[str, ...]:
        # LUKHAS_ORGANIZATION names an organisation by its slug.
        fixed = ("public_id", "created_at")
        return fixed if obj is None else (*fixed, "slug")


class ProjectMembershipInline(RoleInline):
    rights = PROJECT_MEMBERS
    model = ProjectMembership
    fields = ("membership", "role")

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Only members of the project's organisation can be chosen."""
        formset: Any = super().get_formset(request, obj, **kwargs)
        members = Membership.objects.select_related("user", "organization").order_by("user__email")
        formset.form.base_fields["membership"].queryset = members.filter(organization=obj.organization_id)
        return formset


ARCHIVING = "Archive these projects? Their API keys stop working at once, and for good."


def can_be_archived(project: Project) -> bool:
    return not project.is_default and project.archived_at is None


@admin.register(Project)
class ProjectAdmin(StaffPage):
    rights = (
        Rights(
            "project",
            "",
            view="organization.projects.read",
            add="organization.projects.create",
            change="project.update",
            delete="organization.projects.archive",
        ),
    )
    offers = ("view", "add", "change")
    list_display = ("name", "public_id", "organization", "is_default", "created_at", "archived_at")
    list_filter = (("archived_at", admin.EmptyFieldListFilter), "organization")
    list_select_related = ("organization",)
    search_fields = ("name", "public_id")
    autocomplete_fields = ("organization",)
    prefilled = ("organization",)
    fields = ("name", "organization", "public_id", "is_default", "created_at", "archived_at")
    actions = ("archive_selected",)
    actions_detail = ("archive_this",)
    further_inlines: ClassVar[list[Any]] = []
    """What apps that this one does not know show on the page of a project: they add it here."""

    def get_inlines(self, request: HttpRequest, obj: Project | None) -> tuple[Any, ...]:
        """A project has members, and the rest, once it is known which organisation's it is."""
        return () if obj is None else (*self.further_inlines, ProjectMembershipInline)

    @detail_action("Archive", "archive", icon="archive", needs="delete", where=can_be_archived)
    def archive_this(self, request: HttpRequest, project: Project) -> HttpResponse:
        return self.confirm(
            request, Project.objects.filter(pk=project.pk), action="archive_selected", question=ARCHIVING
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Project | None = None) -> tuple[str, ...]:
        fixed = ("public_id", "is_default", "created_at", "archived_at")
        return fixed if obj is None else (*fixed, "organization")

    @staff_action("Archive selected projects", needs="delete")
    def archive_selected(self, request: HttpRequest, queryset: QuerySet[Project]) -> HttpResponse | None:
        if "post" not in request.POST:
            return self.confirm(request, queryset, action="archive_selected", question=ARCHIVING)
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
    UPDATE = "project.service_accounts.update"
    rights = (
        Rights("project", "project", view="project.service_accounts.read", add=UPDATE, change=UPDATE, delete=UPDATE),
    )
    grants = ("role", "organization_role")
    list_display = ("name", "public_id", "project", "organization", "role", "organization_role", "created_at")
    list_filter = ("role", "organization_role", "project__organization")
    list_select_related = ("project__organization",)
    search_fields = ("name", "public_id", "project__name")
    autocomplete_fields = ("project",)
    prefilled = ("project",)
    form = ServiceAccountForm
    actions_detail = ("new_key",)

    @admin.display(description="organisation", ordering="project__organization__name")
    def organization(self, account: ServiceAccount) -> str:
        return account.project.organization.name

    def get_readonly_fields(self, request: HttpRequest, obj: ServiceAccount | None = None) -> tuple[str, ...]:
        fixed: tuple[str, ...] = ("public_id", "created_at")
        if not reach_of(request).everything:
            fixed = (*fixed, "organization_role")  # it reaches beyond the project that the staff may be of
        return fixed if obj is None else (*fixed, "project")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        what = ("name", "project", "role", "organization_role")
        return ((None, {"fields": (*what, "with_key") if obj is None else (*what, "public_id", "created_at")}),)

    @detail_action("Make a key", "new-key", icon="vpn_key", needs="change", where=lambda account: account.role)
    def new_key(self, request: HttpRequest, account: ServiceAccount) -> HttpResponse:
        """To the form of a new key, with this owner filled in."""
        filled = {
            "organization": account.project.organization_id,
            "project": account.project_id,
            "service_account": account.pk,
        }
        return redirect(f"{reverse('admin:accounts_apikey_add')}?{urlencode(filled)}")

    def save_model(self, request: HttpRequest, obj: ServiceAccount, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change and form.cleaned_data["with_key"]:
            home = obj.project
            # Kept nowhere but in this request, whose answer shows it.
            vars(request)["issued"] = ApiKey.issue(
                name=obj.name, organization=home.organization, project=home, service_account=obj
            )

    def response_add(
        self, request: HttpRequest, obj: ServiceAccount, post_url_continue: str | None = None
    ) -> HttpResponse:
        if (issued := vars(request).get("issued")) is None:
            return super().response_add(request, obj, post_url_continue)
        return shown_once(self, request, *issued)

    def granted_in(self, row: Any, name: str) -> Place:
        project: Project = row.project
        return project.organization if name == "organization_role" else project
