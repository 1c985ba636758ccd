"""Where this server may be told to call: http(s) addresses, private networks included, for that is where one's own
servers stand. Never those where clouds hand a machine its credentials."""

import ipaddress
import re
import socket

from django.core.exceptions import ValidationError
from yarl import URL

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Where clouds hand a machine its credentials, besides the link-local networks.
METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog"})
METADATA_ADDRESSES = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "192.0.0.192")))
NAT64 = ipaddress.ip_network("64:ff9b::/96")
IPV4_BITS = 0xFFFF_FFFF


def http_url(value: str) -> URL:
    """Returns the absolute http(s) URL that `value` is. Raises ValidationError where it is none, where it holds
    credentials, and where it leads to where clouds hand out a machine's."""
    if re.search(r"[\s\x00-\x1f\\]", value):
        raise ValidationError("A URL has no spaces, control characters or backslashes.", code="invalid")
    try:
        url = URL(value)
    except ValueError as error:
        raise ValidationError("Not a URL.", code="invalid") from error
    if url.scheme not in ("http", "https"):
        raise ValidationError("The URL must begin with http:// or https://.", code="scheme")
    if "@" in url.raw_authority:
        raise ValidationError("No credentials in the URL.", code="credentials")
    if not url.raw_host or url.port == 0:
        raise ValidationError("The URL needs a host, and a port other than 0.", code="invalid")
    if is_forbidden(url.raw_host):
        raise ValidationError("Link-local and metadata addresses are never called.", code="metadata")
    return url


def is_forbidden(host: str) -> bool:
    """Returns whether a host, a name or an address, must not be called. What a name stands for is not looked up."""
    name = host.rstrip(".").lower()
    if name in METADATA_NAMES:
        return True
    address = _address(name)
    return address is not None and is_forbidden_address(address)


def is_forbidden_address(address: Address) -> bool:
    """Returns whether an address must not be called. One of IPv4 within one of IPv6 is that of IPv4."""
    if isinstance(address, ipaddress.IPv6Address):
        within = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            within = ipaddress.IPv4Address(int(address) & IPV4_BITS)
        address = within or address
    return address.is_link_local or address in METADATA_ADDRESSES


def _address(host: str) -> Address | None:
    """The address that a host stands for without being looked up, in every spelling that the resolver takes:
    `2852039166` and `0xa9.254.0xa9fe` are 169.254.169.254 too."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except OSError:
            return None
