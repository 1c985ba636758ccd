"""Cross-origin requests (the Fetch standard's CORS protocol): who may ask from a browser, and what it may read.

Callers show a key, never a cookie, so Access-Control-Allow-Credentials is never sent.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

from lukhas_site.http.exchange import HeaderList

_METHODS = b"GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"
# Two hours: no browser keeps a preflight's answer for longer.
_MAX_AGE = b"7200"
_ALLOWED = frozenset(
    {
        "accept",
        "authorization",
        "content-encoding",
        "content-type",
        "idempotency-key",
        "if-none-match",
        "traceparent",
        "tracestate",
        "x-api-key",
        "x-client-request-id",
    }
)
_ALLOWED_PREFIXES = ("openai-", "x-stainless-", "x-lukhas-")
_EXPOSED = frozenset({b"etag", b"location", b"retry-after", b"retry-after-ms", b"www-authenticate"})
_EXPOSED_PREFIXES = (b"x-", b"openai-")


Pages = Callable[[], Awaitable[Collection[bytes]]]
"""Tells the origins of pages that may call the public paths, at this moment. It raises nothing, and is quick."""


async def no_pages() -> Collection[bytes]:
    return ()


class Cors:
    """The origins that browsers may call from: `scheme://host[:port]` each, or `*` for any.

    Those that `pages` tells may call the `public` paths, which are known by how they begin.
    """

    def __init__(self, allowed_origins: Sequence[str], public: Sequence[str] = (), pages: Pages = no_pages) -> None:
        self.any = "*" in allowed_origins
        self.origins = frozenset(origin.rstrip("/").encode() for origin in allowed_origins)
        self.public = tuple(public)
        self.pages = pages

    async def admits(self, origin: bytes | None, path: str) -> bool:
        """Returns whether a page of `origin` may call `path`."""
        if origin is None or self.any or origin in self.origins:
            return origin is not None
        return path.startswith(self.public) and origin in await self.pages()

    async def admit(self, origin: bytes | None, path: str, headers: Iterable[tuple[bytes, bytes]]) -> HeaderList:
        """What to add to the answer to a request from `origin`, whose headers (names in lower case) are given.

        Nothing where the origin is not allowed. An answer that depends on the origin says so with Vary, also to
        callers without one, or a shared cache would hand them the wrong one.
        """
        if not (self.origins or path.startswith(self.public)):
            return []
        added: HeaderList = [] if self.any else [(b"vary", b"Origin")]
        if origin is not None and await self.admits(origin, path):
            exposed = sorted({name for name, _ in headers if name in _EXPOSED or name.startswith(_EXPOSED_PREFIXES)})
            added.append((b"access-control-allow-origin", b"*" if self.any else origin))
            added.append((b"access-control-expose-headers", b", ".join(exposed)))
        return added

    async def preflight(self, origin: bytes, path: str, requested: bytes) -> HeaderList:
        """What to add to the answer to a preflight; `requested` is its Access-Control-Request-Headers."""
        if not await self.admits(origin, path):
            return []
        names = (name.strip().lower() for name in requested.decode("latin-1").split(","))
        allowed = [name for name in names if name in _ALLOWED or name.startswith(_ALLOWED_PREFIXES)]
        return [
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", ", ".join(allowed).encode("latin-1")),
            (b"access-control-max-age", _MAX_AGE),
        ]
