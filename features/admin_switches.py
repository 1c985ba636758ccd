"""Flags switched by hand: one at a click, and several at once, off and with a reason."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse

from accounts.staff_actions import detail_action, staff_action
from features.admin_history import HistoryPage
from features.forms import KillForm
from features.models import Flag, FlagState

KILLING = "Switch these flags off, for everybody and at once? Whoever may see them may, with a reason."


class SwitchingPage(HistoryPage):
    def get_urls(self) -> list[Any]:
        own = [
            path(
                "<path:object_id>/switch/<int:state_id>/",
                self.admin_site.admin_view(self.switch_view),
                name="features_flag_switch",
            )
        ]
        return own + super().get_urls()

    def switch_view(self, request: HttpRequest, object_id: str, state_id: int) -> HttpResponse:
        """Makes one state what the button said, and goes back to the list as it was."""
        flag = self.get_object(request, unquote(object_id))
        if flag is None or request.method != "POST":
            raise Http404
        if not self.has_change_permission(request, flag):
            raise PermissionDenied
        state = get_object_or_404(flag.states.select_related("environment"), pk=state_id)
        enabled = request.POST.get("enabled") == "yes"
        told = f"{flag} is {'on' if enabled else 'off'} in {state.environment}."
        if state.enabled is not enabled:
            state.enabled = enabled
            try:
                state.save(update_fields=["enabled"])
            except ValidationError as error:
                self.message_user(request, f"{flag}: {' '.join(error.messages)}", messages.ERROR)
                return self.back(request)
            self.log_change(request, flag, told)
        self.message_user(request, told, messages.SUCCESS)
        return self.back(request)

    def back(self, request: HttpRequest) -> HttpResponse:
        """To the list, filtered and ordered as it was."""
        query = request.META.get("QUERY_STRING", "")
        return HttpResponseRedirect(f"{reverse('admin:features_flag_changelist')}{'?' if query else ''}{query}")

    @detail_action("Kill", "kill", icon="emergency_home", needs="view", where=lambda flag: True)
    def kill_this(self, request: HttpRequest, flag: Flag) -> HttpResponse | None:
        return self.ask_to_kill(request, Flag.objects.filter(pk=flag.pk))

    @staff_action("Kill selected flags", needs="view")
    def kill_selected(self, request: HttpRequest, queryset: QuerySet[Flag]) -> HttpResponse | None:
        if "post" not in request.POST:
            return self.ask_to_kill(request, queryset)
        form = KillForm(queryset, request.POST)
        if not form.is_valid():
            return self.ask_to_kill(request, queryset, form)
        place, reason = form.cleaned_data["environment"], form.cleaned_data["reason"]
        states = FlagState.objects.filter(flag__in=queryset, environment__key=place).order_by("pk")
        try:
            with transaction.atomic():
                rows = list(states.select_related("flag__organization", "environment__organization"))
                killed = [state for state in rows if state.kill(reason)]
        except ValidationError as error:
            self.message_user(request, f"Nothing was changed. {' '.join(error.messages)}", messages.ERROR)
            return None
        for state in killed:
            self.log_change(request, state.flag, f"Killed in {place}: {reason}")
        self.message_user(request, f"Switched off in {place}: {len(killed)}.", messages.SUCCESS)
        return None

    def ask_to_kill(self, request: HttpRequest, queryset: QuerySet[Flag], form: KillForm | None = None) -> HttpResponse:
        form = form or KillForm(queryset)
        return self.confirm(request, queryset, action="kill_selected", question=KILLING, form=form)

    @staff_action("Archive selected flags", needs="change")
    def archive_selected(self, request: HttpRequest, queryset: QuerySet[Flag]) -> None:
        keys = list(queryset.filter(archived=False).values_list("pk", flat=True))
        count = Flag.objects.filter(pk__in=keys).update(archived=True)
        self.message_user(request, f"Archived, and answering as before: {count}.", messages.SUCCESS)
