"""How often somebody may ask: one address, for what needs no key and for signing in; one key or session, for what
stands under /api.

django-ratelimit counts, in fixed windows and through `get_usage`: its decorator would answer 403. All of it comes
before any view, and so before a key or a session is looked up.
"""

import hashlib
from collections.abc import Mapping

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest
from django_ratelimit.core import get_usage
from redis.exceptions import RedisError
from rest_framework.exceptions import Throttled

from lukhas_site.http.addresses import bucket, client_address
from lukhas_site.http.exchange import KEY, Exchange, Scope

log = structlog.get_logger(__name__)

Usage = Mapping[str, int]
REFUSED = 401
PERSON = b"st-lukhas-"
"""How the token of a session begins: people have no key whose limits would hold."""


async def guard(scope: Scope) -> None:
    """Counts a request to one of LUKHAS_GUARDED_PATHS, or under one of LUKHAS_GUARDED_PREFIXES, and tells the caller
    how many are left.

    Raises Throttled where they are used up. Where the counts cannot be reached, everybody is let in: wrong passwords
    are counted in the database too, and the pages are no secret.
    """
    setting, by_credential = guarded(scope)
    if not setting:
        return
    address = f"address {bucket(client_address(scope))}"
    shown = credential(scope) if by_credential else None
    usage = None if shown is None else await used(address, setting, increment=False)
    if usage is None or not usage["should_limit"]:
        usage = await used(shown or address, setting)
    if usage is None:
        return
    exchange: Exchange = scope[KEY]
    exchange.headers["X-RateLimit-Limit"] = str(usage["limit"])
    exchange.headers["X-RateLimit-Remaining"] = str(max(0, usage["limit"] - usage["count"]))
    if usage["should_limit"]:
        raise Throttled(wait=max(1, usage["time_left"]))


async def guard_refused(scope: Scope) -> None:
    """Counts a request that was answered with 401, although it showed a credential, for its address: who makes up one
    credential after the other is one caller."""
    exchange: Exchange = scope[KEY]
    if exchange.status != REFUSED:
        return
    setting, by_credential = guarded(scope)
    if setting and by_credential and credential(scope) is not None:
        await used(f"address {bucket(client_address(scope))}", setting)


def guarded(scope: Scope) -> tuple[str, bool]:
    """The setting with the rate that holds for a request, empty for none, and whether a credential is counted by
    itself. What LUKHAS_GUARDED_PATHS says of a path goes before its prefix; but where it says that there is none,
    that is for keys, and not for sessions."""
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    rate, methods = settings.LUKHAS_GUARDED_PATHS.get(path, (None, None))
    if rate is not None and (methods is None or scope["method"] in methods) and (rate or not of_a_session(scope)):
        return rate, False
    for prefix, rate in settings.LUKHAS_GUARDED_PREFIXES.items():
        if path.startswith(prefix):
            return rate, True
    return "", False


def of_a_session(scope: Scope) -> bool:
    """Whether what is in the Authorization header looks like the token of a session."""
    return any(name == b"authorization" and PERSON in value for name, value in scope["headers"])


def credential(scope: Scope) -> str | None:
    """A digest of the token in the Authorization header, None where there is none. The counts hold no secret.

    Of the token alone: one that is sent with more spaces, or another way to write `Bearer`, is the same one.
    """
    header = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    words: list[bytes] = header.split()
    return f"credential {hashlib.sha256(words[-1]).hexdigest()}" if words else None


async def used(caller: str, setting: str, *, increment: bool = True) -> Usage | None:
    """What this caller has used of the rate, this request included where it is to `increment`; None where that cannot
    be told."""
    return await sync_to_async(_counted, thread_sensitive=False)(caller, setting, increment)


def _counted(caller: str, setting: str, increment: bool) -> Usage | None:
    try:
        return count(caller, setting, increment=increment)
    except (RedisError, OSError) as error:
        log.warning("guard_without_counts", error=type(error).__name__)
        return None


def count(caller: str, setting: str, *, increment: bool = True) -> Usage:
    """Returns django-ratelimit's usage: count, limit, should_limit, time_left.

    All paths with the same setting are counted together.
    """
    usage: Usage = get_usage(
        HttpRequest(),
        group=setting,
        key=lambda group, request: caller,
        rate=getattr(settings, setting),
        increment=increment,
    )
    return usage
