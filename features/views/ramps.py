"""/api/features/{key}/ramp, …/pause and …/resume: the share of a variant that grows by itself, in one environment."""

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from accounts.exceptions import NotThere
from features import ramping
from features.exceptions import telling
from features.models import Flag, Ramp
from features.problems import Reader
from features.ramps import steps_of_data
from features.views.base import FeaturesView
from features.wire import ramp_object


class RampsView(FeaturesView):
    """What the views of ramps share."""

    def find(self, flag: Flag, place: str) -> Ramp:
        """The ramp of the flag in this environment. Raises NotThere."""
        found = Ramp.objects.with_flags().filter(state__flag=flag, state__environment__key=place).first()
        if found is None:
            raise NotThere("ramp of feature", flag.key)
        return found

    def answer_ramp(self, key: str, place: str, status: int = 200) -> HttpResponse:
        """The ramp as it is now."""
        return self.answer(ramp_object(self.find(self.access.flag(key), place)), status)


class RampView(RampsView):
    """The ramp: shown, set up, and taken away, which leaves the flag as it is."""

    http_method_names = ("get", "head", "put", "delete")

    def get(self, request: Request, key: str) -> HttpResponse:
        return self.answer_ramp(key, self.place())

    def put(self, request: Request, key: str) -> HttpResponse:
        place, body, now = self.place(), self.body, timezone.now()
        with telling():
            variant, rest, steps = asked(body)
            with self.locked(key) as flag:
                state = flag.state_in(self.access.environment(place))
                ramping.set_up(state, variant, rest, steps_of_data(steps, now), now)
        return self.answer_ramp(key, place)

    def delete(self, request: Request, key: str) -> HttpResponse:
        place = self.place()
        self.find(self.access.flag(key), place).delete()
        return self.answer({"id": key, "object": "feature.ramp.deleted", "environment": place, "deleted": True})


class PauseView(RampsView):
    """Makes a running ramp stand. Why is on the audit log."""

    http_method_names = ("post",)

    def post(self, request: Request, key: str) -> HttpResponse:
        place, reason = self.place(), self.member("reason", str)
        with telling():
            ramping.pause(self.find(self.access.flag(key), place), reason)
        return self.answer_ramp(key, place)


class ResumeView(RampsView):
    """Has a ramp go on that was paused or halted."""

    http_method_names = ("post",)

    def post(self, request: Request, key: str) -> HttpResponse:
        place = self.place()
        ramping.resume(self.find(self.access.flag(key), place), timezone.now())
        return self.answer_ramp(key, place)


def asked(body: Any) -> tuple[str, str | None, Any]:
    """Variant, rest and steps of a body. Raises Invalid."""
    reader = Reader()
    known = reader.table(body, ("variant", "rest", "steps"), ("variant", "steps"))
    found = reader.key(known, "variant"), reader.optional_key(known, "rest"), known.get("steps")
    reader.finish()
    return found
