"""The staff pages of accounts."""

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts import keys
from accounts.forms import ApiKeyForm
from accounts.models import ApiKey, Membership, Organization, Project, ServiceAccount, User
from accounts.models.apikeys import ApiKeyQuerySet
from accounts.unfolded import (
    AdminPasswordChangeForm,
    DjangoUserAdmin,
    ModelAdmin,
    TabularInline,
    UserChangeForm,
    UserCreationForm,
)
from lukhas_site.http.exchange import exchange_of


class StaffPage(ModelAdmin):
    """What the pages share: no count of the whole table, and confirmation of what cannot be undone."""

    show_full_result_count = False
    ordering = ("-id",)

    def confirm(self, request: HttpRequest, queryset: QuerySet[Any], *, action: str, question: str) -> HttpResponse:
        """Returns the page that asks whether `action` is meant; answering yes posts it again with `post`."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Are you sure?",
            "question": question,
            "objects": queryset,
            "action": action,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "accounts/confirm.html", context)


class KeyOwnerPage(StaffPage):
    """Deleting an owner deletes its keys, for which no permission of its own is asked: keys have no delete page."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, set[str], Any]:
        deleted, counts, lacking, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, lacking - {str(self.admin_site.get_model_admin(ApiKey).opts.verbose_name)}, protected


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


@admin.register(Project)
class ProjectAdmin(StaffPage):
    list_display = ("name", "public_id", "organization", "is_default", "created_at", "archived_at")
    list_filter = (("archived_at", admin.EmptyFieldListFilter), "organization")
    list_select_related = ("organization",)
    search_fields = ("name", "public_id")
    autocomplete_fields = ("organization",)
    fields = ("name", "organization", "public_id", "is_default", "created_at", "archived_at")
    actions = ("archive_selected",)

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
    list_display = ("name", "public_id", "project", "organization", "created_at")
    list_filter = ("project__organization",)
    list_select_related = ("project__organization",)
    search_fields = ("name", "public_id", "project__name")
    autocomplete_fields = ("project",)
    fields = ("name", "project", "public_id", "created_at")

    @admin.display(description="organisation", ordering="project__organization__name")
    def organization(self, account: ServiceAccount) -> str:
        return account.project.organization.name

    def get_readonly_fields(self, request: HttpRequest, obj: ServiceAccount | None = None) -> tuple[str, ...]:
        fixed = ("public_id", "created_at")
        return fixed if obj is None else (*fixed, "project")


class StateFilter(admin.SimpleListFilter):
    """Keys that were not ended, that were revoked, or that ran out."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Neither revoked nor expired"), ("revoked", "Revoked"), ("expired", "Expired")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        expired = Q(expires_at__lte=timezone.now())
        choices = {
            "open": queryset.filter(~expired | Q(expires_at__isnull=True), revoked_at__isnull=True),
            "revoked": queryset.filter(revoked_at__isnull=False),
            "expired": queryset.filter(expired),
        }
        return choices.get(self.value() or "", queryset)


@admin.register(ApiKey)
class ApiKeyAdmin(StaffPage):
    """A key is shown whole once, on the page that answers its making. It is revoked, never deleted."""

    form = ApiKeyForm
    list_display = (
        "name",
        "masked",
        "owner",
        "project",
        "organization",
        "is_admin",
        "state",
        "last_used_at",
        "created_at",
    )
    list_filter = (StateFilter, "is_admin", "organization")
    list_select_related = ("organization", "project", "user", "service_account")
    search_fields = ("name", "public_id", "last_four", "user__email", "service_account__name", "project__name")
    autocomplete_fields = ("organization", "project", "user", "service_account")
    actions = ("revoke_selected",)
    OWNERSHIP = ("organization", "project", "user", "service_account", "is_admin")
    HISTORY = ("created_at", "last_used_at", "revoked_at")

    @admin.display(description="key")
    def masked(self, key: ApiKey) -> str:
        return key.masked

    @admin.display(description="owner")
    def owner(self, key: ApiKey) -> str:
        return str(key.owner)

    @admin.display(description="state")
    def state(self, key: ApiKey) -> str:
        return key.state(timezone.now())

    def get_fieldsets(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        what = ("Key", {"fields": ("name", "expires_at", "scopes")})
        whose = ("Whose it is", {"fields": self.OWNERSHIP})
        if obj is None:
            return (what, whose)
        return (what, whose, ("What became of it", {"fields": ("public_id", "masked", "state", *self.HISTORY)}))

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        fixed = ("public_id", "masked", "state", *self.OWNERSHIP, *self.HISTORY)
        return (*fixed, "scopes") if obj.is_admin else fixed

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        buttons = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(request, form_url, {**(extra_context or {}), **buttons})

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if not change:
            # Kept nowhere but in this request, whose answer shows it.
            cast(Any, request).issued_key = obj.write(keys.generate(admin=obj.is_admin))
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        exchange_of(request).secret = True
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Save this key now",
            "key": obj,
            "token": cast(Any, request).issued_key,
        }
        return TemplateResponse(request, "accounts/key_once.html", context, headers={"Cache-Control": "no-store"})

    @admin.action(description="Revoke selected API keys", permissions=["change"])
    def revoke_selected(self, request: HttpRequest, queryset: ApiKeyQuerySet) -> HttpResponse | None:
        if "post" not in request.POST:
            question = "Revoke these API keys? They stop working within five seconds, and for good."
            return self.confirm(request, queryset, action="revoke_selected", question=question)
        revoked = [key for key in queryset if key.revoke()]
        for key in revoked:
            self.log_change(request, key, "Revoked.")
        self.message_user(request, f"Revoked: {len(revoked)}.", messages.SUCCESS)
        return None
