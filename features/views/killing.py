"""/api/features/{key}/kill: off, now, by anybody who may see the flag."""

from django.db import transaction
from django.http import HttpResponse
from rest_framework.request import Request

from features.access import READ
from features.exceptions import telling
from features.views.base import FeaturesView
from features.wire import states_by_key


class KillView(FeaturesView):
    """Switches a flag off in one environment, protected or not. Why is on the audit log."""

    http_method_names = ("post",)
    needed = READ

    def post(self, request: Request, key: str) -> HttpResponse:
        place, reason = self.place(), self.member("reason", str)
        with self.locked(key) as flag, telling():
            state = states_by_key(flag).get(place) or flag.states.model(flag=flag)  # off where it has none
            if not state.kill(reason):
                transaction.set_rollback(True)  # it was off
        return self.answer_flag(key, (place,))
