"""API keys as text: how one is made, what is stored of it, and how it is shown.

A key is random enough that a fast hash protects it at rest; the hash is keyed, so that a stolen database alone does
not even let a guess be tried. A key is found by its whole digest, never by its prefix.
"""

import hmac
from functools import lru_cache

from django.conf import settings
from django.utils.encoding import force_bytes

from accounts.publicids import random_text

PROJECT_PREFIX = "sk-lukhas-"
ADMIN_PREFIX = "sk-admin-lukhas-"
PUBLISHABLE_PREFIX = "pk-lukhas-"
RANDOM_CHARACTERS = 43
"""62 ** 43 is more than 2 ** 256."""
MIN_LENGTH = 8
"""Shorter tokens are refused before any look-up."""
MASKABLE_LENGTH = 16
"""Shorter tokens are not shown even in part: nine characters would be most of them."""
SHOWN_OF_RANDOM = 4
PURPOSE = b"lukhas.accounts.keys"


def generate(*, admin: bool = False, publishable: bool = False) -> str:
    """Returns a new key in the clear: a prefix that secret scanners can find, and 256 random bits."""
    prefix = ADMIN_PREFIX if admin else PUBLISHABLE_PREFIX if publishable else PROJECT_PREFIX
    return f"{prefix}{random_text(RANDOM_CHARACTERS)}"


@lru_cache(maxsize=16)
def derived_key(secret: str | bytes, purpose: bytes = PURPOSE) -> bytes:
    """Returns the 32 bytes that key the digest, bound to a purpose, so that no other use of `secret` shares them."""
    return hmac.digest(force_bytes(secret), purpose, "sha256")


def digest(token: str, secret: str | bytes | None = None, purpose: bytes = PURPOSE) -> str:
    """Returns the keyed SHA-256 of `token` as 64 hexadecimal digits, under `secret` or else settings.SECRET_KEY.

    Any text has a digest, lone surrogates included: what callers send is not ours to choose.
    """
    key = derived_key(settings.SECRET_KEY if secret is None else secret, purpose)
    return hmac.digest(key, token.encode("utf-8", "surrogatepass"), "sha256").hex()


def digests(token: str, purpose: bytes = PURPOSE) -> list[str]:
    """Returns every digest under which `token` may be stored, that of the current SECRET_KEY first, then one for
    each of SECRET_KEY_FALLBACKS."""
    return [digest(token, secret, purpose) for secret in (None, *settings.SECRET_KEY_FALLBACKS)]


def shown_prefix(token: str) -> str:
    """Returns what may be kept in the clear of the start of one of our own keys: its prefix and four characters."""
    brands = (ADMIN_PREFIX, PUBLISHABLE_PREFIX)
    brand = next((prefix for prefix in brands if token.startswith(prefix)), PROJECT_PREFIX)
    return token[: len(brand) + SHOWN_OF_RANDOM]


def masked(token: str) -> str:
    """Returns `token` as an error message may show it: `sk-ab***wxyz`, or `***` when it is too short for that."""
    return "***" if len(token) < MASKABLE_LENGTH else f"{token[:5]}***{token[-4:]}"
