"""Origins as browsers send them: `https://app.example.com`, the whole of an Origin header (RFC 6454)."""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

FORM = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
DEFAULT_PORTS = {"http": 80, "https": 443}


def exact_origins(origins: object) -> None:
    """Raises ValidationError unless `origins` is a list of origins, each once and just as a browser writes it.

    There are no wildcards. A browser writes lower case, no path, and no port that is the scheme's own.
    """
    if not isinstance(origins, list) or not all(isinstance(origin, str) for origin in origins):
        raise ValidationError("Origins are a list of texts.", code="not_a_list")
    for origin in origins:
        if not is_exact(origin):
            raise ValidationError(
                f"Not an origin: {origin}. Write it as browsers do, for example https://app.example.com.",
                code="not_an_origin",
            )
    if len(set(origins)) != len(origins):
        raise ValidationError("An origin is listed twice.", code="duplicate_origin")


def is_exact(origin: str) -> bool:
    """Returns whether a browser could send `origin` as an Origin header of a page on the web."""
    if FORM.fullmatch(origin) is None:
        return False
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return False
    return port is None or (0 < port < 65_536 and port != DEFAULT_PORTS[parts.scheme])


def admits(origins: Collection[str], origin: str | None) -> bool:
    """Returns whether a request that says it comes from `origin` may use a key that holds for `origins`."""
    return origin is not None and origin in origins
