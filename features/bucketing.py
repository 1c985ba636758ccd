"""Where a caller falls in a split: pure functions of salt, caller and total, the same for ever.

Every algorithm gives a whole number from 0 up to the total, the total excluded. Weights take up that range in their
order. `salt` is the flag's key at first, and is stored, so that neither a rename nor an import moves anyone. Texts are
hashed as UTF-8, with halves of surrogate pairs as they stand, since JSON can carry them.
"""

import math
from collections.abc import Callable, Mapping
from hashlib import md5, sha1, sha256

from mmh3 import mmh3_32_uintdigest

from features.operands import Unreadable
from features.rules import Algorithm

Place = Callable[[str], int]
"""A caller's number, for one salt and one total."""

UNLEASH_VARIANTS_SEED = 86028157
FLAGSMITH_STEPS = 9998
POSTHOG_STEPS = 0xFFFFFFFFFFFFFFF
FNV_PRIME, FNV_OFFSET = 0x01000193, 0x811C9DC5
EXACT = 2**53


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def identity(value: object) -> str:
    """The text that a caller is told apart by: of a text itself, of a number its digits, of true and false the word.

    Raises Unreadable for anything else: an empty text is nobody, and lists and objects have no one way to be written.
    """
    if isinstance(value, str) and value:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) < 2**64:
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() and abs(value) < EXACT else repr(value)
    raise Unreadable("must be a text that is not empty, or a number")


def flagd_v2(salt: str, total: int) -> Place:
    """MurmurHash3, 32 bits, of flag key and caller, multiplied and shifted: flagd's fractional evaluation."""
    prefix = encoded(salt)

    def place(who: str) -> int:
        return (mmh3_32_uintdigest(prefix + who.encode("utf-8", "surrogatepass"), 0) * total) >> 32

    return place


def lukhas_v1(salt: str, total: int) -> Place:
    """The first 32 bits of SHA-256 of `caller:flag`, modulo the total, which was always 100."""
    suffix = encoded(f":{salt}")
    return lambda who: int(sha256(encoded(who) + suffix).hexdigest()[:8], 16) % total


def unleash(salt: str, total: int, seed: int = 0) -> Place:
    """Unleash's gradual rollout; the salt is its group id. Unleash counts from 1, so its number is one more."""
    prefix = encoded(f"{salt}:")
    return lambda who: int(mmh3_32_uintdigest(prefix + encoded(who), seed)) % total


def unleash_variants(salt: str, total: int) -> Place:
    """Unleash's choice of variants: the same with a seed, so that it does not depend on the rollout."""
    return unleash(salt, total, UNLEASH_VARIANTS_SEED)


def flagsmith(salt: str, total: int) -> Place:
    """Flagsmith's percentage; the salt is the id of the segment or feature state, or several with commas."""

    def place(who: str) -> int:
        return flagsmith_steps(f"{salt},{who}" if salt else who) * total // FLAGSMITH_STEPS

    return place


def flagsmith_steps(joined: str) -> int:
    """From 0 to 9997: the end itself is hashed again, with the ids repeated, until it is another number."""
    ids = joined
    while (steps := int(md5(encoded(ids), usedforsecurity=False).hexdigest(), 16) % 9999) == FLAGSMITH_STEPS:
        ids = f"{ids},{joined}"
    return steps


def fnv1a(data: bytes) -> int:
    """FNV-1a, 32 bits."""
    found = FNV_OFFSET
    for byte in data:
        found = ((found ^ byte) * FNV_PRIME) & 0xFFFFFFFF
    return found


def growthbook_v2(salt: str, total: int) -> Place:
    """GrowthBook's hash version 2, in ten-thousandths; the salt is the experiment's seed."""
    prefix = encoded(salt)
    return lambda who: fnv1a(str(fnv1a(prefix + encoded(who))).encode()) % 10_000 * total // 10_000


def launchdarkly(salt: str, total: int) -> Place:
    """60 bits of SHA-1 of `salt.caller`. For LaunchDarkly, the salt is the flag's key, a dot, and the flag's salt."""
    return _sha1(salt, total, "")


def posthog_variants(salt: str, total: int) -> Place:
    """PostHog's choice of variants: the same, with a word after the caller."""
    return _sha1(salt, total, "variant")


def _sha1(salt: str, total: int, suffix: str) -> Place:
    prefix, end = encoded(f"{salt}."), suffix.encode()

    def place(who: str) -> int:
        steps = int(sha1(prefix + encoded(who) + end, usedforsecurity=False).hexdigest()[:15], 16)
        return min(steps * total // POSTHOG_STEPS, total - 1)

    return place


PLACES: Mapping[Algorithm, Callable[[str, int], Place]] = {
    "flagd-v2": flagd_v2,
    "lukhas-v1": lukhas_v1,
    "unleash": unleash,
    "unleash-variants": unleash_variants,
    "flagsmith": flagsmith,
    "growthbook-v2": growthbook_v2,
    "launchdarkly": launchdarkly,
    "posthog": launchdarkly,
    "posthog-variants": posthog_variants,
}
