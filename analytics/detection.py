"""Where in a text there are e-mail addresses, IP addresses, social security, card and phone numbers. Pure.

Every pattern is linear in the length of the text: a run of characters is taken whole or not at all (possessive
quantifiers, and none begins in the middle of its run), or it is bounded. The kinds are looked for one after the other,
and what is found is blanked out, so that a later kind finds nothing in it.
"""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from analytics.addresses import Places, ipv4, ipv6
from analytics.numerals import MANY, cards, others, phones, ssns

BLANK = "\0"
"""Stands for what was found: no pattern takes it for a letter, a digit or a separator."""

# Without those characters that RFC 5322 allows and that separate things in URLs and prose. `%40` is how URLs write @.
_ATOM = r"[\w.+\-!#$'*^`{}~]"
_EMAIL = re.compile(
    rf"""(?<!{_ATOM})
    (?:(?:{_ATOM}|%(?!(?:25)?40)[0-9A-Fa-f]{{2}})++|"[^"@]{{1,64}}")
    [ ]?(?:@|%(?:25)?40)[ ]?
    (?:(?:[\w\-]{{1,63}}\.){{1,10}}[^\W\d_][\w\-]{{1,62}}
      |\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?!\.?\d)
      |\[[0-9A-Za-z:.]{{2,64}}\])""",
    re.VERBOSE,
)


class Span(NamedTuple):
    """From `start` up to `end`, not included, stands what becomes `mark`."""

    start: int
    end: int
    mark: str


class Kind(NamedTuple):
    """`hinted` is a cheap look whether `places` is worth asking. Without a mark, what is found stays as it is, and is
    no part of anything else."""

    hinted: Callable[[str], object]
    places: Callable[[str], Places]
    mark: str


def _emails(text: str) -> Places:
    return (found.span() for found in _EMAIL.finditer(text))


KINDS = (
    Kind(lambda text: "@" in text or ("%" in text and "40" in text), _emails, "[EMAIL_REDACTED]"),
    Kind(lambda text: text.count(":") > 1, ipv6, "[IP_REDACTED]"),
    Kind(lambda text: text.count(".") > 2, ipv4, "[IP_REDACTED]"),
    Kind(MANY.search, others, ""),
    Kind(MANY.search, ssns, "[SSN_REDACTED]"),
    Kind(MANY.search, cards, "[CARD_REDACTED]"),
    Kind(MANY.search, phones, "[PHONE_REDACTED]"),
)
_OF_DIGITS = 3
"""From here on they are numbers, for which one look is enough where it finds nothing."""


def detect(text: str) -> list[Span]:
    """Returns what was found in a folded text, in its order; no two overlap."""
    found: list[Span] = []
    for kind in KINDS if MANY.search(text) else KINDS[:_OF_DIGITS]:
        if kind.hinted(text) and (places := list(kind.places(text))):
            text = blanked(text, places)
            if kind.mark:
                found.extend(Span(start, end, kind.mark) for start, end in places)
    return sorted(found)


def blanked(text: str, places: Iterable[tuple[int, int]]) -> str:
    """Returns `text`, as long as it was, without what stands in these places, which are in its order."""
    parts: list[str] = []
    at = 0
    for start, end in places:
        parts += (text[at:start], BLANK * (end - start))
        at = end
    return "".join((*parts, text[at:]))
