"""The staff page of API keys."""

from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html

from accounts import keys
from accounts.forms import ApiKeyForm
from accounts.models import ApiKey
from accounts.models.apikeys import ApiKeyQuerySet
from accounts.staff import StaffPage
from lukhas_site.http.exchange import exchange_of

BADGE = '<span class="bg-red-100 font-semibold px-2 py-1 rounded-default text-red-700" title="{}">exposed</span>'


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


class ExposedFilter(admin.SimpleListFilter):
    """Keys that were seen in a URL."""

    title = "exposed"
    parameter_name = "exposed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Seen in a URL"), ("no", "Never seen in a URL")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        if self.value() not in ("yes", "no"):
            return queryset
        return queryset.filter(exposed_at__isnull=self.value() == "no")


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
        "kind",
        "state",
        "exposed",
        "last_used_at",
        "created_at",
    )
    list_filter = (StateFilter, ExposedFilter, "is_admin", "is_publishable", "organization")
    list_select_related = ("organization", "project", "user", "service_account")
    search_fields = ("name", "public_id", "last_four", "user__email", "service_account__name", "project__name")
    autocomplete_fields = ("organization", "project", "user", "service_account")
    actions = ("revoke_selected",)
    OWNERSHIP = ("organization", "project", "user", "service_account", "is_admin", "is_publishable")
    HISTORY = ("created_at", "last_used_at", "revoked_at", "exposed_at")

    @admin.display(description="key")
    def masked(self, key: ApiKey) -> str:
        return key.masked

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        """With the roles that tell whether a key has fallen, read in the same query."""
        found = cast(ApiKeyQuerySet, super().get_queryset(request))
        return found.with_roles()

    @admin.display(description="kind")
    def kind(self, key: ApiKey) -> str:
        return "admin" if key.is_admin else "publishable" if key.is_publishable else "secret"

    @admin.display(description="exposed", ordering="exposed_at")
    def exposed(self, key: ApiKey) -> str:
        """A badge on keys that were seen in a URL: they are to be replaced."""
        return "" if key.exposed_at is None else format_html(BADGE, f"{key.exposed_at:%Y-%m-%d %H:%M} UTC")

    @admin.display(description="owner")
    def owner(self, key: ApiKey) -> str:
        return str(key.owner)

    @admin.display(description="state")
    def state(self, key: ApiKey) -> str:
        return key.state(timezone.now())

    def get_fieldsets(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        what = ("Key", {"fields": ("name", "expires_at", "scopes", "origins")})
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
            cast(Any, request).issued_key = obj.write(keys.generate(admin=obj.is_admin, publishable=obj.is_publishable))
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
