"""The staff page of API keys."""

from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html

from accounts import keys
from accounts.admin_keylife import KeyLifeActions, not_to_be_made
from accounts.forms import ApiKeyForm
from accounts.key_once import shown_once
from accounts.models import ApiKey
from accounts.models.keyqueries import ApiKeyQuerySet
from accounts.reach import Reach, Rights, Verb, reach_of
from accounts.staff_actions import staff_action

OWN: tuple[Verb, ...] = ("change", "delete")
"""What people may do to their own keys."""
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
class ApiKeyAdmin(KeyLifeActions):
    """A key is shown whole once, on the page that answers its making. It is revoked, never deleted.

    Whoever makes a key, or rotates one, could act as its owner; see `not_to_be_made`. People change and revoke their
    own keys, whatever they may do to those of others.
    """

    UPDATE = "organization.admin_keys.update"
    ENDED = "project.keys.delete"
    rights = (
        Rights("project", "project", view="project.keys.read", add="project.keys.create", change=ENDED, delete=ENDED),
        Rights(
            "organization",
            "organization",
            view="organization.admin_keys.read",
            add=UPDATE,
            change=UPDATE,
            delete=UPDATE,
        ),
    )
    offers = ("view", "add", "change")
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
    prefilled = ("organization",)
    actions = ("revoke_selected", "rotate_selected", "expire_selected", "narrow_selected")
    OWNERSHIP = ("organization", "project", "user", "service_account", "is_admin", "is_publishable")
    HISTORY = ("created_at", "last_used_at", "revoked_at", "exposed_at", "replaced_by")

    @admin.display(description="key")
    def masked(self, key: ApiKey) -> str:
        return key.masked

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        """With the roles that tell whether a key has fallen, read in the same query."""
        found = cast(ApiKeyQuerySet, super().get_queryset(request))
        return found.with_roles()

    @admin.display(description="kind")
    def kind(self, key: ApiKey) -> str:
        return key.kind

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

    def sees(self, reach: Reach, verb: Verb) -> Q:
        found = super().sees(reach, verb)
        return found | (super().sees(reach, "view") & Q(user=reach.user_id)) if verb in OWN else found

    def reaches(self, reach: Reach, verb: Verb, row: Any) -> bool:
        if super().reaches(reach, verb, row):
            return True
        return verb in OWN and row.user_id == reach.user_id and super().reaches(reach, "view", row)

    def reaches_any(self, request: HttpRequest, verb: Verb) -> bool:
        return super().reaches_any(request, verb) or (verb in OWN and super().reaches_any(request, "view"))

    def refusal(self, request: HttpRequest, form: Any) -> str:
        reason = super().refusal(request, form)
        return reason or ("" if form.instance.pk else not_to_be_made(reach_of(request), form.instance))

    def get_autocomplete_fields(self, request: HttpRequest) -> Any:
        found = super().get_autocomplete_fields(request)
        return found if reach_of(request).everything else [name for name in found if name != "user"]

    def get_field_queryset(self, db: Any, db_field: Any, request: HttpRequest) -> QuerySet[Any] | None:
        """Of users, only whoever is signed in can be chosen."""
        found, reach = super().get_field_queryset(db, db_field, request), reach_of(request)
        if db_field.name != "user" or found is None or reach.everything:
            return found
        return found.filter(pk=reach.user_id)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        buttons = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(request, form_url, {**(extra_context or {}), **buttons})

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if not change:
            # Kept nowhere but in this request, whose answer shows it.
            cast(Any, request).issued_key = obj.write(keys.generate(admin=obj.is_admin, publishable=obj.is_publishable))
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        return shown_once(self, request, obj, cast(Any, request).issued_key)

    @staff_action("Revoke selected API keys", needs="delete")
    def revoke_selected(self, request: HttpRequest, queryset: ApiKeyQuerySet) -> HttpResponse | None:
        if "post" not in request.POST:
            question = "Revoke these API keys? They stop working within five seconds, and for good."
            return self.confirm(request, queryset, action="revoke_selected", question=question)
        revoked = [key for key in queryset if key.revoke()]
        for key in revoked:
            self.log_change(request, key, "Revoked.")
        self.message_user(request, f"Revoked: {len(revoked)}.", messages.SUCCESS)
        return None
