"""How OFREP's callers show their key, and those of event streams their ticket."""

import time
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from accounts.authentication import ApiKeyAuthentication, admit, look_up_id, refuse_exposed
from accounts.exceptions import CHALLENGE
from accounts.memo import callers
from accounts.principal import Principal
from features.ofrep.errors import TicketInvalid
from features.ofrep.tickets import Ticket


class OfrepAuthentication(ApiKeyAuthentication):
    """`Authorization: Bearer KEY`, or, where there is no such header, `X-API-Key: KEY`. For async views only."""

    async def authenticate_async(self, request: HttpRequest) -> Principal | None:
        key = request.META.get("HTTP_X_API_KEY")
        if key and not request.META.get("HTTP_AUTHORIZATION"):
            request.META["HTTP_AUTHORIZATION"] = f"Bearer {key}"
        return await super().authenticate_async(request)


class TicketAuthentication(BaseAuthentication):
    """`?token=TICKET`: browsers send no headers with an EventSource. The caller is whose key the ticket was made for.

    Raises NotFound where streams are switched off, KeyExposed, TicketInvalid and OriginNotAllowed. For async views
    only.
    """

    async def authenticate_async(self, request: HttpRequest) -> Principal:
        if not settings.LUKHAS_EVENT_STREAMS:
            raise NotFound
        await refuse_exposed(request)
        ticket = Ticket.read(request.GET.get("token", ""), time.time())
        # No digest of a key is equal to an id: it has no underscore.
        principal = await callers.get(ticket.key, lambda: look_up_id(ticket.key))
        if principal is None:
            raise TicketInvalid
        cast(Any, request).ticket = ticket
        return admit(request, principal, None)

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


def ticket_of(request: HttpRequest) -> Ticket:
    """Returns what TicketAuthentication read."""
    ticket: Ticket = cast(Any, request).ticket
    return ticket
