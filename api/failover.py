"""What happens when a deployment fails: it is asked again, or another one is, or another model, until the first piece
of an answer has gone to the caller. Nothing of this is touched while all goes well."""

import asyncio

from accounts.exceptions import BudgetSpent, LimitReached
from api import catalog, reserving
from api.backends.base import Failure
from api.backends.registry import backend
from api.breakers import breakers
from api.catalog import Target
from api.course import Course
from api.exceptions import APIError, Overloaded, UpstreamError
from api.guardian.admitting import Asked, admits_instead
from api.requests import ModerationRequest, Request
from api.work import Work

FULL, NOT_USABLE = Failure(broken=False), Failure()


async def goes_on(request: Request, work: Work, error: APIError) -> bool:
    """Whether the request is to be made again: after a pause, or of another deployment, to which `work` is turned.
    Where it is not, the caller is `told` so. Nothing is raised here: an error that knew this frame would hold itself,
    and with it the request."""
    call, course = work.call, work.course
    place = call.target.place
    failure, call.failure = _failure_of(error, work), None
    if failure is None:
        breakers.answered(place)
        # What stands in may refuse what the other model could do: that is no mistake of the caller's.
        if course is None:
            return False
        if not course.stands_in(call.target):
            course.error = None
            return False
    if course is None:
        course = work.course = Course(await catalog.current(), call.target, work.caller.project_id)
        course.asked(call.target)
    if failure is not None:
        course.error = error
        if await _passes(work, course, failure):
            return True
        if failure.broken:
            breakers.failed(place)
        else:
            breakers.answered(place)
    while (target := course.next()) is not None:
        if await _turned(request, work, target):
            return True
    return False


def told(work: Work, error: APIError) -> APIError:
    """What the caller is told in the end of a request that does not go on."""
    return error if work.course is None else work.course.final(error)


async def _passes(work: Work, course: Course, failure: Failure) -> bool:
    """Whether the same deployment is asked again; waits until then. One whose breaker is not closed is not: whoever
    tried it has found out."""
    call = work.call
    seconds = course.pause(failure, call.target.place)
    if seconds is None:
        return False
    course.leave()
    await asyncio.sleep(seconds)
    if not course.again(call.target.place):
        return False
    call.turn_to(call.target)
    return True


async def _turned(request: Request, work: Work, target: Target) -> bool:
    """Turns the request to another deployment. Whether it may be made there: another model has policies and limits of
    its own."""
    if target.model != work.call.target.model:
        asked = (work.caller, work.exchange, work.endpoint)
        if not isinstance(request, ModerationRequest) and not await admits_instead(Asked(request, *asked), target):
            return False
        try:
            reservation, prompt, answer = await reserving.reserve(request, work.caller, target)
        except (LimitReached, BudgetSpent):
            return False
        work.reservation.release()
        work.reservation, work.prompt_tokens, work.answer_tokens = reservation, prompt, answer
        work.exchange.headers.update(reservation.headers)
    work.call.turn_to(target)
    work.backend = backend(target.kind)
    work.exchange.facts["model"] = target.model
    work.exchange.facts["upstream"] = target.upstream
    return True


def _failure_of(error: APIError, work: Work) -> Failure | None:
    """What an error says of the deployment; None where it is the caller's fault. Backends that call nobody set none."""
    if work.call.failure is not None:
        return work.call.failure
    if isinstance(error, Overloaded):
        return FULL
    return NOT_USABLE if isinstance(error, UpstreamError) else None
