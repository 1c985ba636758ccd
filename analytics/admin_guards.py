"""The staff pages of rollout guards, and of what they turned back."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.http import HttpRequest
from django.urls import reverse

from accounts.forms import OriginsField
from accounts.reach import Rights
from accounts.staff import StaffPage
from accounts.staff_actions import staff_action
from accounts.staff_forms import StaffForm
from accounts.staff_webhooks import WebhookPage
from analytics.models import RolloutGuard, TurnBack
from analytics.models.turn_backs import TurnBackQuerySet
from analytics.thresholds import THRESHOLDS
from features.admin_pages import OF, OfState
from features.asides import Aside, asides
from features.models import FlagState

SEEN = ("looked", "looked_at", "watching_since", "public_id")


class RolloutGuardForm(StaffForm):
    recipients = OriginsField(required=False, help_text="E-mail addresses, one a line.")

    class Meta:
        model = RolloutGuard
        fields = (
            "state", "control", "minutes", "min_requests", *THRESHOLDS, "recipients", "subject_prefix", "webhook_url",
        )  # fmt: skip


@admin.register(RolloutGuard)
class RolloutGuardAdmin(OfState, WebhookPage):
    form = RolloutGuardForm
    list_display = ("state", "thresholds", "minutes", "looked", "looked_at", "tells")
    list_filter: ClassVar[Any] = ("state__environment",)
    list_select_related = ("state__flag", "state__environment")
    search_fields = ("state__flag__key", "public_id")
    fieldsets = (
        (None, {"fields": ("state", "control", "minutes", "min_requests")}),
        (
            "Thresholds",
            {"fields": THRESHOLDS, "description": "Over any of them the flag is switched off. Empty: not watched."},
        ),
        ("Who is told", {"fields": ("recipients", "subject_prefix", "webhook_url")}),
        ("What it saw", {"fields": SEEN}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return SEEN if obj is None else ("state", *SEEN)

    @admin.display(description="thresholds")
    def thresholds(self, guard: RolloutGuard) -> str:
        return ", ".join(f"{name} {value:g}" for name, value in guard.limits().thresholds.items())


@admin.register(TurnBack)
class TurnBackAdmin(StaffPage):
    """To read; written by the guard. Whoever may change guards may have it told again."""

    rights = (Rights("organization", "guard__state__flag__organization", **OF),)
    offers = ("view",)
    list_display = ("guard", "variant", "reason", "turned_at", "state", "attempts", "error")
    list_filter: ClassVar[Any] = ("metric", ("told_at", admin.EmptyFieldListFilter))
    list_select_related = ("guard__state__flag", "guard__state__environment")
    search_fields = ("public_id", "guard__state__flag__key", "variant")
    actions = ("try_again",)

    @staff_action("Try again", needs="change")
    def try_again(self, request: HttpRequest, queryset: TurnBackQuerySet) -> None:
        self.message_user(request, f"Tried again within ten seconds: {queryset.try_again()}.", messages.SUCCESS)


def beside(state: FlagState) -> Aside:
    """The guard of a state, or the way to one."""
    guard = RolloutGuard.objects.filter(state=state).first()
    if guard is None:
        return Aside("Rollout guard", "Set one", f"{reverse('admin:analytics_rolloutguard_add')}?state={state.pk}")
    turned = None if state.enabled else TurnBack.objects.filter(guard=guard).order_by("-pk").first()
    told = f"Turned back: {turned.reason}" if turned else guard.looked or "It has not looked yet."
    return Aside("Rollout guard", told, reverse("admin:analytics_rolloutguard_change", args=(guard.pk,)))


asides.add(beside)
