"""The headers of an answer: the application's own, and what every answer has."""

from collections.abc import Iterable
from functools import lru_cache
from time import perf_counter

from lukhas_site.http.exchange import Exchange, HeaderList

_ON_EVERYTHING: HeaderList = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"openai-version", b"2020-10-01"),
]
_CSP = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_HSTS = (b"strict-transport-security", b"max-age=31536000")
_NAMES_OF_OURS = frozenset(name for name, _ in _ON_EVERYTHING) | {
    b"openai-organization",
    b"openai-processing-ms",
    b"x-request-id",
    b"x-trace-id",
}


@lru_cache(maxsize=256)
def _sent_as(header: str) -> bytes:
    """The name of a header as it is sent. Few names come again and again."""
    return header.lower().encode("latin-1")


def of_its_own(given: Iterable[tuple[bytes, bytes]], exchange: Exchange) -> tuple[HeaderList, set[bytes]]:
    """What the application has `given` its answer, and what the exchange adds to it; and the names of all of them."""
    headers: HeaderList = []
    own = set()
    for name, value in given:
        lower = name.lower()
        if lower not in _NAMES_OF_OURS:
            headers.append((lower, value))
            own.add(lower)
    for header, text in exchange.headers.items():
        lower = _sent_as(header)
        if lower not in own:
            headers.append((lower, text.encode("latin-1")))
            own.add(lower)
    if exchange.secret:
        headers = [item for item in headers if item[0] != b"cache-control"]
        headers.append((b"cache-control", b"no-store"))
    return headers, own


def on_everything(own: set[bytes], exchange: Exchange, *, https: bool) -> HeaderList:
    """What every answer has, whoever makes it: security headers, and the ids of the request. `own` are the names of
    those that the answer has already."""
    headers = [*_ON_EVERYTHING]
    if b"content-security-policy" not in own:
        headers.append(_CSP)
    if https:
        headers.append(_HSTS)
    headers.append((b"x-request-id", exchange.request_id.encode()))
    headers.append((b"openai-organization", exchange.organization.encode("latin-1", "replace")))
    headers.append((b"openai-processing-ms", b"%d" % ((perf_counter() - exchange.started) * 1000)))
    if exchange.trace_id is not None:
        headers.append((b"x-trace-id", exchange.trace_id.encode()))
    return headers
