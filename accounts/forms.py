"""The admin's form of an API key."""

from typing import TYPE_CHECKING, Any

from django import forms

from accounts.models import ApiKey
from accounts.scopes import ADMIN_SCOPES, DEFAULT_SCOPES, SCOPES
from accounts.unfolded import CheckboxSelectMultiple

if TYPE_CHECKING:
    ApiKeyModelForm = forms.ModelForm[ApiKey]
else:
    ApiKeyModelForm = forms.ModelForm


class ApiKeyForm(ApiKeyModelForm):
    """A key without its text. The scopes of a project's key are ticked; an admin key's are not for choosing."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope, f"{scope}: {SCOPES[scope]}") for scope in DEFAULT_SCOPES],
        initial=list(DEFAULT_SCOPES),
        required=False,
        widget=CheckboxSelectMultiple,
        help_text="For keys of a project. An admin key holds admin.* and nothing else, whatever is ticked here.",
    )

    class Meta:
        model = ApiKey
        fields = ("name", "organization", "project", "user", "service_account", "is_admin", "scopes", "expires_at")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("is_admin"):
            cleaned["scopes"] = list(ADMIN_SCOPES)
        return cleaned
