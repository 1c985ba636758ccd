"""What the staff pages of flags share."""

from collections.abc import Iterable
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from accounts.reach import Rights, condition, reach_of
from accounts.staff import StaffPage
from features.access import READ
from features.models import FlagState, FlagsVersion
from features.opened import FIELD, Opened, overtaken
from features.protection import UPDATE

OF = {"view": READ, "add": UPDATE, "change": UPDATE, "delete": UPDATE}
"""Viewers of an organisation look; its admins and owners change."""
RIGHTS = Rights("organization", "organization", **OF)

OF_STATE = Rights("organization", "state__flag__organization", **OF)
KEPT = "Nothing was saved. What you typed is kept; save again to put it in the place of what stands below."


class OfState(StaffPage):
    """Rows that belong to a flag in one environment, and to nothing else, which is chosen when they are made."""

    rights = (OF_STATE,)

    def get_field_queryset(self, db: Any, db_field: Any, request: HttpRequest) -> QuerySet[Any] | None:
        here = condition((Rights("organization", "flag__organization", **OF),), reach_of(request), "add")
        states = FlagState.objects.filter(here, flag__archived=False).select_related("flag", "environment")
        return states.order_by("flag__key", "environment__key")


class RulingPage(StaffPage):
    """Rows of the ruleset. What others need is not deleted: the page says who needs it. What somebody else changed
    since the page was opened is not saved over unseen: the form is shown again, with what changed."""

    change_form_template = "features/change_form.html"

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, set[str], Any]:
        deleted, counts, lacking, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, lacking, [*protected, *self.needed(objs)]

    def needed(self, rows: Iterable[Any]) -> list[str]:
        """Returns why these rows cannot be deleted, as far as only trying tells: it is undone."""
        model: Any = self.model
        try:
            with transaction.atomic():
                model.objects.filter(pk__in=[row.pk for row in rows]).delete()
                transaction.set_rollback(True)
        except ProtectedError:
            return []  # that is told already
        except ValidationError as error:
            return error.messages
        return []

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.overtaken = staticmethod(lambda filled: self.overtaken(request, filled))
        return form

    def overtaken(self, request: HttpRequest, form: Any) -> str:
        """Returns who changed the row since the page was opened; empty where nobody did."""
        if not form.instance.pk:
            return ""
        FlagsVersion.hold()
        newer = overtaken(form.instance, request.POST.get(FIELD, ""))
        vars(request)["overtaken"] = newer
        return f"{newer} {KEPT}" if newer else ""

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """With what it was opened on, which is still the same where it is shown again for another reason."""
        if obj is not None:
            newer = vars(request).get("overtaken")
            again = request.method == "POST" and newer is None
            context |= {"opened": request.POST.get(FIELD, "") if again else Opened.of(obj), "meanwhile": newer}
        return super().render_change_form(request, context, add, change, form_url, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """What is as it was is not saved, and counts as no change."""
        if form.changed_data or not change:
            super().save_model(request, obj, form, change)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """What somebody else changed while the form was looked at may no longer fit: then nothing is saved."""
        try:
            return cast(HttpResponse, super().changeform_view(request, *args, **kwargs))
        except ValidationError as error:
            told = f"Nothing was saved, for something was changed meanwhile: {' '.join(error.messages)}"
            self.message_user(request, told, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
