"""What of an event may be kept, by the settings in force. Knows no database and no request."""

from typing import Any

from django.conf import settings

from accounts.sessions.devices import browser_of
from analytics.privacy import Redactor
from lukhas_site.http import addresses

MOST_USER_AGENT = 512

_redactors: dict[tuple[str, ...], Redactor] = {}


def redacted(properties: dict[str, Any]) -> dict[str, Any]:
    """Returns the properties of an event as they may be kept: of the same shape, without members whose names
    LUKHAS_FORBIDDEN_PROPERTIES forbids, and with a mark in the place of each e-mail address, phone, card and social
    security number and IP address. Raises nothing."""
    return redactor().redacted(properties)


def redactor() -> Redactor:
    """Returns the one for the settings in force."""
    forbidden = tuple(settings.LUKHAS_FORBIDDEN_PROPERTIES)
    found = _redactors.get(forbidden)
    if found is None:
        _redactors.clear()
        found = _redactors[forbidden] = Redactor(forbidden)
    return found


def truncated(address: str) -> str:
    """Returns the network that an address is of, `192.0.2.0/24`, or /48 of IPv6; empty for what is no address. IPv4
    within IPv6 is IPv4, and a zone (`%eth0`) is left out."""
    return addresses.truncated(address)


def browser_family(user_agent: str) -> str:
    """Returns the family of a browser, `Firefox`, by its User-Agent header; empty where it is none that is known."""
    return browser_of(user_agent[:MOST_USER_AGENT])
