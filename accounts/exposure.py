"""Secret keys in URLs: found, refused, and flagged for staff. A key found here is never written anywhere."""

import re
from urllib.parse import parse_qsl, unquote_plus

from django.http import HttpRequest
from django.utils import timezone

from accounts import keys
from accounts.audit.context import Actor, acting, of_request
from accounts.models import ApiKey

OURS = re.compile(r"sk-(?:admin-)?lukhas-[A-Za-z0-9]*")
KEY_PARAMETERS = frozenset({"api_key", "apikey", "api-key", "key", "token", "access_token", "authorization"})
MAX_FLAGGED = 20


def secrets_in(query: str) -> list[str]:
    """Returns what looks like a secret key in a query string: one of ours wherever it stands, and any `sk-…` in a
    parameter made for keys. Publishable keys are no secret."""
    if "sk-" not in query and "%" not in query:
        return []
    found = OURS.findall(unquote_plus(query))
    for name, value in parse_qsl(query, keep_blank_values=True):
        text = value.strip().removeprefix("Bearer ").strip()
        if name.lower() in KEY_PARAMETERS and text.startswith("sk-"):
            found.append(text)
    return list(dict.fromkeys(found))


def flag(request: HttpRequest, tokens: list[str]) -> int:
    """Marks the keys that these texts are, found by their digest, as exposed. Returns how many that is new for."""
    digests = [digest for token in tokens[:MAX_FLAGGED] for digest in keys.digests(token)]
    seen = ApiKey.objects.filter(digest__in=digests, exposed_at__isnull=True)
    if not seen.exists():
        return 0
    where = of_request(request, Actor("anonymous"), "api")
    with acting(where.actor, "api", address=where.address, user_agent=where.user_agent, request_id=where.request_id):
        return seen.update(exposed_at=timezone.now())
