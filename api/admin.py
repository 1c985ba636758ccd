"""The staff pages of the model catalog, which is of the whole server and so for superusers; of the models that projects
may use; and of policies, and what they vetoed."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.staff import StaffInline, StaffPage
from accounts.staff_actions import staff_action
from accounts.unfolded import TabularInline
from api.admin_permissions import ModelPermissionsAdmin
from api.admin_policies import PolicyAdmin
from api.admin_trials import TryingPage
from api.admin_upstreams import UpstreamKeyPage
from api.admin_vetoes import VetoAdmin
from api.models import LIMITS, Alias, Deployment, Fallback, Model, Upstream

__all__ = ["ModelPermissionsAdmin", "PolicyAdmin", "VetoAdmin"]


@admin.register(Upstream)
class UpstreamAdmin(UpstreamKeyPage, TryingPage):
    list_display = ("name", "kind", "base_url", "api_key_env", "created_at")
    list_filter = ("kind",)
    search_fields = ("name", "base_url", "api_key_env")
    readonly_fields = ("created_at",)
    fieldsets = (
        (None, {"fields": ("name", "kind")}),
        ("Where it is", {"fields": ("base_url", "api_key_env")}),
        ("Limits", {"fields": LIMITS}),
        ("History", {"fields": ("created_at",)}),
    )


class AliasInline(StaffInline, TabularInline):
    model = Alias
    fields = ("name", "rollout")


class DeploymentInline(StaffInline, TabularInline):
    model = Deployment
    fields = ("upstream", "upstream_model", "weight")
    autocomplete_fields = ("upstream",)
    verbose_name_plural = "Further deployments"


class FallbackInline(StaffInline, TabularInline):
    model = Fallback
    fk_name = "model"
    fields = ("target", "position")
    autocomplete_fields = ("target",)


@admin.register(Model)
class CatalogModelAdmin(TryingPage):
    list_display = (
        "model_id",
        "upstream",
        "upstream_model",
        "enabled",
        "chat",
        "completions",
        "embeddings",
        "moderations",
        "context_window",
        "created_at",
    )
    list_filter = ("enabled", "upstream", "chat", "completions", "embeddings", "moderations")
    list_select_related = ("upstream",)
    search_fields = ("model_id", "upstream_model", "upstream__name", "aliases__name")
    autocomplete_fields = ("upstream",)
    readonly_fields = ("created_at",)
    inlines = (DeploymentInline, FallbackInline, AliasInline)
    actions = ("enable_selected", "disable_selected")
    fieldsets = (
        (None, {"fields": ("model_id", "enabled")}),
        ("Where it is", {"fields": ("upstream", "upstream_model", "weight")}),
        (
            "What it does",
            {
                "fields": (
                    "chat",
                    "completions",
                    "embeddings",
                    "moderations",
                    "context_window",
                    "encoding",
                    "vector_space",
                )
            },
        ),
        ("What it is asked for", {"fields": ("default_parameters",)}),
        ("Prices", {"fields": ("input_price", "cached_input_price", "output_price")}),
        ("History", {"fields": ("created_at",)}),
    )

    @staff_action("Enable selected models", needs="change")
    def enable_selected(self, request: HttpRequest, queryset: Any) -> None:
        self.switch(request, queryset, enabled=True)

    @staff_action("Disable selected models", needs="change")
    def disable_selected(self, request: HttpRequest, queryset: Any) -> None:
        self.switch(request, queryset, enabled=False)

    def switch(self, request: HttpRequest, queryset: Any, *, enabled: bool) -> None:
        """Enables or disables those that are not so yet, each with an entry in its history."""
        changed = list(queryset.filter(enabled=not enabled))
        for model in changed:
            model.enabled = enabled
            model.save(update_fields=["enabled"])
            self.log_change(request, model, "Enabled." if enabled else "Disabled.")
        self.message_user(request, f"{'Enabled' if enabled else 'Disabled'}: {len(changed)}.")


@admin.register(Alias)
class AliasAdmin(StaffPage):
    list_display = ("name", "target", "rollout", "created_at")
    list_filter = ("target__upstream",)
    list_select_related = ("target",)
    search_fields = ("name", "target__model_id", "rollout")
    autocomplete_fields = ("target",)
    readonly_fields = ("created_at",)
    fieldsets = ((None, {"fields": ("name", "target", "rollout")}), ("History", {"fields": ("created_at",)}))
