"""A flag's states on its page: one form for each environment of the organisation."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.loader import render_to_string

from accounts.reach import Verb
from accounts.staff import StaffInline
from accounts.unfolded import StackedInline
from features.admin_pages import RIGHTS
from features.asides import asides
from features.editing import ON_AND_OFF
from features.forms import StateForm, StateFormSet
from features.models import Environment, Flag, FlagState

FIELDS = (
    "environment", "enabled", "default_variant", "off_variant", "rollout", "share", "beside", "rules", "prerequisites",
)  # fmt: skip
READ_ONLY = tuple(name for name in FIELDS if name not in ("rollout", "share"))


def usual(flag: Flag) -> dict[str, str]:
    """The variants with which a state begins: the first one, and `off` of on and off."""
    return {
        "default_variant": next(iter(flag.variants), ""),
        "off_variant": "off" if flag.variants == ON_AND_OFF else "",
    }


class StateInline(StaffInline, StackedInline):
    rights = RIGHTS
    model = FlagState
    form = StateForm
    formset = StateFormSet
    can_delete = False
    readonly_fields = ("beside",)
    verbose_name_plural = "environments"

    def may(self, request: HttpRequest, verb: Verb, place: Flag | None) -> bool:
        return super().may(request, verb, place and place.organization)

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request).select_related("environment__organization", "flag__organization")
        return rows.order_by("environment__key")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return FIELDS if self.has_change_permission(request, obj) else READ_ONLY

    @admin.display(description="beside it")
    def beside(self, state: FlagState) -> str:
        """What else there is of this flag in this environment."""
        return render_to_string("features/state_asides.html", {"asides": asides.of(state) if state.pk else ()})

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return len(self.missing(obj))

    def get_max_num(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return int(obj.states.count()) + len(self.missing(obj))

    def missing(self, flag: Flag) -> list[dict[str, Any]]:
        """What the forms of those environments begin with in which the flag has no state."""
        rows = Environment.objects.filter(organization=flag.organization_id).exclude(states__flag=flag)
        return [{"environment": pk, **usual(flag)} for pk in rows.order_by("key").values_list("pk", flat=True)]
