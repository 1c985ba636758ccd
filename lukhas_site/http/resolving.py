"""Looking up the names of servers that this one is told to call, without the addresses that are never called."""

import ipaddress
import socket

import aiohttp
from aiohttp.abc import ResolveResult

from lukhas_site.http.destinations import is_forbidden_address


class ForbiddenDestination(OSError):
    """A name stands for nothing but addresses that are never called."""


class GuardedResolver(aiohttp.ThreadedResolver):
    """The system's, without the addresses that must not be called. A connection is made to what it returns, so that a
    name cannot stand for something else by then."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises OSError where there is no such name, and ForbiddenDestination where nothing is left."""
        found = await super().resolve(host, port, family)
        kept = [
            each for each in found if not is_forbidden_address(ipaddress.ip_address(each["host"].partition("%")[0]))
        ]
        if not kept:
            raise ForbiddenDestination("an address that is never called")
        return kept
