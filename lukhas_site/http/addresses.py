"""Where a request comes from, as far as that can be believed."""

import ipaddress
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest

from lukhas_site.http.exchange import Scope

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

KEPT_OF_IPV4, KEPT_OF_IPV6 = 24, 48
"""How many bits of an address `truncated` keeps."""
UNIX = "unix"
"""In LUKHAS_TRUSTED_PROXIES: whoever connects through a Unix socket."""
FORWARDING = (b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via")


def client_address(scope: Scope) -> str:
    """Returns the caller's address; empty where a Unix socket has none.

    That is the peer of the connection. Only where it is one of LUKHAS_TRUSTED_PROXIES is X-Forwarded-For read, from its
    end, where the nearest proxy wrote, back to the first address that is not itself of a trusted proxy. What stands
    before that anybody may have made up.
    """
    peer = scope.get("client")
    hops = _trusted(tuple(settings.LUKHAS_TRUSTED_PROXIES))
    known = parsed(peer[0]) if peer else None
    believed = str(known) if known else ""
    if not _is_trusted(known, hops):
        return believed
    for text in reversed(_forwarded_for(scope)):
        address = parsed(text)
        if address is None:
            break
        believed = str(address)
        if not _is_trusted(address, hops):
            break
    return believed


def address_of(request: HttpRequest) -> str:
    """`client_address` of a request."""
    return client_address(scope_of(request))


def scope_of(request: HttpRequest) -> Scope:
    """What tells the address of a request. One that came through no ASGI server (Django's test clients) has its META
    only."""
    scope: Scope | None = getattr(request, "scope", None)
    if scope is None:
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").encode("latin-1")
        scope = {"client": (request.META.get("REMOTE_ADDR", ""), 0), "headers": [(b"x-forwarded-for", forwarded)]}
    return scope


def is_loopback(scope: Scope) -> bool:
    """Whether the request was made on this very machine: by a loopback address, and on nobody else's behalf."""
    peer = scope.get("client")
    address = parsed(peer[0]) if peer else None
    if address is None or not address.is_loopback:
        return False
    return not any(name in FORWARDING for name, _ in scope["headers"])


def bucket(address: str) -> str:
    """What is counted as one caller: an IPv4 address, or the /64 network that an IPv6 host may choose its own in."""
    known = parsed(address)
    if isinstance(known, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((known, 64), strict=False))
    return address


def truncated(address: str) -> str:
    """The network that an address is of, which tells where about somebody is, and not who: /24, or /48 of IPv6."""
    known = parsed(address)
    if known is None:
        return ""
    return str(ipaddress.ip_network((known, KEPT_OF_IPV4 if known.version == 4 else KEPT_OF_IPV6), strict=False))


def parsed(text: str) -> Address | None:
    """The address that a text is, with or without a port; None where it is none. IPv4 within IPv6 becomes IPv4."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def network(text: str) -> Network | None:
    """The network, or the single address, that a text names; None where it is neither."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


@lru_cache(maxsize=8)
def _trusted(proxies: tuple[str, ...]) -> tuple[bool, tuple[Network, ...]]:
    """Whether Unix sockets are trusted, and which networks are."""
    networks = (network(text) for text in proxies)
    return UNIX in proxies, tuple(found for found in networks if found is not None)


def _is_trusted(address: Address | None, trusted: tuple[bool, tuple[Network, ...]]) -> bool:
    unix, networks = trusted
    return unix if address is None else any(address in each for each in networks)


def _forwarded_for(scope: Scope) -> list[str]:
    """The entries of X-Forwarded-For, all of its lines together."""
    lines = (value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for")
    return [entry for line in lines for entry in line.split(",") if entry.strip()]
