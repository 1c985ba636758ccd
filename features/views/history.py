"""/api/features/{key}/history and …/restore: what was done to a flag, and the way back."""

from collections.abc import Collection
from functools import partial

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.audit.restoring import CannotRestore, restore
from accounts.exceptions import Conflicting, NotThere
from accounts.models import AuditEvent
from accounts.pagination import page
from features.history import environments_of, events_of
from features.models import Flag
from features.views.base import FeaturesView
from features.wire import event_object


class HistoryView(FeaturesView):
    """The changes of the flag and of its states, the latest first."""

    http_method_names = ("get", "head")

    def get(self, request: Request, key: str) -> HttpResponse:
        flag, cursor = self.access.flag(key), self.query.cursor()
        environments = environments_of(flag)
        events = events_of(flag, environments, self.seen())
        render = partial(event_object, environments=environments, names=self.access.sees_people)
        return self.answer(page(events, cursor, render))


class RestoreView(FeaturesView):
    """Puts back what one of these changes replaced. Whoever changes flags may; what is protected stays so."""

    http_method_names = ("post",)

    def post(self, request: Request, key: str) -> HttpResponse:
        seen, event_id = self.seen(), self.member("event", str)
        try:
            with self.locked(key) as flag:
                restore(self.find(flag, event_id, seen))
        except CannotRestore as reason:
            raise Conflicting(str(reason), code="cannot_restore") from reason
        return self.answer_flag(key, seen)

    def find(self, flag: Flag, event_id: str, seen: Collection[str] | None) -> AuditEvent:
        """The change of the flag. Raises NotThere."""
        found = None
        if event_id.isascii() and event_id.isprintable():  # anything else no database needs to be asked for
            found = events_of(flag, environments_of(flag), seen).filter(public_id=event_id).first()
        if found is None:
            raise NotThere("change of this feature", event_id)
        return found
