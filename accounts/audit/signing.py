"""Signatures that nobody without SECRET_KEY can make: over the head of a chain and over checkpoints."""

import hmac
from functools import lru_cache

from django.conf import settings
from django.utils.encoding import force_bytes

PURPOSE = b"lukhas.accounts.audit"


@lru_cache(maxsize=16)
def derived_key(secret: str | bytes) -> bytes:
    """Returns the 32 bytes that sign, bound to this purpose."""
    return hmac.digest(force_bytes(secret), PURPOSE, "sha256")


def signature(kind: str, organization: str, count: int, last: str, secret: str | bytes | None = None) -> str:
    """Returns the HMAC-SHA-256, as 64 hexadecimal digits, of the statement that the event at `count` has the hash
    `last`; `kind` keeps a head from passing for a checkpoint."""
    key = derived_key(settings.SECRET_KEY if secret is None else secret)
    return hmac.digest(key, "\n".join((kind, organization, str(count), last)).encode(), "sha256").hex()


def is_signed(given: str, kind: str, organization: str, count: int, last: str) -> bool:
    """Returns whether `given` is such a signature under SECRET_KEY or one of SECRET_KEY_FALLBACKS."""
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return any(hmac.compare_digest(given, signature(kind, organization, count, last, secret)) for secret in secrets)
