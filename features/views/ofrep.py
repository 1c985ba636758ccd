"""POST /ofrep/v1/evaluate/flags and /ofrep/v1/evaluate/flags/{key}: flags for any OpenFeature SDK."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import NotFound

from accounts.authentication import principal_of
from accounts.limits.gate import gate
from features.loading import Rulesets
from features.ofrep.answers import Answers, is_current, parse_context
from features.ofrep.authentication import OfrepAuthentication
from features.ofrep.errors import MOST_BYTES, ContextTooLarge, exception_handler
from features.ofrep.offers import Offer, no_streams, offer
from features.ruleset import watch
from features.schema import ofrep as documented
from features.units import withheld
from lukhas_site.http.exchange import exchange_of
from lukhas_site.http.views import AsyncAPIView

JSON = "application/json"


class OfrepView(AsyncAPIView):
    """The base: its callers, and its errors."""

    authentication_classes: Sequence[type[Any]] = (OfrepAuthentication,)
    required_scope = "flags.read"

    def get_exception_handler(self) -> Callable[..., HttpResponse]:
        return exception_handler


class FlagView(OfrepView):
    """Evaluate one flag."""

    @documented.one
    async def post(self, request: HttpRequest, key: str) -> HttpResponse:
        async with asked_within_limits(request) as context:
            answer = answers_to(request, await watch.current()).one(key, context)
        return HttpResponse(answer, content_type=JSON)


class FlagsView(OfrepView):
    """Evaluate all flags."""

    @documented.bulk
    async def post(self, request: HttpRequest) -> HttpResponse:
        async with asked_within_limits(request) as context:
            rulesets = await watch.at_least(known_version(request))
            answers = answers_to(request, rulesets, offer)
            now = datetime.now(UTC)
            headers = {"ETag": answers.etag(context, now), "Cache-Control": "private, no-cache"}
            if is_current(request.headers.get("If-None-Match", ""), headers["ETag"]):
                return HttpResponse(status=304, headers=headers)
            return HttpResponse(answers.all(context, now), content_type=JSON, headers=headers)


class UnknownView(OfrepView):
    """Whatever else begins with /ofrep/."""

    authentication_classes = ()
    permission_classes = ()
    schema = None

    async def get(self, request: HttpRequest, rest: str) -> HttpResponse:
        raise NotFound

    head = post = put = patch = delete = get


@asynccontextmanager
async def asked_within_limits(request: HttpRequest) -> AsyncIterator[dict[str, Any]]:
    """The context of a request, which counts as in flight until this ends. Raises what refuses it."""
    if len(request.body) > MOST_BYTES:
        raise ContextTooLarge
    context = parse_context(request.content_type or "", request.body)
    reservation = await gate.reserve_call(principal_of(request))
    if reservation is None:
        yield context
        return
    exchange_of(request).headers.update(reservation.headers)
    try:
        yield context
    finally:
        reservation.release()


def answers_to(request: HttpRequest, rulesets: Rulesets, offered: Offer = no_streams) -> Answers:
    """The answers that the caller's project sees, with the event streams that go with them."""
    caller = principal_of(request)
    stage = rulesets.of_project(caller.organization_id, caller.project_id)
    project = None if withheld(request.META) else caller.project_id
    return Answers(stage, offered(request, caller, stage.environment), project)


def known_version(request: HttpRequest) -> int:
    """The version that an event told the caller of, as `flagConfigEtag`; 0 where none did."""
    told = request.GET.get("flagConfigEtag", "")
    return int(told) if told.isascii() and told.isdigit() and len(told) < 19 else 0
