"""Connections to other servers: in each event loop a pool for every upstream, so that one which hangs, and holds all of
its own, keeps no other from being asked."""

import asyncio
import io
from dataclasses import dataclass
from functools import lru_cache
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.http import HttpProcessingError
from django.conf import settings
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from api.backends.upstream_keys import key_of
from api.catalog import Limits, Target
from lukhas_site.http.destinations import is_forbidden
from lukhas_site.http.resolving import ForbiddenDestination, GuardedResolver

# Shorter than the five seconds after which uvicorn, and so vLLM, closes an idle connection: one that is just being
# closed would fail the next request.
KEEPALIVE_SECONDS = 4.0
# After [DONE] a server ends its answer.
LINGER_SECONDS = 1.0
# aiohttp warns of larger bodies given as bytes, and sends a file in pieces.
LARGE_BODY_BYTES = 2**20

FAILURES = (aiohttp.ClientError, HttpProcessingError, TimeoutError, OSError)
"""What aiohttp raises where an upstream cannot be reached, breaks off or talks no HTTP."""


class Connections:
    """Posts JSON to upstreams."""

    def __init__(self) -> None:
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pool] = WeakKeyDictionary()

    async def post(
        self, lane: "Lane", target: Target, path: str, body: bytes, *, stream: bool = False
    ) -> aiohttp.ClientResponse:
        """The upstream's answer once its headers are there, whatever its status; redirects are not followed. `lane` is
        that of the target.

        The caller closes it, or leaves it with `leave`. Raises `UpstreamError` where the variable with the API key is
        not set, and FAILURES.
        """
        return await lane.session.post(
            url(target.base_url, path),
            data=body if len(body) <= LARGE_BODY_BYTES else io.BytesIO(body),
            headers=headers(key_of(target)),
            allow_redirects=False,
            timeout=lane.stream if stream else lane.whole,
        )

    def lane(self, target: Target) -> "Lane":
        """The connections of this upstream, and how long they wait."""
        return self._pool().lane(target)

    def leave(self, response: aiohttp.ClientResponse) -> None:
        """Lets a stream that said all it had to say come to its end, so that its connection can be used again; one
        that does not end within a second is closed."""
        if response.connection is not None:
            self._pool().linger(response)

    def _pool(self) -> "_Pool":
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            pool = self._pools[loop] = _Pool()
        return pool

    async def close(self) -> None:
        """Closes the connections of the running event loop; a later call opens new ones."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.close()


@dataclass(frozen=True, slots=True)
class Lane:
    """The connections of one upstream in one event loop. A stream has `first` seconds until its first event, and then
    `silence` between two pieces; an answer has `total` in all.

    That is looked at whenever a piece comes: a timer for each would cost every request more than looking does, and
    whatever is silent has its own limit.
    """

    limits: Limits
    session: aiohttp.ClientSession
    whole: aiohttp.ClientTimeout
    stream: aiohttp.ClientTimeout
    first: float
    silence: float
    total: float

    def begun(self, response: aiohttp.ClientResponse) -> None:
        """From now on the stream may be silent for as long as one that has begun."""
        connection = response.connection
        if self.first > self.silence and connection is not None and connection.protocol is not None:
            connection.protocol.read_timeout = self.silence
            connection.protocol.start_timeout()


class _Pool:
    """The connections of one event loop."""

    def __init__(self) -> None:
        self._lanes: dict[str, Lane] = {}
        self._former: list[Lane] = []
        self._lingering: set[aiohttp.ClientResponse] = set()

    def lane(self, target: Target) -> Lane:
        """That of an upstream whose limits were changed is a new one. The former one is left to the requests that are
        under way on it, and its connections close when they are idle."""
        lane = self._lanes.get(target.upstream)
        if lane is None or (lane.limits is not target.limits and lane.limits != target.limits):
            if lane is not None:
                self._former.append(lane)
            lane = self._lanes[target.upstream] = _new_lane(target.limits)
        return lane

    def linger(self, response: aiohttp.ClientResponse) -> None:
        self._lingering.add(response)
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._end, response)

    def _end(self, response: aiohttp.ClientResponse) -> None:
        """Does nothing to a response that ended by itself: its connection is in the pool again."""
        self._lingering.discard(response)
        response.close()

    async def close(self) -> None:
        for response in list(self._lingering):
            self._end(response)
        for lane in (*self._lanes.values(), *self._former):
            await lane.session.close()


def _new_lane(limits: Limits) -> Lane:
    total = limits.whole or settings.LUKHAS_UPSTREAM_WHOLE_SECONDS
    first = min(limits.first or settings.LUKHAS_UPSTREAM_FIRST_SECONDS, total)
    silence = min(limits.silence or settings.LUKHAS_UPSTREAM_READ_SECONDS, total)
    connect = limits.connect or settings.LUKHAS_UPSTREAM_CONNECT_SECONDS
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=limits.connections or settings.LUKHAS_UPSTREAM_CONNECTIONS,
            keepalive_timeout=KEEPALIVE_SECONDS,
            ttl_dns_cache=30,
            resolver=GuardedResolver(),
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )
    whole = aiohttp.ClientTimeout(total=None, connect=connect, sock_read=first)
    stream = aiohttp.ClientTimeout(total=None, connect=connect, sock_read=max(first, silence))
    return Lane(limits, session, whole, stream, first, silence, total)


@lru_cache(maxsize=256)
def url(base_url: str, path: str) -> URL:
    """Parsed once: yarl keeps on the object what aiohttp asks of it for each request.

    Raises ForbiddenDestination for an address that is never called, however it came to be stored: aiohttp's resolver
    is asked about names only.
    """
    found = URL(f"{base_url}/{path}")
    if is_forbidden(found.raw_host or ""):
        raise ForbiddenDestination("an address that is never called")
    return found


@lru_cache(maxsize=256)
def headers(key: str) -> CIMultiDictProxy[str]:
    """What each request to an upstream says. Its answer comes uncompressed, so that its bytes can be passed on."""
    fixed = CIMultiDict(
        {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "Accept-Encoding": "identity",
            "User-Agent": f"lukhas/{settings.LUKHAS_VERSION}",
        }
    )
    if key:
        fixed["Authorization"] = f"Bearer {key}"
    return CIMultiDictProxy(fixed)
