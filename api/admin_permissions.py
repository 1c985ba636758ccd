"""The staff page of the models that a project may use, which stand on the project's own page too."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from accounts.admin import ProjectAdmin
from accounts.reach import Rights
from accounts.staff import StaffInline, StaffPage
from accounts.staff_forms import StaffForm
from accounts.unfolded import Select, SelectMultiple, StackedInline
from api.models import Alias, Model, ModelPermissions

UPDATE = "project.models.update"
RIGHTS = Rights("project", "project", view="project.models.read", add=UPDATE, change=UPDATE, delete=UPDATE)


def names() -> list[tuple[str, str]]:
    """Every model and alias, for choosing."""
    models = Model.objects.order_by("model_id").values_list("model_id", flat=True)
    aliases = Alias.objects.order_by("name").values_list("name", "target__model_id")
    return [*((name, name) for name in models), *((name, f"{name} (alias of {of})") for name, of in aliases)]


class ModelPermissionsForm(StaffForm):
    """Names are chosen, not written. One that is listed already stays possible when its model is gone."""

    mode = forms.ChoiceField(choices=[("", "All models"), *ModelPermissions.Mode.choices], widget=Select)
    model_ids = forms.MultipleChoiceField(
        label="Models",
        required=False,
        widget=SelectMultiple,
        help_text="A model is meant under its own id and every alias of it, an alias under its own name only. None of "
        "them: with “Only these”, the project may use no model at all.",
    )

    class Meta:
        model = ModelPermissions
        fields = ("project", "mode", "model_ids")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = names()
        gone = sorted(set(self.instance.model_ids) - {name for name, _ in known})
        field: Any = self.fields["model_ids"]
        field.choices = [*known, *((name, f"{name} (gone)") for name in gone)]


class ModelPermissionsInline(StaffInline, StackedInline):
    rights = RIGHTS
    model = ModelPermissions
    form = ModelPermissionsForm
    fields = ("mode", "model_ids")
    extra = 1
    verbose_name = verbose_name_plural = "models that it may use: all, unless chosen here"


ProjectAdmin.further_inlines.append(ModelPermissionsInline)


@admin.register(ModelPermissions)
class ModelPermissionsAdmin(StaffPage):
    rights = (RIGHTS,)
    form = ModelPermissionsForm
    list_display = ("project", "organization", "mode", "listed")
    list_filter = ("mode", "project__organization")
    list_select_related = ("project__organization",)
    search_fields = ("project__name", "project__public_id", "model_ids")
    autocomplete_fields = ("project",)
    prefilled = ("project",)
    fields = ("project", "mode", "model_ids")

    @admin.display(description="organisation", ordering="project__organization__name")
    def organization(self, permissions: ModelPermissions) -> str:
        return permissions.project.organization.name

    @admin.display(description="models")
    def listed(self, permissions: ModelPermissions) -> str:
        return ", ".join(permissions.model_ids) or "none"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("project",)
