"""What may stand in the catalog, for the admin and the management commands alike."""

import ipaddress
import re
import socket

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from yarl import URL

model_id = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]*\Z", "Letters, digits and . _ : / @ + - only, beginning with a letter or digit."
)
_variable_name = RegexValidator(r"^[A-Za-z_][A-Za-z0-9_]*\Z", "The name of an environment variable, not its value.")

# This server's own secrets: as an upstream's key they would be sent to that upstream.
OWN_VARIABLES = frozenset({"SECRET_KEY", "DATABASE_URL", "REDIS_URL"})
OWN_PREFIX = "LUKHAS_"

# Where clouds hand a machine its credentials, besides the link-local networks.
METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog"})
METADATA_ADDRESSES = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "192.0.0.192")))


def key_variable(name: str) -> None:
    """Raises ValidationError unless `name` can name an environment variable, and not one of this server's own."""
    _variable_name(name)
    if name.upper() in OWN_VARIABLES or name.upper().startswith(OWN_PREFIX):
        raise ValidationError(f"{name} is a setting of this server and is never sent to an upstream.", code="own")


def base_url(value: str) -> None:
    """Raises ValidationError unless `value` is an absolute http(s) URL that may be called with a key.

    Private networks are allowed, for that is where model servers stand. Credentials, query, fragment, and addresses
    where clouds hand out a machine's credentials are not.
    """
    if re.search(r"[\s\x00-\x1f\\]", value):
        raise ValidationError("A URL has no spaces, control characters or backslashes.", code="invalid")
    try:
        url = URL(value)
    except ValueError as error:
        raise ValidationError("Not a URL.", code="invalid") from error
    if url.scheme not in ("http", "https"):
        raise ValidationError("The URL must begin with http:// or https://.", code="scheme")
    if "@" in url.raw_authority:
        raise ValidationError("No credentials in the URL: name a variable that holds the API key.", code="credentials")
    if not url.raw_host or url.port == 0:
        raise ValidationError("The URL needs a host, and a port other than 0.", code="invalid")
    if "?" in value or "#" in value:
        raise ValidationError("The URL ends with its path: no query, no fragment.", code="invalid")
    if _is_metadata(url.raw_host):
        raise ValidationError("Link-local and metadata addresses cannot be upstreams.", code="metadata")


def _is_metadata(host: str) -> bool:
    name = host.rstrip(".").lower()
    if name in METADATA_NAMES:
        return True
    address = _address(name)
    return address is not None and (address.is_link_local or address in METADATA_ADDRESSES)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host stands for without being looked up, in every spelling that the resolver takes:
    `2852039166` and `0xa9.254.0xa9fe` are 169.254.169.254 too."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except OSError:
            return None
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or address
    return address
