"""Session tokens as text: how one is made, and what is stored of it. As with API keys, only a keyed digest is.

The digest is bound to a purpose of its own: a stored session can never pass for a stored key, nor the other way round.
"""

import hmac
from functools import lru_cache

from django.conf import settings
from django.utils.encoding import force_bytes

from accounts.publicids import random_text

PREFIX = "st-lukhas-"
RANDOM_CHARACTERS = 43
"""62 ** 43 is more than 2 ** 256."""
PURPOSE = b"lukhas.accounts.sessions"


def generate() -> str:
    """Returns a new token in the clear: a prefix that secret scanners can find, and 256 random bits."""
    return f"{PREFIX}{random_text(RANDOM_CHARACTERS)}"


@lru_cache(maxsize=16)
def derived_key(secret: str | bytes) -> bytes:
    """Returns the 32 bytes that key the digest, bound to this purpose."""
    return hmac.digest(force_bytes(secret), PURPOSE, "sha256")


def digest(token: str, secret: str | bytes | None = None) -> str:
    """Returns the keyed SHA-256 of `token` as 64 hexadecimal digits, under `secret` or else settings.SECRET_KEY."""
    key = derived_key(settings.SECRET_KEY if secret is None else secret)
    return hmac.digest(key, token.encode("utf-8", "surrogatepass"), "sha256").hex()


def digests(token: str) -> list[str]:
    """Returns every digest under which `token` may be stored, that of the current SECRET_KEY first."""
    return [digest(token), *(digest(token, secret) for secret in settings.SECRET_KEY_FALLBACKS)]
