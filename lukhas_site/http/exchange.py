"""One request and its answer, as every layer sees them: from the edge down to the view, and back to the log line."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter, time_ns
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
HeaderList = list[tuple[bytes, bytes]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

KEY = "lukhas"


@dataclass(slots=True)
class Exchange:
    """What is known about one request while it is answered.

    `started` is a reading of `perf_counter`, in seconds. `organization` is sent as the openai-organization header.
    `secret` marks an answer that holds a secret: it is never compressed and never stored. `headers` are added to
    the answer, whoever makes it, unless it has its own of that name. `facts` are added to the log line: never
    bodies, never secrets. `done` says that all of the answer was sent, `gone` that the caller hung up before.
    `status` is that of the answer, 499 when the caller hung up first, 0 until it is known. `crash` is what nobody
    expected: whoever turns it into a 500 leaves it here, and the edge logs it, with its traceback, once. `recorded`
    says that what the request used is on record, whatever becomes of its answer.
    """

    request_id: str
    method: str
    path: str
    started: float
    organization: str
    client_request_id: str | None = None
    trace_id: str | None = None
    route: str | None = None
    secret: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    facts: dict[str, object] = field(default_factory=dict)
    status: int = 0
    done: bool = False
    gone: bool = False
    crash: BaseException | None = None
    recorded: bool = False


def begin(method: str, path: str) -> Exchange:
    """A new exchange with a request id of its own, its clock started now.

    The id begins with the time, in milliseconds, and has 80 random bits: an index of very many of them grows at its
    end, which costs a fraction of growing everywhere.
    """
    return Exchange(
        request_id=f"req_{time_ns() // 1_000_000:012x}{secrets.token_hex(10)}",
        method=method,
        path=path,
        started=perf_counter(),
        organization=settings.LUKHAS_ORGANIZATION,
    )


def exchange_of(request: HttpRequest | Request) -> Exchange:
    """The exchange that the edge began for this request.

    A request that did not come through the edge (Django's test clients) gets one of its own, kept with it.
    """
    bag: dict[str, Any] | None = getattr(request, "scope", None)
    if bag is None:
        bag = request.META
    exchange: Exchange | None = bag.get(KEY)
    if exchange is None:
        exchange = bag[KEY] = begin(request.method or "", request.path)
    return exchange
