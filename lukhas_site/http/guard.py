"""How often one address may ask for what needs no key: the docs pages, and signing in.

django-ratelimit counts, in fixed windows and through `get_usage`: its decorator would answer 403.
"""

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


async def guard(scope: Scope) -> None:
    """Counts a request to one of LUKHAS_GUARDED_PATHS, and tells the caller how many are left.

    Raises Throttled where they are used up. Where the counts cannot be reached, everybody is let in: wrong passwords
    are counted in the database too, and the pages are no secret.
    """
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    rate, methods = settings.LUKHAS_GUARDED_PATHS.get(path, ("", None))
    if not rate or (methods is not None and scope["method"] not in methods):
        return
    try:
        usage = await sync_to_async(count, thread_sensitive=False)(client_address(scope), rate)
    except (RedisError, OSError) as error:
        log.warning("guard_without_counts", error=type(error).__name__)
        return
    exchange: Exchange = scope[KEY]
    exchange.headers["X-RateLimit-Limit"] = str(usage["limit"])
    exchange.headers["X-RateLimit-Remaining"] = str(max(0, usage["limit"] - usage["count"]))
    if usage["should_limit"]:
        raise Throttled(wait=max(1, usage["time_left"]))


def count(address: str, setting: str) -> Mapping[str, int]:
    """One request more from this address. Returns django-ratelimit's usage: count, limit, should_limit, time_left.

    All paths with the same setting are counted together.
    """
    usage: Mapping[str, int] = get_usage(
        HttpRequest(),
        group=setting,
        key=lambda group, request: bucket(address),
        rate=getattr(settings, setting),
        increment=True,
    )
    return usage
