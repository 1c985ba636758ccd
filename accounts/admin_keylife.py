"""What staff do to keys that there are: rotate one, end some, leave them fewer scopes."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.key_once import shown_once
from accounts.models import ApiKey
from accounts.models.keyqueries import ApiKeyQuerySet
from accounts.reach import Reach, reach_of
from accounts.rotation import LONGEST_OVERLAP, OVERLAP, rotate
from accounts.scopes import SCOPES
from accounts.staff import StaffPage
from accounts.staff_actions import staff_action
from accounts.unfolded import CheckboxSelectMultiple, NumberInput

MOST_DAYS = 36_500


class RotationForm(forms.Form):
    """How the old key ends, and when the new one does."""

    overlap = forms.IntegerField(
        label="Days for which the old key works on",
        min_value=0,
        max_value=LONGEST_OVERLAP.days,
        initial=OVERLAP.days,
        widget=NumberInput,
        help_text="0 ends it at once.",
    )
    lifetime = forms.IntegerField(
        label="Days for which the new key works",
        min_value=1,
        max_value=MOST_DAYS,
        required=False,
        widget=NumberInput,
        help_text="Empty: it expires when the old key was to.",
    )


class ExpiryForm(forms.Form):
    """When keys end."""

    days = forms.IntegerField(
        label="Days from now",
        min_value=0,
        max_value=MOST_DAYS,
        initial=0,
        widget=NumberInput,
        help_text="0 ends them at once. A key that ends earlier is left as it is.",
    )


class ScopesForm(forms.Form):
    """Which of the scopes that the chosen keys hold they keep."""

    scopes = forms.MultipleChoiceField(label="Scopes that they keep", widget=CheckboxSelectMultiple)

    def __init__(self, keys: ApiKeyQuerySet, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        held = {scope for key in keys for scope in key.scopes}
        field: Any = self.fields["scopes"]
        field.choices = [(scope, f"{scope}: {told}") for scope, told in SCOPES.items() if scope in held]
        field.initial = sorted(held)


def not_to_be_made(reach: Reach, key: ApiKey) -> str:
    """Returns why somebody with this reach may not make a key that is owned as this one is, as whose owner they could
    act; empty where they may. It is for themselves, or for a service account that may do no more than they."""
    if reach.everything:
        return ""
    if key.user is not None:
        return "" if key.user.pk == reach.user_id else "Only a user makes keys of their own."
    if not reach.may_grant(key.owner_role(), key.project or key.organization):
        return "This service account may do more than you: its keys are not for you to make."
    return ""


class KeyLifeActions(StaffPage):
    """Actions of the list of keys, each with a page that asks. What they change is on the audit log, as all is."""

    @staff_action("Rotate selected API key", needs="change")
    def rotate_selected(self, request: HttpRequest, queryset: ApiKeyQuerySet) -> HttpResponse | None:
        if len(queryset) != 1:
            self.message_user(request, "Choose one key to rotate: the new one is shown once.", messages.ERROR)
            return None
        key: ApiKey = queryset[0]
        if reason := not_to_be_made(reach_of(request), key):
            self.message_user(request, f"{key}: {reason}", messages.ERROR)
            return None
        form = RotationForm(request.POST if "post" in request.POST else None)
        if not form.is_valid():
            question = "Make another key in place of this one? It is shown once, and takes over the limits of this one."
            return self.confirm(request, queryset, action="rotate_selected", question=question, form=form)
        lifetime = form.cleaned_data["lifetime"]
        expires_at = None if lifetime is None else timezone.now() + timedelta(days=lifetime)
        try:
            new, token = rotate(key, timedelta(days=form.cleaned_data["overlap"]), expires_at=expires_at)
        except ValidationError as error:
            self.message_user(request, f"{key}: {' '.join(error.messages)}", messages.ERROR)
            return None
        self.log_change(request, key, f"Replaced by {new.public_id}.")
        self.log_addition(request, new, f"In place of {key.public_id}.")
        return shown_once(self, request, new, token)

    @staff_action("Expire selected API keys", needs="change")
    def expire_selected(self, request: HttpRequest, queryset: ApiKeyQuerySet) -> HttpResponse | None:
        form = ExpiryForm(request.POST if "post" in request.POST else None)
        if not form.is_valid():
            question = "Bring the end of these API keys forward? Nothing makes them live longer again."
            return self.confirm(request, queryset, action="expire_selected", question=question, form=form)
        days = form.cleaned_data["days"]
        at = timezone.now() + timedelta(days=days) if days else None
        self.each(request, queryset, lambda key: key.expire(at), "Expiry brought forward")
        return None

    @staff_action("Leave selected API keys fewer scopes", needs="change")
    def narrow_selected(self, request: HttpRequest, queryset: ApiKeyQuerySet) -> HttpResponse | None:
        form = ScopesForm(queryset, request.POST if "post" in request.POST else None)
        if not form.is_valid():
            question = "Leave these API keys only the scopes that are ticked?"
            return self.confirm(request, queryset, action="narrow_selected", question=question, form=form)
        kept = form.cleaned_data["scopes"]
        self.each(
            request, queryset, lambda key: key.narrow([one for one in key.scopes if one in kept]), "Scopes taken away"
        )
        return None

    def each(self, request: HttpRequest, keys: ApiKeyQuerySet, do: Callable[[ApiKey], None], done: str) -> None:
        """Does it to each key, and tells how many, and of each other one why not."""
        count = 0
        for key in keys:
            try:
                do(key)
            except ValidationError as error:
                self.message_user(request, f"{key}: {' '.join(error.messages)}", messages.ERROR)
            else:
                self.log_change(request, key, f"{done}.")
                count += 1
        self.message_user(request, f"{done}: {count}.", messages.SUCCESS)
