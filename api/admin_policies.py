"""The staff pages of policies: the list with its switches, and what policies say of a text that is typed in."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone

from accounts.models import Project
from accounts.models.limits import kind_of
from accounts.reach import Rights
from accounts.staff import StaffPage
from accounts.staff_actions import detail_action, staff_action
from accounts.staff_forms import StaffForm
from accounts.staff_lists import visible_rows
from accounts.unfolded import Select, Textarea
from api import veto_charts
from api.admin_permissions import names
from api.guardian import trying
from api.models import Policy, PolicyMode
from api.models.policies import DEMANDS, EMPTY

IN_PROJECT: dict[str, Any] = {
    "view": "project.policies.read",
    **dict.fromkeys(("add", "change", "delete"), "project.policies.update"),
}
IN_ORGANIZATION: dict[str, Any] = {
    "view": "organization.policies.read",
    **dict.fromkeys(("add", "change", "delete"), "organization.policies.update"),
}


class PolicyForm(StaffForm):
    """The model is chosen, not written; one that is gone stays possible where it was. What is not of its kind is not
    shown, and so is not kept either."""

    model = forms.ChoiceField(
        required=False,
        widget=Select,
        help_text="For requests that ask for this name, an alias included, and for those that this model answers.",
    )

    class Meta:
        model = Policy
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known, held = names(), self.instance.model
        gone = [(held, f"{held} (gone)")] if held and held not in dict(known) else []
        field: Any = self.fields["model"]
        field.choices = [("", "All models"), *known, *gone]

    def clean(self) -> dict[str, Any] | None:
        values = super().clean()
        if values is not None and values.get("kind") in DEMANDS:
            values |= {name: empty for name, empty in EMPTY.items() if name not in DEMANDS[values["kind"]]}
        return values


class TextForm(forms.Form):
    """A text, to be asked about."""

    text = forms.CharField(
        max_length=100_000,
        strip=False,
        widget=Textarea(attrs={"rows": 6}),
        help_text="It is neither kept nor logged.",
    )


class RequestForm(TextForm):
    """The same as a request of a project to a model."""

    project = forms.ModelChoiceField(queryset=Project.objects.none(), widget=Select, empty_label=None)
    model = forms.ChoiceField(widget=Select)
    field_order = ("project", "model", "text")

    def __init__(self, projects: QuerySet[Project], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        fields["project"].queryset = projects.select_related("organization").order_by("name", "pk")
        fields["model"].choices = names()


@admin.register(Policy)
class PolicyAdmin(StaffPage):
    rights = (Rights("project", "project", **IN_PROJECT), Rights("organization", "organization", **IN_ORGANIZATION))
    form = PolicyForm
    list_display = ("name", "switch", "mode", "holds_for", "model", "looks_for", "reason_code", "vetoes")
    list_filter: ClassVar[Any] = ("mode", "kind", "enabled", "organization", "project")
    list_select_related = ("organization", "project__organization")
    list_before_template = "api/policies.html"
    search_fields = (
        "name", "reason_code", "pattern", "model", "project__name", "project__public_id", "organization__name",
    )  # fmt: skip
    ordering: ClassVar[Any] = ("name", "id")
    autocomplete_fields = ("organization", "project")
    actions = ("enforce_selected", "shadow_selected")
    actions_detail = ("try_it",)
    # Whoever may only look has no field of the kind, and sees them all.
    conditional_fields: ClassVar[dict[str, str]] = {
        name: f"typeof kind === 'undefined' || kind == '{kind.value}'"
        for kind, demanded in DEMANDS.items()
        for name in demanded
    }
    fieldsets = (
        (None, {"fields": ("name", "enabled", "mode", "reason_code")}),
        ("What it looks for", {"fields": ("kind", *EMPTY)}),
        ("Which requests", {"fields": ("organization", "project", "model")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("organization", "project")

    # --- The list ------------------------------------------------------------------------------------------------

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """With what the switches and the drawings need, in as many queries for few policies as for many."""
        changes: Any = super().get_changelist_instance(request)
        changes.result_list = rows = list(changes.result_list)
        drawings = veto_charts.of_policies([policy.pk for policy in rows], timezone.now())
        for policy in rows:
            vars(policy).update(
                may_switch=self.has_change_permission(request, policy),
                list_query=request.META.get("QUERY_STRING", ""),
                drawing=drawings[policy.pk],
            )
        return changes

    @admin.display(description="on")
    def switch(self, policy: Policy) -> str:
        return render_to_string("api/policy_switch.html", {"policy": policy, **vars(policy)})

    @admin.display(description="holds for")
    def holds_for(self, policy: Policy) -> str:
        return f"{kind_of(type(policy.scope))} {policy.scope}"

    @admin.display(description="looks for")
    def looks_for(self, policy: Policy) -> str:
        return policy.looks_for()

    @admin.display(description=f"last {veto_charts.DAYS} days")
    def vetoes(self, policy: Policy) -> str:
        return render_to_string("features/sparkline.html", {"drawing": vars(policy)["drawing"]})

    # --- Switching -----------------------------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        own = [
            path("try/", view(self.try_all_view), name="api_policy_try_all"),
            path("<path:object_id>/switch/", view(self.switch_view), name="api_policy_switch"),
        ]
        return own + super().get_urls()

    def switch_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Makes a policy what the button said, on or off, and goes back to the list as it was."""
        policy = self.get_object(request, unquote(object_id))
        if policy is None or request.method != "POST":
            raise Http404
        if not self.has_change_permission(request, policy):
            raise PermissionDenied
        self.turn(request, [policy], enabled=request.POST.get("enabled") == "yes")
        told = f"{policy} is {'on' if policy.enabled else 'off'}."
        self.message_user(request, told, messages.SUCCESS)
        query = request.META.get("QUERY_STRING", "")
        return HttpResponseRedirect(f"{reverse('admin:api_policy_changelist')}{'?' if query else ''}{query}")

    @staff_action("Enforce selected policies", needs="change")
    def enforce_selected(self, request: HttpRequest, queryset: QuerySet[Policy]) -> None:
        count = self.turn(request, queryset, mode=PolicyMode.ENFORCE)
        self.message_user(request, f"Refusing requests from now on: {count}.", messages.SUCCESS)

    @staff_action("Put selected policies in shadow", needs="change")
    def shadow_selected(self, request: HttpRequest, queryset: QuerySet[Policy]) -> None:
        count = self.turn(request, queryset, mode=PolicyMode.SHADOW)
        self.message_user(request, f"Only writing down from now on: {count}.", messages.SUCCESS)

    def turn(self, request: HttpRequest, policies: Sequence[Policy] | QuerySet[Policy], **to: Any) -> int:
        """Makes those so that are not yet, each with an entry in its history. Returns how many those were."""
        changed = [policy for policy in policies if any(getattr(policy, name) != value for name, value in to.items())]
        for policy in changed:
            vars(policy).update(to)
            policy.save(update_fields=list(to))
            self.log_change(request, policy, ", ".join(f"{name}: {value}" for name, value in to.items()))
        return len(changed)

    # --- Trying --------------------------------------------------------------------------------------------------

    @detail_action("Try a text", "try-it", icon="science", needs="view", where=lambda policy: True)
    def try_it(self, request: HttpRequest, policy: Policy) -> HttpResponse:
        """What the policy, as it is saved, has against a text that is typed in. Nothing is kept of it."""
        form = TextForm(request.POST if request.method == "POST" else None)
        found = None
        if form.is_valid():
            found = trying.asked(Policy.objects.filter(pk=policy.pk), form.cleaned_data["text"], policy.model)
        return self.tried(request, form, found, original=policy, title=f"Try {policy}")

    def try_all_view(self, request: HttpRequest) -> HttpResponse:
        """What the policies that are on have against a text, as a request of a project to a model: of those that
        whoever is signed in may see."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = RequestForm(visible_rows(Project, request), request.POST if request.method == "POST" else None)
        found = None
        if form.is_valid():
            text, project, model = (form.cleaned_data[name] for name in ("text", "project", "model"))
            here = Q(project=project) | Q(organization=project.organization_id)
            found = trying.asked_of(self.get_queryset(request).filter(here, enabled=True), text, model)
        return self.tried(request, form, found, original=None, title="Try a text")

    def tried(
        self, request: HttpRequest, form: forms.Form, found: list[trying.Tried] | None, **told: Any
    ) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "form": form, "found": found, **told}
        return TemplateResponse(request, "api/try_a_text.html", context)
