"""The staff pages of the model catalog."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.unfolded import ModelAdmin, TabularInline
from api.models import Alias, Model, Upstream


@admin.register(Upstream)
class UpstreamAdmin(ModelAdmin):
    list_display = ("name", "kind", "base_url", "api_key_env", "created_at")
    list_filter = ("kind",)
    search_fields = ("name", "base_url", "api_key_env")
    show_full_result_count = False
    readonly_fields = ("created_at",)
    fieldsets = (
        (None, {"fields": ("name", "kind")}),
        ("Where it is", {"fields": ("base_url", "api_key_env")}),
        ("History", {"fields": ("created_at",)}),
    )


class AliasInline(TabularInline):
    model = Alias
    fields = ("name",)
    extra = 0


@admin.register(Model)
class CatalogModelAdmin(ModelAdmin):
    list_display = (
        "model_id",
        "upstream",
        "upstream_model",
        "enabled",
        "chat",
        "completions",
        "embeddings",
        "context_window",
        "created_at",
    )
    list_filter = ("enabled", "upstream", "chat", "completions", "embeddings")
    list_select_related = ("upstream",)
    search_fields = ("model_id", "upstream_model", "upstream__name", "aliases__name")
    autocomplete_fields = ("upstream",)
    show_full_result_count = False
    readonly_fields = ("created_at",)
    inlines = (AliasInline,)
    actions = ("enable_selected", "disable_selected")
    fieldsets = (
        (None, {"fields": ("model_id", "enabled")}),
        ("Where it is", {"fields": ("upstream", "upstream_model")}),
        ("What it does", {"fields": ("chat", "completions", "embeddings", "context_window", "encoding")}),
        ("Prices", {"fields": ("input_price", "cached_input_price", "output_price")}),
        ("History", {"fields": ("created_at",)}),
    )

    @admin.action(description="Enable selected models", permissions=["change"])
    def enable_selected(self, request: HttpRequest, queryset: Any) -> None:
        self.switch(request, queryset, enabled=True)

    @admin.action(description="Disable selected models", permissions=["change"])
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
class AliasAdmin(ModelAdmin):
    list_display = ("name", "target", "created_at")
    list_filter = ("target__upstream",)
    list_select_related = ("target",)
    search_fields = ("name", "target__model_id")
    autocomplete_fields = ("target",)
    show_full_result_count = False
    readonly_fields = ("created_at",)
    fieldsets = ((None, {"fields": ("name", "target")}), ("History", {"fields": ("created_at",)}))
