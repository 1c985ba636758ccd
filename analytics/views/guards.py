"""/api/features/{key}/guard: what watches a rollout in one environment, and what it turned back."""

from typing import Any

from django.db import transaction
from django.http import HttpResponse
from rest_framework.request import Request

from accounts.exceptions import NotThere
from analytics.guard_editing import guard_object, set_guard
from analytics.models import RolloutGuard
from features.exceptions import telling
from features.models import FlagsVersion
from features.views.base import FeaturesView
from lukhas_site.http.exchange import exchange_of


class GuardView(FeaturesView):
    """The guard: shown, set, and taken away."""

    http_method_names = ("get", "head", "put", "delete")

    def find(self, key: str, place: str) -> RolloutGuard:
        """The guard of the flag in this environment. Raises NotThere."""
        flag = self.access.flag(key)
        guards = RolloutGuard.objects.with_flags()
        found = guards.filter(state__flag=flag, state__environment__key=place).first()
        if found is None:
            raise NotThere("guard of feature", key)
        return found

    def answer_guard(self, key: str, place: str, **more: Any) -> HttpResponse:
        """The guard as it is now, and more."""
        guard = self.find(key, place)
        return self.answer({**guard_object(guard, people=self.access.sees_people), **more})

    def get(self, request: Request, key: str) -> HttpResponse:
        return self.answer_guard(key, self.place())

    def put(self, request: Request, key: str) -> HttpResponse:
        place, body = self.place(), self.body
        with transaction.atomic(), telling():
            FlagsVersion.hold()
            state = self.access.flag(key).state_in(self.access.environment(place))
            _, secret = set_guard(state, body)
        exchange_of(self.bare).secret = bool(secret)
        return self.answer_guard(key, place, **({"webhook_secret": secret} if secret else {}))

    def delete(self, request: Request, key: str) -> HttpResponse:
        place = self.place()
        self.find(key, place).delete()
        return self.answer({"id": key, "object": "feature.guard.deleted", "environment": place, "deleted": True})
