"""Texts as a reader sees them: digits of every script, and whatever looks like `@`, a point, a colon, a hyphen or a
space, become the ASCII character; what cannot be seen at all becomes nothing. Pure.
"""

import unicodedata
from typing import NamedTuple

MOST_REMEMBERED = 20_000
"""Characters that are remembered: every script that is in use, and no memory that a caller could fill."""

LOOKALIKES = dict.fromkeys("‐‑‒–—―−⁃˗➖﹘﹣－ー", "-")
LOOKALIKES |= dict.fromkeys("。․·•∙⋅・｡．﹒", ".")
LOOKALIKES |= dict.fromkeys("∶ː꞉﹕：︓", ":")
LOOKALIKES |= dict.fromkeys("⁄∕╱／", "/")
LOOKALIKES |= dict.fromkeys("\t\n\r\v\f\u2028\u2029\u3164\uffa0", " ")
UNSEEN = frozenset({"Mn", "Me", "Cf"})
"""Categories of characters that take up no place of their own: accents that are put on others, joiners, directions."""


class Folded(NamedTuple):
    """`places[n]` is where in the original text the character `n` comes from; None where all are where they were."""

    text: str
    places: list[int] | None


class _Characters(dict[int, int | str | None]):
    """What `str.translate` asks: code point → what it becomes. Filled as it is asked."""

    def __missing__(self, point: int) -> int | str | None:
        becomes = _folded(chr(point))
        found = point if becomes == chr(point) else becomes or None
        if len(self) < MOST_REMEMBERED:
            self[point] = found
        return found


_characters = _Characters()


def fold(text: str) -> Folded:
    """Returns `text` folded. Linear in its length; one of ASCII alone costs nothing but its line ends."""
    folded = text.translate(_characters)
    if len(folded) == len(text) and not _moves(text):
        return Folded(folded, None)
    letters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        becomes = character.translate(_characters)
        letters.append(becomes)
        places.extend([place] * len(becomes))
    return Folded("".join(letters), places)


def _moves(text: str) -> bool:
    """Whether some characters become none, or several: lengths alone do not tell, for one may make up for another."""
    return any(len(becomes) != 1 for becomes in map(_becoming, set(text)))


def _becoming(character: str) -> str:
    return character.translate(_characters)


def _folded(character: str) -> str:
    """What one character becomes: none, one or several."""
    if (seen := LOOKALIKES.get(character)) is not None:
        return seen
    if (digit := unicodedata.digit(character, None)) is not None:
        return str(digit)
    category = unicodedata.category(character)
    if category in UNSEEN:
        return ""
    if category == "Zs":
        return " "
    if category == "Pd":
        return "-"
    plain = unicodedata.normalize("NFKC", character)
    return "".join(_folded(each) for each in plain) if plain not in ("", character) else character
