"""The staff pages of spend alerts: who is told when, and what became of it."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.http import HttpRequest

from accounts.forms import OriginsField
from accounts.models import SpendAlert, SpendNotice
from accounts.models.limits import kind_of
from accounts.models.notices import SpendNoticeQuerySet
from accounts.reach import IN_ORGANIZATION, IN_PROJECT, Rights
from accounts.staff import StaffPage
from accounts.staff_actions import staff_action
from accounts.staff_forms import StaffForm
from accounts.staff_webhooks import WebhookPage

SCOPES = ("organization", "project")


class SpendAlertForm(StaffForm):
    recipients = OriginsField(required=False, help_text="E-mail addresses, one a line.")

    class Meta:
        model = SpendAlert
        fields = (*SCOPES, "period", "threshold", "recipients", "subject_prefix", "webhook_url")


@admin.register(SpendAlert)
class SpendAlertAdmin(WebhookPage):
    rights = (Rights("project", "project", **IN_PROJECT), Rights("organization", "organization", **IN_ORGANIZATION))
    form = SpendAlertForm
    list_display = ("watches", "period", "threshold", "tells", "public_id", "created_at")
    list_filter: ClassVar[Any] = ("period", "organization")
    list_select_related = SCOPES
    search_fields = ("public_id", "organization__name", "project__name", "project__public_id")
    autocomplete_fields = SCOPES
    fields = (*SCOPES, "period", "threshold", "recipients", "subject_prefix", "webhook_url", "public_id")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("public_id",) if obj is None else ("public_id", *SCOPES)

    @admin.display(description="watches")
    def watches(self, alert: SpendAlert) -> str:
        return f"{kind_of(type(alert.scope))} {alert.scope}"


@admin.register(SpendNotice)
class SpendNoticeAdmin(StaffPage):
    """What became of telling, to read; written by the server. Whoever may change alerts may have them told again."""

    rights = (
        Rights("project", "alert__project", **IN_PROJECT),
        Rights("organization", "alert__organization", **IN_ORGANIZATION),
    )
    offers = ("view",)
    list_display = ("alert", "watched", "start", "spent", "state", "attempts", "next_try_at", "error")
    list_filter: ClassVar[Any] = ("period", ("told_at", admin.EmptyFieldListFilter))
    list_select_related = ("alert__organization", "alert__project")
    search_fields = ("public_id", "alert__public_id", "alert__project__name", "alert__organization__name")
    actions = ("try_again",)

    @admin.display(description="watched")
    def watched(self, notice: SpendNotice) -> str:
        return str(notice.alert.scope)

    @staff_action("Try again", needs="change")
    def try_again(self, request: HttpRequest, queryset: SpendNoticeQuerySet) -> None:
        self.message_user(request, f"Tried again within ten seconds: {queryset.try_again()}.", messages.SUCCESS)
