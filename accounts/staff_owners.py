"""What the staff pages answer to whoever would leave an organisation without an owner."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponseRedirect

from accounts.models.owners import LastOwner
from accounts.unfolded import ModelAdmin


class OwnersKept(ModelAdmin):
    """A page that says so, and changes nothing."""

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self.keeping_owners(request, super().changelist_view, *args, **kwargs)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self.keeping_owners(request, super().changeform_view, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self.keeping_owners(request, super().delete_view, *args, **kwargs)

    def keeping_owners(self, request: HttpRequest, view: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Returns what `view` answers, or, where it would take away a last owner, the same page anew with the reason,
        and nothing changed."""
        if request.method != "POST":  # which changes nothing
            return view(request, *args, **kwargs)
        try:
            with transaction.atomic():
                return view(request, *args, **kwargs)
        except LastOwner as error:
            self.message_user(request, error.messages[0], messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
