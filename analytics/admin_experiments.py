"""The staff page of experiments: made, started, stopped, and what came of them."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts.exceptions import Conflicting
from accounts.reach import Reach, Rights, Verb, reach_of
from accounts.staff import StaffPage
from accounts.staff_actions import detail_action, staff_action
from analytics.experiments.drawing import Drawing
from analytics.experiments.hints import hints
from analytics.experiments.results import results_of
from analytics.models import Experiment
from analytics.models.experiments import FIXED, OF_STATUS, Status
from analytics.views.experiments import USAGE
from features.admin_pages import OF

STARTING = "Start these experiments? Their flags keep, from now on, which unit got which variant."
STOPPING = "Stop these experiments, for good?"
NOT_FOR_YOU = "What models were asked is for whoever may read the usage of the organisation: your role is too low."


class StatusFilter(admin.SimpleListFilter):
    title = parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status.value, status.value) for status in Status]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        asked = self.value()
        return queryset.filter(OF_STATUS[asked]) if asked in OF_STATUS else queryset


@admin.register(Experiment)
class ExperimentAdmin(StaffPage):
    """What is asked is for good once an experiment is started; a running one is not deleted."""

    rights = (Rights("organization", "flag__organization", **OF),)
    list_display = ("name", "flag", "environment", "metric", "state", "started_at", "planned_end", "ended_at")
    list_filter: ClassVar[Any] = (StatusFilter, "metric", "environment")
    list_select_related = ("flag", "environment")
    search_fields = ("name", "hypothesis", "flag__key")
    autocomplete_fields = ("flag", "environment")
    actions = ("start_selected", "stop_selected")
    actions_detail = ("results", "start_this", "stop_this")
    fields = ("name", "hypothesis", "flag", "environment", "metric", "event", "control", "planned_end")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None or obj.status == Status.DRAFT:
            return ()
        return FIXED if obj.status == Status.RUNNING else (*FIXED, "planned_end")

    def reaches(self, reach: Reach, verb: Verb, row: Any) -> bool:
        return super().reaches(reach, verb, row) and (verb != "delete" or row.status != Status.RUNNING)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Only what was changed: somebody may start or stop it meanwhile."""
        obj.save(update_fields=form.changed_data if change else None)

    @admin.display(description="status")
    def state(self, experiment: Experiment) -> str:
        return experiment.status.value

    @detail_action("Results", "results", icon="query_stats", needs="view", where=lambda experiment: True)
    def results(self, request: HttpRequest, experiment: Experiment) -> HttpResponse:
        """What came of it, as it is known now."""
        now = timezone.now()
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Results of {experiment}",
            "original": experiment,
        }
        if experiment.of_usage and not reach_of(request).may_in(USAGE, experiment.flag.organization):
            context["hints"] = [NOT_FOR_YOU]
        else:
            found = results_of(experiment, now)
            context |= {"results": found, "drawing": Drawing(found), "hints": hints(found, now)}
        return TemplateResponse(request, "analytics/experiment.html", context)

    @detail_action("Start", "start", icon="play_arrow", needs="change", where=lambda each: each.status == Status.DRAFT)
    def start_this(self, request: HttpRequest, experiment: Experiment) -> HttpResponse | None:
        return self.start_selected(request, Experiment.objects.filter(pk=experiment.pk))

    @detail_action("Stop", "stop", icon="stop", needs="change", where=lambda each: each.status == Status.RUNNING)
    def stop_this(self, request: HttpRequest, experiment: Experiment) -> HttpResponse | None:
        return self.stop_selected(request, Experiment.objects.filter(pk=experiment.pk))

    @staff_action("Start selected experiments", needs="change")
    def start_selected(self, request: HttpRequest, queryset: QuerySet[Experiment]) -> HttpResponse | None:
        if "post" not in request.POST:
            return self.confirm(request, queryset, action="start_selected", question=STARTING)
        self.each(request, queryset, Experiment.start, "Started")
        return None

    @staff_action("Stop selected experiments", needs="change")
    def stop_selected(self, request: HttpRequest, queryset: QuerySet[Experiment]) -> HttpResponse | None:
        if "post" not in request.POST:
            return self.confirm(request, queryset, action="stop_selected", question=STOPPING)
        self.each(request, queryset, Experiment.stop, "Stopped")
        return None

    def each(
        self, request: HttpRequest, queryset: QuerySet[Experiment], do: Callable[[Experiment], None], done: str
    ) -> None:
        """Does it to all of them, or to none and says why."""
        rows = list(queryset.order_by("pk"))
        try:
            with transaction.atomic():
                for row in rows:
                    do(row)
        except Conflicting as error:
            self.message_user(request, f"Nothing was changed. {row}: {error.message}", messages.ERROR)
        except ValidationError as error:
            self.message_user(request, f"Nothing was changed. {row}: {' '.join(error.messages)}", messages.ERROR)
        else:
            for row in rows:
                self.log_change(request, row, f"{done}.")
            self.message_user(request, f"{done}: {len(rows)}.", messages.SUCCESS)
