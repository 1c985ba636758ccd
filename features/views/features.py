"""/api/features and /api/features/{key}: flags, listed, made, read, changed and deleted."""

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import ProtectedError
from django.http import HttpResponse
from rest_framework.request import Request

from accounts.exceptions import Conflicting
from accounts.pagination import page
from accounts.queries import Query
from features import editing
from features.exceptions import telling
from features.models import Flag, FlagsVersion
from features.models.flags import FlagQuerySet
from features.models.ruling import Unfit
from features.views.base import FeaturesView
from features.wire import flag_object

SIGHT: dict[str, dict[str, Any]] = {"false": {"archived": False}, "true": {"archived": True}, "any": {}}


def asked_for(flags: FlagQuerySet, query: Query) -> FlagQuerySet:
    """Those of the flags that a list is narrowed down to."""
    found = flags.filter(**SIGHT[query.choice("archived", tuple(SIGHT)) or "false"])
    if text := query.text("search"):
        found = found.matching(text)
    for tag in query.texts("tags"):
        found = found.tagged(tag)
    return found


def in_use(why: str) -> Conflicting:
    message = f"{why[:500]}. Archive it instead: it answers as before, out of sight."
    return Conflicting(message, code="feature_in_use")


class FeatureListView(FeaturesView):
    """The organisation's flags, the newest first; a new one."""

    http_method_names = ("get", "head", "post")

    def get(self, request: Request) -> HttpResponse:
        flags = Flag.objects.filter(organization__public_id=self.access.organization_id)
        found, cursor = asked_for(flags.with_states(), self.query), self.query.cursor()
        return self.answer(page(found, cursor, partial(flag_object, seen=self.seen()), anchors=flags, by="key"))

    def post(self, request: Request) -> HttpResponse:
        place, body = self.place(), self.body
        with transaction.atomic(), telling():
            FlagsVersion.bump()
            made = editing.create(body, self.access.environment(place), self.access.seen(None, None))
        return self.answer_flag(made.key, self.access.seen(None, None), 201)


class FeatureView(FeaturesView):
    """One flag."""

    http_method_names = ("get", "head", "patch", "delete")

    def get(self, request: Request, key: str) -> HttpResponse:
        return self.answer_flag(key, self.seen())

    def patch(self, request: Request, key: str) -> HttpResponse:
        seen, body = self.seen(), self.body
        with self.locked(key) as flag, telling():
            if not editing.change(flag, body, seen):
                transaction.set_rollback(True)  # nothing to tell anybody
        return self.answer_flag(key, seen)

    def delete(self, request: Request, key: str) -> HttpResponse:
        self.query.done()
        try:
            with self.locked(key) as flag:
                flag.delete()
        except Unfit as error:
            raise in_use("; ".join(error.messages)) from error
        except ProtectedError as error:
            raise in_use(f"{key} is told of by {'; '.join(sorted(map(str, error.protected_objects)))}") from error
        return self.answer({"id": key, "object": "feature.deleted", "deleted": True})
