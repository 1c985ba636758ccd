"""The admin's forms of API keys and of those who own them."""

from typing import Any

from django import forms

from accounts.models import ApiKey, ServiceAccount
from accounts.scopes import DEFAULT_ADMIN_SCOPES, DEFAULT_SCOPES, PUBLISHABLE_SCOPES, SCOPES
from accounts.staff_forms import StaffForm
from accounts.unfolded import BooleanSwitch, CheckboxSelectMultiple, Textarea


class OriginsField(forms.CharField):
    """A list of texts, one a line."""

    widget = Textarea(attrs={"rows": 3})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool((initial or []) != self.to_python(data))


class ApiKeyForm(StaffForm):
    """A key without its text. The scopes of a project's key are ticked; an admin key's are not for choosing, and of a
    publishable key's those are left out that it cannot hold."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope, f"{scope}: {SCOPES[scope]}") for scope in DEFAULT_SCOPES],
        initial=list(DEFAULT_SCOPES),
        required=False,
        widget=CheckboxSelectMultiple,
        help_text="For keys of a project. An admin key holds admin.* and nothing else, whatever is ticked here; a "
        "publishable key holds those of events.write and flags.read that are ticked.",
    )
    origins = OriginsField(
        required=False,
        help_text="Of a publishable key: the origins of the pages that may use it, one a line, as browsers write them: "
        "https://app.example.com",
    )

    class Meta:
        model = ApiKey
        fields = (
            "name", "organization", "project", "user", "service_account", "is_admin", "is_publishable", "scopes",
            "origins", "expires_at",
        )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("is_admin"):
            cleaned["scopes"] = list(DEFAULT_ADMIN_SCOPES)
        elif cleaned.get("is_publishable") or self.instance.is_publishable:
            cleaned["scopes"] = [scope for scope in cleaned.get("scopes", []) if scope in PUBLISHABLE_SCOPES]
        return cleaned


class ServiceAccountForm(StaffForm):
    """A new service account, and its first key, unless that is not wanted."""

    with_key = forms.BooleanField(
        label="Make its first key",
        required=False,
        initial=True,
        widget=BooleanSwitch,
        help_text="It is shown once, on the next page, and holds every scope that its role allows.",
    )

    class Meta:
        model = ServiceAccount
        fields = ("name", "project", "role", "organization_role")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("with_key") and not cleaned.get("role"):
            self.add_error("with_key", "Without a role its key would not work.")
        return cleaned
