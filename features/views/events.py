"""GET /ofrep/v1/events: a stream of server-sent events, whose URL an answer of all flags tells."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.authentication import principal_of
from accounts.limits.gate import gate
from features.ofrep.authentication import TicketAuthentication, ticket_of
from features.ofrep.streams import streams
from features.schema import ofrep_events as documented
from features.views.ofrep import OfrepView
from lukhas_site.http.exchange import exchange_of
from lukhas_site.http.sse import EventStream


class EventsView(OfrepView):
    """Be told when flags change."""

    authentication_classes = (TicketAuthentication,)

    @documented.events
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = principal_of(request)
        reservation = await gate.reserve_call(caller)
        if reservation is not None:  # opening it is a request; being open is none that is in flight
            exchange_of(request).headers.update(reservation.headers)
            reservation.release()

        def failed(error: Exception) -> bytes:
            exchange_of(request).crash = error
            return b": The server failed.\n\n"

        events = streams.follow(ticket_of(request), caller, request.headers.get("Last-Event-ID", ""))
        return await EventStream.start(events, on_error=failed)
