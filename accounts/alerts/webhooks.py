"""Posting a signed event to a webhook. No redirect is followed, and no address called that must not be: names are
looked up once, and what they stand for is looked at before anything is sent there."""

import asyncio

import aiohttp
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.alerts.messages import event
from accounts.alerts.signing import signatures
from accounts.models.telling import Notice
from lukhas_site.http.destinations import http_url
from lukhas_site.http.resolving import GuardedResolver

SECONDS = 10.0
"""For all of one try, the look-up of the name included."""


class NotTaken(Exception):
    """Why a destination did not take it, in words that hold no secret."""


def post(notice: Notice, url: str) -> None:
    """Posts the event of a notice. Raises NotTaken unless the answer's status is 2xx."""
    now = timezone.now()
    body, timestamp = event(notice), int(now.timestamp())
    headers = {
        "content-type": "application/json",
        "user-agent": "LUKHAS",
        "webhook-id": notice.public_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signatures(notice.alert, notice.public_id, timestamp, body, now),
    }
    try:
        http_url(url)
        status = asyncio.run(_post(url, body, headers))
    except ValidationError as error:
        raise NotTaken(" ".join(error.messages)) from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise NotTaken(f"not reached: {type(error).__name__}") from error
    if not 200 <= status < 300:
        raise NotTaken(f"answered {status}")


async def _post(url: str, body: bytes, headers: dict[str, str]) -> int:
    connector = aiohttp.TCPConnector(resolver=GuardedResolver(), force_close=True)
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
    ):
        return answer.status
