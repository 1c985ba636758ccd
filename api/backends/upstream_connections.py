"""Connections to other servers: one aiohttp session for each event loop, on which all upstreams share a pool."""

import asyncio
import io
import os
from functools import lru_cache
from weakref import WeakKeyDictionary

import aiohttp
import structlog
from aiohttp.http import HttpProcessingError
from django.conf import settings
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from api.catalog import Target
from api.exceptions import UpstreamError

# Shorter than the five seconds after which uvicorn, and so vLLM, closes an idle connection: one that is just being
# closed would fail the next request.
KEEPALIVE_SECONDS = 4.0
# After [DONE] a server ends its answer.
LINGER_SECONDS = 1.0
# aiohttp warns of larger bodies given as bytes, and sends a file in pieces.
LARGE_BODY_BYTES = 2**20

FAILURES = (aiohttp.ClientError, HttpProcessingError, TimeoutError, OSError)
"""What aiohttp raises where an upstream cannot be reached, breaks off or talks no HTTP."""

log = structlog.get_logger(__name__)


class Connections:
    """Posts JSON to upstreams."""

    def __init__(self) -> None:
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pool] = WeakKeyDictionary()

    async def post(self, target: Target, path: str, body: bytes) -> aiohttp.ClientResponse:
        """The upstream's answer once its headers are there, whatever its status; redirects are not followed.

        The caller closes it, or leaves it with `leave`. Raises `UpstreamError` where the variable with the API key is
        not set, and FAILURES.
        """
        return await self._pool().session.post(
            url(target.base_url, path),
            data=body if len(body) <= LARGE_BODY_BYTES else io.BytesIO(body),
            headers=headers(_key(target)),
            allow_redirects=False,
        )

    def leave(self, response: aiohttp.ClientResponse) -> None:
        """Lets a stream that said all it had to say come to its end, so that its connection can be used again; one
        that does not end within a second is closed."""
        if response.connection is not None:
            self._pool().linger(response)

    def _pool(self) -> "_Pool":
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            pool = self._pools[loop] = _Pool(_new_session())
        return pool

    async def close(self) -> None:
        """Closes the connections of the running event loop; a later call opens new ones."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.close()


class _Pool:
    """The connections of one event loop."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self._lingering: set[aiohttp.ClientResponse] = set()

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
        await self.session.close()


def _new_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=settings.LUKHAS_UPSTREAM_CONNECTIONS, keepalive_timeout=KEEPALIVE_SECONDS, ttl_dns_cache=30
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        # No limit in all: a long answer is fine as long as something comes.
        timeout=aiohttp.ClientTimeout(
            total=None,
            connect=settings.LUKHAS_UPSTREAM_CONNECT_SECONDS,
            sock_read=settings.LUKHAS_UPSTREAM_READ_SECONDS,
        ),
    )


@lru_cache(maxsize=256)
def url(base_url: str, path: str) -> URL:
    """Parsed once: yarl keeps on the object what aiohttp asks of it for each request."""
    return URL(f"{base_url}/{path}")


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


def _key(target: Target) -> str:
    """The upstream's API key; empty where it needs none."""
    if not target.api_key_env:
        return ""
    key = os.environ.get(target.api_key_env, "").strip()
    if not key:
        log.error("upstream_key_missing", upstream=target.upstream, variable=target.api_key_env)
        raise UpstreamError
    return key
