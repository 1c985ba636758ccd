"""The staff page of upstreams, as far as their keys are concerned: see `api.key_destinations`."""

from typing import Any

from django import forms
from django.http import HttpRequest

from accounts.staff import StaffPage
from accounts.staff_forms import StaffForm
from accounts.unfolded import Select
from api.key_destinations import choosable, objection
from api.models import Upstream


class UpstreamForm(StaffForm):
    """The variable of the key is chosen, not written."""

    api_key_env = forms.ChoiceField(
        label="API key variable",
        required=False,
        widget=Select,
        help_text="The environment variable that holds this upstream's API key; the key itself is never stored. "
        "LUKHAS_UPSTREAM_KEY_VARS says which can be chosen, beside those in use.",
    )

    class Meta:
        model = Upstream
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["api_key_env"]
        field.choices = [("", "None"), *((name, name) for name in choosable(Upstream.objects.all()))]


class UpstreamKeyPage(StaffPage):
    form = UpstreamForm

    def refusal(self, request: HttpRequest, form: Any) -> str:
        """Also where a key would be sent to where whoever is signed in may not have it sent."""
        upstreams, pk = Upstream.objects, form.instance.pk
        after = {name: getattr(form.instance, name) for name in ("api_key_env", "base_url")}
        return super().refusal(request, form) or objection(
            upstreams.exclude(pk=pk), upstreams.filter(pk=pk).values(*after).first(), after
        )
