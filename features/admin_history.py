"""What was done to a flag, on a page of its own, and the way back."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse

from accounts.audit.restoring import CannotRestore, restore
from accounts.models import AuditEvent
from accounts.staff_lists import BoundedPaginator
from features.admin_pages import RulingPage
from features.history import environments_of, events_of
from features.models import Flag, FlagsVersion
from features.opened import FIELD, Opened, describe, overtaken

MOST = 20
"""Changes on a page."""


def restore_unless_overtaken(flag: Flag, event: AuditEvent, opened: str) -> None:
    """Raises CannotRestore, also where the flag is not what the page was opened on."""
    with transaction.atomic():
        FlagsVersion.hold()
        if newer := overtaken(flag, opened):
            raise CannotRestore(f"{newer} Nothing was restored: look at what is there now.")
        restore(event)


class HistoryPage(RulingPage):
    def get_urls(self) -> list[Any]:
        own = [
            path(
                "<path:object_id>/restore/<slug:event_id>/",
                self.admin_site.admin_view(self.restore_view),
                name="features_flag_restore",
            )
        ]
        return own + super().get_urls()

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The changes of the flag and of its states, the latest first."""
        flag = self.get_object(request, unquote(object_id))
        if flag is None:
            return HttpResponseRedirect(reverse("admin:index"))
        keys = environments_of(flag)
        page = BoundedPaginator(events_of(flag, keys).order_by("-pk"), MOST).get_page(request.GET.get("p"))
        for event in page:
            describe(event, keys)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Changes of {flag}",
            "original": flag,
            "page": page,
            "opened": Opened.of(flag),
            "may_restore": self.has_change_permission(request, flag),
        }
        return TemplateResponse(request, "features/flag_history.html", context)

    def restore_view(self, request: HttpRequest, object_id: str, event_id: str) -> HttpResponse:
        """Puts back what the change replaced, unless there are changes that the page did not show."""
        flag = self.get_object(request, unquote(object_id))
        if flag is None or request.method != "POST":
            raise Http404
        if not self.has_change_permission(request, flag):
            raise PermissionDenied
        event = events_of(flag, environments_of(flag)).filter(public_id=event_id).first()
        if event is None:
            raise Http404
        try:
            restore_unless_overtaken(flag, event, request.POST.get(FIELD, ""))
        except CannotRestore as reason:
            self.message_user(request, str(reason), messages.ERROR)
        else:
            self.log_change(request, flag, f"Restored what {event.public_id} replaced.")
            self.message_user(request, "Restored.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:features_flag_history", args=(flag.pk,)))
