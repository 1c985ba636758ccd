"""The staff page of flags: the list with its switches, a flag with its states, and who gets what of it."""

import json
from datetime import timedelta
from typing import Any, ClassVar, cast

from django.contrib import admin
from django.db.models import Prefetch, prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts.reach import reach_of
from accounts.staff_actions import detail_action
from features.admin_pages import RIGHTS
from features.admin_states import StateInline, usual
from features.admin_switches import SwitchingPage
from features.explaining import explain
from features.flag_filters import OnFilter, SightFilter, UntouchedFilter
from features.forms import FlagForm, PreviewForm
from features.models import Environment, Flag, FlagState
from features.ruleset import watch
from features.sparklines import DAYS as SHOWN
from features.sparklines import small, weeks
from features.staleness import DAYS, is_stale, states_with_use


@admin.register(Flag)
class FlagAdmin(SwitchingPage):
    rights = (RIGHTS,)
    form = FlagForm
    change_form_template = "features/flag_form.html"
    inlines = (StateInline,)
    list_display = ("key", "switches", "badges", "answers", "kind", "owner", "organization", "changed_at")
    list_filter: ClassVar[Any] = (SightFilter, OnFilter, UntouchedFilter, "kind", "permanent", "organization")
    list_select_related = ("organization",)
    ordering = ("key",)
    search_fields = ("key", "description", "owner", "ticket")
    autocomplete_fields = ("organization",)
    prefilled = ("organization",)
    actions = ("kill_selected", "archive_selected")
    actions_detail = ("preview", "kill_this")
    fieldsets = (
        (None, {"fields": ("organization", "key", "kind", "variants")}),
        (
            "What it is for",
            {"fields": ("description", "owner", "ticket", "tags", "permanent", "archived", "raw_exposures")},
        ),
        ("How callers are spread", {"classes": ("collapse",), "fields": ("algorithm", "salt", "metadata")}),
    )

    # --- The list ------------------------------------------------------------------------------------------------

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """With what the switches need, in as many queries for few flags as for many."""
        changes: Any = super().get_changelist_instance(request)
        changes.result_list = rows = list(changes.result_list)
        prefetch_related_objects(rows, Prefetch("states", states_with_use()))
        reach, query = reach_of(request), request.META.get("QUERY_STRING", "")
        drawings = small(rows, timezone.now())
        for flag in rows:
            vars(flag).update(
                may_switch=self.reaches(reach, "change", flag), list_query=query, drawing=drawings[flag.pk]
            )
        return changes

    @admin.display(description="on in")
    def switches(self, flag: Flag) -> str:
        states = sorted(flag.states.all(), key=lambda state: state.environment.key)
        return render_to_string("features/flag_switches.html", {"flag": flag, "states": states, **vars(flag)})

    @admin.display(description="")
    def badges(self, flag: Flag) -> str:
        states: Any = flag.states.all()
        told = {
            "flag": flag,
            "stale": is_stale(flag, states, timezone.now() - timedelta(days=DAYS)),
            "unused": not any(state.asked for state in states),
            "why": f"The same for everybody, and unchanged for {DAYS} days.",
        }
        return render_to_string("features/flag_badges.html", told)

    @admin.display(description=f"last {SHOWN} days")
    def answers(self, flag: Flag) -> str:
        """How often it answered with which variant, by the day."""
        return render_to_string("features/sparkline.html", {"drawing": vars(flag)["drawing"]})

    # --- One flag ------------------------------------------------------------------------------------------------

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("organization", "key")

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return () if obj is None else self.inlines

    def get_formset_kwargs(self, request: HttpRequest, obj: Any, inline: Any, prefix: str) -> dict[str, Any]:
        kwargs: dict[str, Any] = cast(Any, super()).get_formset_kwargs(request, obj, inline, prefix)
        return {**kwargs, "initial": inline.missing(obj)}

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """With what the flag answered lately; as it is saved, whatever was typed."""
        if context["original"] is not None and (flag := context["original"].stored()) is not None:
            context["weeks"] = weeks(flag, timezone.now())
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Flag, form: Any, change: bool) -> None:
        """A new flag is there in production, and off."""
        super().save_model(request, obj, form, change)
        if not change:
            place = Environment.objects.production(obj.organization)
            FlagState(flag=obj, environment=place, **usual(obj)).save()

    def response_add(self, request: HttpRequest, obj: Flag, post_url_continue: str | None = None) -> HttpResponse:
        """Leads on to the page of the flag, where its states are."""
        posted = request.POST.copy()
        posted["_continue"] = "1"
        cast(Any, request).POST = posted
        return super().response_add(request, obj, post_url_continue)

    @detail_action("Who gets what", "preview", icon="person_search", needs="view", where=lambda flag: True)
    def preview(self, request: HttpRequest, flag: Flag) -> HttpResponse:
        """What the flag, as it is saved, answers to a context that is typed in, and why. Nothing is written."""
        form = PreviewForm(flag, request.POST if request.method == "POST" else None)
        found = None
        if form.is_valid():
            place, home = form.cleaned_data["environment"], flag.organization.public_id
            ruleset = watch.current_blocking().of_environment(home, place.key).ruleset
            found = explain(ruleset, flag.key, form.cleaned_data["context"])
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Who gets what of {flag}",
            "original": flag,
            "form": form,
            "found": found,
            "value": None if found is None else json.dumps(found.value, ensure_ascii=False),
        }
        return TemplateResponse(request, "features/flag_preview.html", context)
