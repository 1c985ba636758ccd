"""POST /api/analytics/events: batches of events, from servers and from pages."""

from collections.abc import Sequence
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse

from accounts.authentication import principal_of
from accounts.limits.gate import gate
from analytics.access import check_query
from analytics.authentication import EventAuthentication
from analytics.envelopes import batch_of
from analytics.reception import received
from lukhas_site.http.exchange import exchange_of
from lukhas_site.http.views import AsyncAPIView


class EventsView(AsyncAPIView):
    """Send events."""

    authentication_classes: Sequence[type[Any]] = (EventAuthentication,)
    required_scope = "events.write"

    async def post(self, request: HttpRequest) -> HttpResponse:
        caller = principal_of(request)
        if request.META.get("QUERY_STRING"):
            check_query(request, caller)
        batch = batch_of(request)
        reservation = await gate.reserve_call(caller)
        if reservation is not None:
            exchange_of(request).headers.update(reservation.headers)
        try:
            answer = await received(request, caller, batch)
        finally:
            if reservation is not None:
                reservation.release()
        return HttpResponse(orjson.dumps(answer), status=202, content_type="application/json")
