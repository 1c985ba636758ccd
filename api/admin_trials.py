"""The button “Try it” on the staff pages of upstreams and models."""

from typing import Any

from asgiref.sync import async_to_sync
from django import forms
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts.audit.recording import record
from accounts.audit.snapshots import identity
from accounts.staff import StaffPage
from accounts.staff_actions import detail_action
from accounts.unfolded import Select
from api.models import Model, Upstream
from api.trials import Step, attempt


class ModelChoice(forms.Form):
    """Which of the models that are reached at an upstream is asked."""

    model = forms.ModelChoiceField(
        queryset=Model.objects.none(),
        required=False,
        widget=Select,
        empty_label="None: only ask which models it has",
        help_text="It is asked for one token, or one vector.",
    )

    def __init__(self, upstream: Upstream, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        here = Q(upstream=upstream) | Q(deployments__upstream=upstream)
        field: Any = self.fields["model"]
        field.queryset = Model.objects.filter(here).order_by("model_id").distinct()
        field.initial = field.queryset.first()


class UpstreamChoice(forms.Form):
    """At which of the upstreams where a model is reached it is asked."""

    upstream = forms.ModelChoiceField(
        queryset=Upstream.objects.none(), required=False, widget=Select, empty_label="Its own"
    )

    def __init__(self, model: Model, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        here = Q(models=model) | Q(deployments__model=model)
        field: Any = self.fields["upstream"]
        field.queryset = Upstream.objects.filter(here).order_by("name").distinct()
        field.initial = model.upstream


def chosen(row: Upstream | Model, posted: Any) -> tuple[forms.Form, Upstream, Model | None]:
    """Returns the form that asks for what the row does not say, and the upstream and the model that are tried."""
    form = UpstreamChoice(row, posted) if isinstance(row, Model) else ModelChoice(row, posted)
    answer = form.cleaned_data if form.is_valid() else {}
    if isinstance(row, Model):
        return form, answer.get("upstream") or row.upstream, row
    return form, row, answer.get("model")


def called(upstream: Upstream, model: Model) -> str:
    """Returns what the upstream calls the model."""
    place: Any = model if model.upstream_id == upstream.pk else model.deployments.filter(upstream=upstream).first()
    return place.upstream_model or model.model_id


class TryingPage(StaffPage):
    """A page of upstreams, or of models."""

    actions_detail = ("try_it",)

    @detail_action("Try it", "try-it", icon="network_check", needs="change", where=lambda row: True)
    def try_it(self, request: HttpRequest, row: Upstream | Model) -> HttpResponse:
        """Says what will be asked, and when that is posted asks it. The catalog stays as it is."""
        form, upstream, model = chosen(row, request.POST if request.method == "POST" else None)
        name = called(upstream, model) if model else ""
        steps: tuple[Step, ...] | None = None
        if form.is_valid():
            steps = async_to_sync(attempt)(upstream, model, name)
            tell(row, model, steps)
        offered = steps[0].offered if steps else ()
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Try {row}",
            "original": row,
            "upstream": upstream,
            "model": model,
            "form": form,
            "of_model": isinstance(row, Model),
            "asks": not isinstance(row, Model) or row.deployments.exists(),
            "steps": steps,
            "offered": offered,
            "missing": name if offered and name and name not in offered else "",
        }
        return TemplateResponse(request, "api/try_it.html", context)


def tell(row: Upstream | Model, model: Model | None, steps: tuple[Step, ...]) -> None:
    """Writes down that it was tried, and what came of it, without what was said."""
    record(
        f"{row.audit_kind}.tried",
        target_type=row.audit_options().label_lower,
        target_id=identity(row),
        target_name=row.audit_name(),
        after={
            "model": model.model_id if model else "",
            "asked": [step.asked for step in steps],
            "answered": bool(steps) and steps[-1].good,
        },
    )
