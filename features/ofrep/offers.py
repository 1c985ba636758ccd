"""The event streams that an answer of all flags offers: OFREP's `eventStreams`."""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import orjson
from django.conf import settings
from django.http import HttpRequest

from accounts.principal import Principal
from features.ofrep.tickets import Ticket, expiry

PATH = "ofrep/v1/events"
INACTIVITY_SECONDS = 120
"""After so long out of sight, a page closes its stream; the protocol's own default."""

Offer = Callable[[HttpRequest, Principal, str], bytes]
"""Returns the streams for a caller in an environment, as a JSON list; nothing where there are none."""


def offer(request: HttpRequest, caller: Principal, environment: str) -> bytes:
    """The one stream that there is. None where they are switched off, nor for whoever has no key that could end."""
    if not settings.LUKHAS_EVENT_STREAMS or not caller.key_id:
        return b""
    host = request.META.get("HTTP_HOST") or request.get_host()  # the handler has looked whether it is allowed
    script = request.path.removesuffix(request.path_info)
    public = settings.LUKHAS_PUBLIC_URL
    until = expiry(time.time())
    return _written(request.scheme, host, script, public, caller.key_id, caller.organization_id, environment, until)


def no_streams(request: HttpRequest, caller: Principal, environment: str) -> bytes:
    """For answers that offer none."""
    return b""


@lru_cache(maxsize=4096)
def _written(scheme: str | None, host: str, script: str, public: str, *ticket: Any) -> bytes:
    """The URL begins as the caller asked. What speaks TLS in front of this server hides the scheme, which the public
    URL of the same host knows."""
    known = urlsplit(public)
    origin = f"{known.scheme if known.netloc == host else scheme}://{host}"
    url = f"{origin}{script}/{PATH}?token={Ticket(*ticket).written()}"
    return orjson.dumps([{"type": "sse", "url": url, "inactivityDelaySec": INACTIVITY_SECONDS}])
