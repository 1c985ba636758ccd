"""What is done on the staff pages beside looking, adding, changing and deleting."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse

from accounts.reach import Verb, reach_of
from accounts.unfolded import BUTTON

NOTHING_DONE = "You may not do this with everything that you chose. Nothing was changed."

Act = Callable[[Any, HttpRequest, Any], HttpResponse | None]


def staff_action(description: str, *, needs: Verb) -> Callable[[Act], Act]:
    """An action of a list that does all of what was chosen or nothing: nothing unless `needs` may be done to each."""

    def decorate(act: Act) -> Act:
        @wraps(act)
        def guarded(page: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
            reach = reach_of(request)
            if not reach.everything and not all(page.reaches(reach, needs, row) for row in queryset):
                page.message_user(request, NOTHING_DONE, messages.ERROR)
                return None
            return act(page, request, queryset)

        vars(guarded)["needs"] = needs
        return admin.action(description=description)(guarded)

    return decorate


def detail_action(
    description: str, path: str, *, icon: str, needs: Verb, where: Callable[[Any], bool]
) -> Callable[[Act], Act]:
    """A button on the page of a row, of which `where` must be true and to which `needs` may be done. It is a link, and
    so asks or leads on, and changes nothing itself."""

    def decorate(act: Act) -> Act:
        @wraps(act)
        def guarded(page: Any, request: HttpRequest, object_id: str) -> HttpResponse | None:
            row = page.get_object(request, object_id)
            if row is None or not where(row):
                raise Http404
            if not page.reaches(reach_of(request), needs, row):
                raise PermissionDenied
            return act(page, request, row)

        # What unfold reads, and what the page does.
        vars(guarded).update(url_path=path, icon=icon, variant=BUTTON, attrs={}, needs=needs, where=where)
        return admin.action(description=description)(guarded)

    return decorate
