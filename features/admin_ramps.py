"""The staff page of ramps: set up, looked at, paused and resumed."""

from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from accounts.exceptions import Conflicting, NotThere
from accounts.staff_actions import detail_action, staff_action
from accounts.staff_forms import StaffForm
from accounts.unfolded import Textarea
from features import ramping
from features.admin_pages import OfState
from features.asides import Aside, asides
from features.models import FlagState, Ramp
from features.models.ramps import STOPPED, Status
from features.problems import Invalid, Problem
from features.ramps import Step, percent_of, steps_of_text

Act = Any
EXAMPLE = "5@now, 25@+1h, 50@+1d, 100@2026-12-01T09:00Z"


class RampForm(StaffForm):
    steps = forms.CharField(
        widget=Textarea(attrs={"rows": 4}),
        help_text=f"Per cent and when, in UTC, one a line or with commas: {EXAMPLE}.",
    )

    class Meta:
        model = Ramp
        fields = ("state", "variant", "rest", "steps")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "rest" in self.fields:  # which it is not where a ramp is only looked at
            self.fields["rest"].required = False

    def clean_steps(self) -> list[Any]:
        try:
            return [step.to_data() for step in steps_of_text(self.cleaned_data["steps"], timezone.now())]
        except Invalid as error:
            raise ValidationError([str(problem) for problem in error.problems]) from error

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                ramping.check_steps(*self.asked(cleaned), timezone.now())
            except Invalid as error:
                for problem in error.problems:
                    self.add_error(*self.placed(problem))
        return cleaned

    @staticmethod
    def asked(cleaned: dict[str, Any]) -> tuple[FlagState, str, str | None, list[Step]]:
        """What is to be set up."""
        steps = [Step.kept(step) for step in cleaned["steps"]]
        return cleaned["state"], cleaned["variant"], cleaned["rest"] or None, steps

    def placed(self, problem: Problem) -> tuple[str, str]:
        """The field at which a problem is told."""
        field = {"environment": "state"}.get(str(problem.path[0]), str(problem.path[0]))
        return field, str(Problem(problem.path[1:], problem.message))


@admin.register(Ramp)
class RampAdmin(OfState):
    """A ramp is not changed: it is taken away, and another one set up."""

    form = RampForm
    offers = ("view", "add", "delete")
    list_display = ("state", "variant", "percent", "status", "next_at", "why")
    list_filter: ClassVar[Any] = ("status", "state__environment")
    list_select_related = ("state__flag", "state__environment")
    search_fields = ("state__flag__key", "variant")
    actions = ("pause_selected", "resume_selected")
    actions_detail = ("pause_this", "resume_this")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ("state", "variant", "rest", "steps")
        return ("state", "variant", "rest", "shown", "status", "why", "percent", "next_at", "stopped_at", "created_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else self.get_fields(request, obj)

    @admin.display(description="share")
    def percent(self, ramp: Ramp) -> str:
        return f"{percent_of(ramp.weight):f} %"

    @admin.display(description="steps")
    def shown(self, ramp: Ramp) -> str:
        steps = enumerate(ramp.way)
        return ", ".join(f"{step}{' (done)' if place < ramp.reached else ''}" for place, step in steps)

    def save_model(self, request: HttpRequest, obj: Ramp, form: Any, change: bool) -> None:
        """With the steps that are due."""
        state, variant, rest, steps = RampForm.asked(form.cleaned_data)
        obj.pk = ramping.set_up(state, variant, rest, steps, timezone.now()).pk

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """What somebody else changed while the form was looked at may no longer fit: then nothing is saved."""
        try:
            return cast(HttpResponse, super().changeform_view(request, *args, **kwargs))
        except (Invalid, ValidationError) as error:
            self.message_user(
                request, f"Nothing was saved, for something was changed meanwhile: {error}", messages.ERROR
            )
            return HttpResponseRedirect(request.get_full_path())

    @detail_action("Pause", "pause", icon="pause", needs="change", where=lambda ramp: ramp.status == Status.RUNNING)
    def pause_this(self, request: HttpRequest, ramp: Ramp) -> HttpResponse:
        question = "Make this ramp stand, until it is resumed?"
        return self.confirm(request, Ramp.objects.filter(pk=ramp.pk), action="pause_selected", question=question)

    @detail_action("Resume", "resume", icon="resume", needs="change", where=lambda ramp: ramp.status in STOPPED)
    def resume_this(self, request: HttpRequest, ramp: Ramp) -> HttpResponse:
        question = "Have this ramp go on, with what is left of it as much later as it stood?"
        return self.confirm(request, Ramp.objects.filter(pk=ramp.pk), action="resume_selected", question=question)

    @staff_action("Pause selected ramps", needs="change")
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Ramp]) -> None:
        self.each(request, queryset, "Paused", lambda ramp: ramping.pause(ramp, "Paused by staff."))

    @staff_action("Resume selected ramps", needs="change")
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Ramp]) -> None:
        self.each(request, queryset, "Resumed", lambda ramp: ramping.resume(ramp, timezone.now()))

    def each(self, request: HttpRequest, queryset: QuerySet[Ramp], done: str, act: Act) -> None:
        """Does it to each, and tells what became of it."""
        for ramp in queryset.select_related("state__flag__organization", "state__environment"):
            try:
                act(ramp)
            except (Conflicting, NotThere) as error:
                self.message_user(request, f"{ramp}: {error.message}", messages.ERROR)
            else:
                self.log_change(request, ramp, f"{done}.")
                self.message_user(request, f"{ramp}: {done.lower()}.", messages.SUCCESS)


def beside(state: FlagState) -> Aside:
    """The ramp of a state, or the way to one."""
    ramp = Ramp.objects.filter(state=state).first()
    if ramp is None:
        return Aside("Ramp", "Set one up", f"{reverse('admin:features_ramp_add')}?state={state.pk}")
    told = f"{ramp.variant} {percent_of(ramp.weight):f} %, {ramp.status}"
    return Aside("Ramp", told, reverse("admin:features_ramp_change", args=(ramp.pk,)))


asides.add(beside)
