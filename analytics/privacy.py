"""Properties of an event without what tells who somebody is. Pure; `analytics.redacting` knows the settings.

What is left is of the same shape: objects stay objects, lists stay lists, in their order. Size and depth are bounded,
so that what is stored of one event is, too.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from analytics.detection import detect
from analytics.folding import Folded, fold
from analytics.numerals import is_card

MOST_DEEP = 8
"""Objects and lists within each other; what lies deeper is `[TOO_DEEP]`."""
MOST_VALUES = 1000
"""Values of one event, those in lists and objects included; the rest is left out."""
MOST_TEXT = 8192
"""Characters of one text; what is longer is cut, and then loses the characters in which the cut may have split
something."""
MOST_SPLIT = 320
TOO_DEEP = "[TOO_DEEP]"
CARD = "[CARD_REDACTED]"
SHORTEST = 3
"""Characters of the shortest of all that is looked for: the address `::1`."""
FEWEST_OF_CARD = 10**12
MOST_NAME = 128
NAMES_REMEMBERED = 4096

# Instants, as programs write them, are the most frequent of what has digits.
_is_instant = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
).fullmatch
_worth_looking = re.compile("[0-9@\x80-\U0010ffff]").search


def plain_name(name: str) -> str:
    """Returns a name as it is compared: `E-Mail`, `e_mail` and `EMAIL` are one."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(filter(str.isalnum, folded))


def redacted_text(text: str) -> str:
    """Returns a text in which only what was found is replaced."""
    long = len(text) > MOST_TEXT
    if long:
        text = text[:MOST_TEXT]
    if (_worth_looking(text) or text.count(":") > 1) and not _is_instant(text):
        text = _replaced(text)
    return text[:-MOST_SPLIT] if long else text


def _replaced(text: str) -> str:
    folded = Folded(text, None) if text.isascii() and text.isprintable() else fold(text)
    parts: list[str] = []
    at = 0
    for start, end, mark in detect(folded.text):
        first, last = (start, end) if folded.places is None else (folded.places[start], folded.places[end - 1] + 1)
        parts += (text[at:first], mark)
        at = last
    return "".join((*parts, text[at:]))


class Redactor:
    """Redacts, and drops the members of objects that have one of the forbidden names."""

    def __init__(self, forbidden: Iterable[str]) -> None:
        self.forbidden = frozenset(map(plain_name, forbidden))
        self._remembered = lru_cache(maxsize=NAMES_REMEMBERED)(self._kept_name)

    def redacted(self, properties: dict[str, Any]) -> dict[str, Any]:
        """Returns the properties, given as JSON, as they may be kept. They are not changed themselves. Raises nothing.

        Of names that become the same, the last one's value is kept.
        """
        return self._object(properties, 1, [MOST_VALUES])

    def _object(self, members: dict[str, Any], depth: int, left: list[int]) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name, value in members.items():
            known = self._remembered(name) if len(name) <= MOST_NAME else self._kept_name(name)
            if known is None:
                continue
            left[0] -= 1
            if left[0] < 0:
                break
            kept[known] = self._value(value, depth, left)
        return kept

    def _value(self, value: Any, depth: int, left: list[int]) -> Any:
        if isinstance(value, str):
            return value if len(value) < SHORTEST and value.isascii() else redacted_text(value)
        if isinstance(value, dict):
            return self._object(value, depth + 1, left) if depth < MOST_DEEP else TOO_DEEP
        if isinstance(value, list):
            return self._list(value, depth + 1, left) if depth < MOST_DEEP else TOO_DEEP
        if isinstance(value, int) and value >= FEWEST_OF_CARD and is_card(str(value)):
            return CARD
        return value

    def _list(self, values: list[Any], depth: int, left: list[int]) -> list[Any]:
        kept = []
        for value in values:
            left[0] -= 1
            if left[0] < 0:
                break
            kept.append(self._value(value, depth, left))
        return kept

    def _kept_name(self, name: str) -> str | None:
        """A name as it may be kept: redacted and cut; None where it is forbidden."""
        if plain_name(name[:MOST_NAME]) in self.forbidden:
            return None
        return redacted_text(name)[:MOST_NAME]
