"""The way of one request through the deployments that may answer it: which was asked, and which comes next."""

from collections.abc import Iterable

from django.conf import settings

from api import pauses
from api.backends.base import Failure
from api.balancing import traffic
from api.breakers import breakers
from api.catalog import Catalog, Place, Target
from api.exceptions import APIError
from api.refusals import UpstreamsDown, tried


class Course:
    """Deployments of the model that is asked for first, then those of the models that may stand in for it. Each is
    asked once, and again after a pause where what failed may pass. Nobody is sent to one whose breaker is open.

    `error` is the last failure. What `begin` and `next` chose is held until something else is, or until `leave`.
    """

    def __init__(self, known: Catalog, target: Target, project_id: str | None) -> None:
        self.error: APIError | None = None
        self._model = target
        self._rest = [target, *target.deployments]
        self._models = list(_stand_ins(known, target, project_id))
        self._places = [*target.places]
        self._tried: dict[str, None] = {}
        self._repeated = 0
        self._waited = 0.0
        self._held: Place | None = None
        self._tries = False

    def begin(self) -> Target:
        """The deployment to ask first. Raises `UpstreamsDown` where none is to be asked."""
        target = self.next()
        if target is None:
            raise UpstreamsDown(self._tried, breakers.wait(self._places))
        return target

    def asked(self, target: Target) -> None:
        """This one was asked before there was a course."""
        self._tried[target.model] = None
        self._rest.remove(target)

    def next(self) -> Target | None:
        """The deployment to ask next, which is held from now on; None where there is none."""
        self.leave()
        while True:
            self._tried[self._model.model] = None
            admitted = [target for target in self._rest if breakers.admits(target.place)]
            if admitted:
                target = traffic.pick(admitted)
                self._rest.remove(target)
                self._repeated = 0
                self._hold(target.place)
                return target
            if not self._models:
                return None
            self._model = self._models.pop(0)
            self._rest = [self._model, *self._model.deployments]
            self._places += self._model.places

    def pause(self, failure: Failure, place: Place) -> float | None:
        """How many seconds to wait before the same deployment is asked again; None where it is not."""
        if not failure.again or self._repeated >= settings.LUKHAS_UPSTREAM_RETRIES:
            return None
        if breakers.state(place) != "closed":
            return None
        seconds = max(pauses.jittered(self._repeated), failure.after or 0.0)
        if self._waited + seconds > settings.LUKHAS_UPSTREAM_RETRY_SECONDS:
            return None
        self._repeated += 1
        self._waited += seconds
        return seconds

    def again(self, place: Place) -> bool:
        """Whether the same deployment is still to be asked after its pause; it is held from now on."""
        closed = breakers.state(place) == "closed"
        if closed:
            self._hold(place)
        return closed

    def stands_in(self, target: Target) -> bool:
        """Whether it is not the model that the caller asked for."""
        return target.model != next(iter(self._tried))

    def final(self, error: APIError) -> APIError:
        """What the caller is told in the end: the last failure, and which models were tried where there are several."""
        told, self.error = self.error or error, None
        if len(self._tried) > 1:
            told.message = f"{told.message} {tried(self._tried)}"
        return told

    def leave(self) -> None:
        """Holds nothing any more."""
        place, self._held = self._held, None
        if place is not None:
            traffic.leave(place)
            if self._tries:
                breakers.leave(place)

    def _hold(self, place: Place) -> None:
        self._held = place
        self._tries = breakers.enter(place)
        traffic.enter(place)


def _stand_ins(known: Catalog, target: Target, project_id: str | None) -> Iterable[Target]:
    """The models that may answer in its place, as the catalog says, and as they and the project allow."""
    for name in target.fallbacks:
        instead = known.model(name)
        if instead is not None and instead.can_replace(target) and known.permits(name, instead, project_id):
            yield instead
