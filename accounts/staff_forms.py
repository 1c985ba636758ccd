"""The forms of the staff pages: what may not be done is told like any other mistake."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

if TYPE_CHECKING:
    BaseForm = forms.ModelForm[Any]
    BaseFormSet = forms.BaseInlineFormSet[Any, Any, Any]
else:
    from unfold.forms import PaginationInlineFormSet as BaseFormSet

    BaseForm = forms.ModelForm

ABOVE = "You may not give or take away a role above your own."


class StaffForm(BaseForm):
    """A row that is saved only where whoever is signed in may save it, and while it is what they saw. The page sets
    `refusal`, which says why a valid form is not saved, and `overtaken`, which says that the row was changed meanwhile,
    whatever else is wrong."""

    refusal: ClassVar[Any] = staticmethod(lambda form: "")
    overtaken: ClassVar[Any] = staticmethod(lambda form: "")

    def full_clean(self) -> None:
        super().full_clean()
        if self.is_bound and (reason := self.overtaken(self)):
            self.add_error(None, reason)
        if self.is_bound and not self.errors and (reason := self.refusal(self)):
            self.add_error(None, reason)


class RoleFormSet(BaseFormSet):
    """Roles of people in one place. `grantable` are those that whoever is signed in may give and take away."""

    grantable: ClassVar[list[str]] = []

    def clean(self) -> None:
        """Raises ValidationError where a role is given or taken away that is above one's own."""
        super().clean()
        for form in self.forms:
            if not form.has_changed() and form not in self.deleted_forms:
                continue
            if not {form.initial.get("role", ""), form.cleaned_data.get("role", "")} <= set(self.grantable):
                raise ValidationError(ABOVE, code="role_above_own")
