"""The forms of the staff pages of flags. What is wrong stands at the field in which it is, with its place there."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from accounts.forms import OriginsField
from accounts.staff_forms import BaseForm, BaseFormSet, StaffForm
from accounts.unfolded import Select, Textarea
from features.definitions import rules_from_data, rules_to_data
from features.editing import ON_AND_OFF
from features.form_fields import JsonField, ShareField
from features.models import Environment, Flag, FlagState, Segment
from features.models.environments import PRODUCTION
from features.models.fitting import reading
from features.models.flags import LONGEST_REASON
from features.models.ruling import Unfit
from features.shares import rest_of, rollout_of

MOST_CONTEXT = 64 * 1024
"""Characters of a context that is typed in."""
BOTH = "Change the rules or the rollout, not both at once."
WHICH = "Which variant is rolled out? Choose it."
UNCLEAR = "Choose the default variant, which the others get."


class Plain(BaseForm):
    """A form that tells of each field what is wrong with what was typed, and only then what the row makes of it."""

    def add_error(self, field: str | None, error: Any) -> None:
        whole = getattr(error, "error_dict", None)
        if whole is not None:
            whole = {name: errors for name, errors in whole.items() if name not in self.errors}
        super().add_error(field, error if whole is None else ValidationError(whole))


class FlagForm(Plain, StaffForm):
    variants = JsonField(
        help_text='What it answers with, by name: {"current": "blue", "next": "green"}. Of a boolean flag, if this is '
        "left empty, on and off."
    )
    tags = OriginsField(required=False, help_text="One a line.")
    metadata = JsonField(help_text="Goes to clients with each answer.")

    class Meta:
        model = Flag
        fields = (
            "organization", "key", "kind", "variants", "description", "owner", "ticket", "tags", "permanent",
            "archived", "raw_exposures", "algorithm", "salt", "metadata",
        )  # fmt: skip

    def clean_variants(self) -> Any:
        given = self.cleaned_data["variants"]
        return dict(ON_AND_OFF) if given == {} and self.cleaned_data.get("kind") == "boolean" else given

    def clean_salt(self) -> str:
        """Without one it is the key."""
        return str(self.cleaned_data["salt"] or self.cleaned_data.get("key") or self.instance.key)


def choices(flag: Flag, none: str) -> list[tuple[str, str]]:
    """The flag's variants, those included that are posted together with the choice."""
    names = list(flag.variants) if isinstance(flag.variants, Mapping) else []
    return [("", none), *((name, name) for name in names)]


class StateForm(Plain):
    """A flag in one environment. A rollout is its last rule, moved by a slider."""

    environment = forms.ModelChoiceField(queryset=Environment.objects.none(), widget=Select, empty_label=None)
    default_variant = forms.ChoiceField(
        required=False,
        widget=Select,
        help_text="Answers where no rule does. Without one the caller's own default counts.",
    )
    off_variant = forms.ChoiceField(
        required=False, widget=Select, help_text="Answers while the flag is off. Without one likewise."
    )
    rollout = forms.ChoiceField(
        required=False,
        widget=Select,
        help_text="Some of those whom no other rule answers get this variant, always the same people.",
    )
    share = ShareField(help_text="How many of them, in per cent. The others get the default variant.")
    rules = JsonField(
        make=list, rows=8, help_text="The first whose conditions all hold answers. A rollout is the last of them."
    )
    prerequisites = JsonField(
        make=list, help_text='Flags that must answer so: [{"flag": "checkout", "variants": ["on"]}].'
    )

    class Meta:
        model = FlagState
        fields = ("environment", "enabled", "default_variant", "off_variant", "rules", "prerequisites")

    def __init__(self, *args: Any, flag: Flag, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.flag = flag
        fields: dict[str, Any] = self.fields
        home: Any = self.initial.get("environment")
        fields["environment"].queryset = Environment.objects.filter(organization=flag.organization_id, pk=home)
        for name, none in (("default_variant", "None"), ("off_variant", "None"), ("rollout", "No rollout")):
            fields[name].choices = partial(choices, flag, none)
        self.shown = rollout_of(self.instance)
        fields["rollout"].initial = self.shown.variant if self.shown else ""
        fields["share"].start(self.shown.percent if self.shown else Decimal(0))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not {"rollout", "share"}.isdisjoint(self.changed_data) and not self.errors:
            self.roll_out(cleaned)
        return cleaned

    def roll_out(self, cleaned: dict[str, Any]) -> None:
        """Makes the rules what the slider says."""
        variant, share, shown = cleaned["rollout"], cleaned["share"] or 0, self.shown
        if "rules" in self.changed_data:
            if not self.says(cleaned, variant, share):
                self.add_error("share", BOTH)
            return
        state = FlagState(
            flag=self.instance.flag, default_variant=cleaned["default_variant"], rules=list(self.instance.rules)
        )
        if variant:
            both = {shown.variant, shown.rest} if shown else set()
            rest = (both - {variant}).pop() if variant in both else rest_of(state, variant)
            if rest is None:
                self.add_error("default_variant", UNCLEAR)
                return
            state.roll_out(variant, int(share * 1000), rest)
        elif shown and "rollout" in self.changed_data:
            state.rules.pop()
        else:
            self.add_error("rollout", WHICH)
        cleaned["rules"] = state.rules

    def says(self, cleaned: dict[str, Any], variant: str, share: Decimal | int) -> bool:
        """Returns whether the rules say what the slider says, which is so where the page was opened on both; also where
        they cannot be read, which is told at them."""
        rules, _ = reading(lambda: rules_from_data(cleaned["rules"]))
        if rules is None:
            return True
        said = rollout_of(FlagState(default_variant=cleaned["default_variant"], rules=rules_to_data(rules)))
        return (said.variant, said.percent) == (variant, share) if said else not variant


class StateFormSet(BaseFormSet):
    """The states of one flag: of every environment of its organisation one, those included that are not there yet."""

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        return {**super().get_form_kwargs(index), "flag": self.instance}


class SegmentForm(Plain, StaffForm):
    conditions = JsonField(
        make=list,
        help_text='All must hold: [{"attribute": "country", "operator": "in", "values": ["CH", "LI"]}].',
    )

    class Meta:
        model = Segment
        fields = ("organization", "key", "description", "conditions")


class KillForm(forms.Form):
    """Where flags are switched off, and why."""

    environment = forms.ChoiceField(widget=Select)
    reason = forms.CharField(
        max_length=LONGEST_REASON, widget=Textarea(attrs={"rows": 2}), help_text="Is kept on the audit log."
    )

    def __init__(self, flags: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        environments = Environment.objects.filter(organization__flags__in=flags)
        keys = sorted(set(environments.values_list("key", flat=True)), key=lambda key: (key != PRODUCTION, key))
        field: Any = self.fields["environment"]
        field.choices = [(key, key) for key in keys]

    def clean_reason(self) -> str:
        try:
            return FlagState().stated(self.cleaned_data["reason"])
        except Unfit as error:
            raise ValidationError(error.messages) from error


class PreviewForm(forms.Form):
    """Who asks, and where."""

    environment = forms.ModelChoiceField(queryset=Environment.objects.none(), widget=Select, empty_label=None)
    context = JsonField(
        most=MOST_CONTEXT,
        initial={"targetingKey": "user-1"},
        help_text="What is known of whoever asks. It is neither kept nor logged.",
    )

    def __init__(self, flag: Flag, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["environment"]
        field.queryset = Environment.objects.filter(organization=flag.organization_id).order_by("key")
        field.initial = field.queryset.filter(key=PRODUCTION).first()
