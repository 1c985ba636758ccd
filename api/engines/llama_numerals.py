"""GBNF expressions for numbers between bounds, and for the string formats that OpenAI's structured outputs name."""

from collections.abc import Iterator
from math import ceil, floor

LARGEST = 10**15 - 1
"""No integer is written with more digits: every JSON reader holds these exactly."""
LARGEST_DECIMAL = 10**9 - 1
"""With this much before its point and six digits behind, no decimal is rounded to another integer when it is read."""

_FRACTION = '("." [0-9]{1,6})?'

_DIGITS_2 = '([0-1] [0-9] | "2" [0-3])'
_SIXTY = "[0-5] [0-9]"
_DATE = (
    '[1-9] [0-9]{3} "-" (("0" [13578] | "1" [02]) "-" ("0" [1-9] | [12] [0-9] | "3" [01])'
    ' | ("0" [469] | "11") "-" ("0" [1-9] | [12] [0-9] | "30") | "02-" ("0" [1-9] | "1" [0-9] | "2" [0-8]))'
)
_TIME = f'{_DIGITS_2} ":" {_SIXTY} ":" {_SIXTY} ("." [0-9]{{1,6}})? ("Z" | [+-] {_DIGITS_2} ":" {_SIXTY})'
_LABEL = "[a-z0-9] ([a-z0-9-]{0,40} [a-z0-9])?"
_HOST = f'{_LABEL} ("." {_LABEL}){{0,8}}'
_OCTET = '("25" [0-5] | "2" [0-4] [0-9] | "1" [0-9] [0-9] | [1-9] [0-9] | [0-9])'
_HEX = "[0-9a-f]"

FORMATS = {
    "date": _DATE,
    "time": _TIME,
    "date-time": f'{_DATE} "T" {_TIME}',
    "duration": '"P" ([0-9]{1,4} [YMWD] | "T" [0-9]{1,4} [HMS])',
    "email": f'[a-zA-Z0-9_+-]{{1,40}} ("." [a-zA-Z0-9_+-]{{1,40}}){{0,4}} "@" {_HOST} "." [a-z]{{2,12}}',
    "hostname": _HOST,
    "ipv4": f'{_OCTET} ("." {_OCTET}){{3}}',
    "ipv6": f'{_HEX}{{1,4}} (":" {_HEX}{{1,4}}){{7}}',
    "uuid": f'{_HEX}{{8}} "-" {_HEX}{{4}} "-" [1-5] {_HEX}{{3}} "-" [89ab] {_HEX}{{3}} "-" {_HEX}{{12}}',
}
"""Narrower than the formats allow (no leap days), never wider."""


class NoNumber(ValueError):
    """No number that can be written here lies within the bounds."""


def integer(low: float | None, high: float | None) -> str:
    """An integer from `low` to `high`, both included; None is no bound. Raises NoNumber."""
    if low is None and high is None:
        return '"-"? ("0" | [1-9] [0-9]{0,14})'
    return _either(_integers(*_within(low, high, LARGEST)))


def number(low: float | None, high: float | None, *, without_low: bool = False, without_high: bool = False) -> str:
    """A decimal from `low` to `high`, without one or the other where said so; None is no bound.

    Between bounds that are no integers, only what lies between the next integers within: narrower, never wider.
    Raises NoNumber where nothing does, or only what is beyond LARGEST_DECIMAL.
    """
    if low is None and high is None:
        return f'"-"? ("0" | [1-9] [0-9]{{0,14}}) {_FRACTION}'
    first, last = _within(low, high, LARGEST_DECIMAL)
    without_low = without_low and first == low
    without_high = without_high and last == high
    return _either(_decimals(first, last, without_low=without_low, without_high=without_high))


def _within(low: float | None, high: float | None, largest: int) -> tuple[int, int]:
    """The first and the last integer that count, each as far as it can be written."""
    first = -largest if low is None else max(ceil(low), -largest)
    last = largest if high is None else min(floor(high), largest)
    if first > last:
        raise NoNumber("no integer lies within its bounds")
    return first, last


def _either(alternatives: Iterator[str]) -> str:
    found = list(alternatives)
    if not found:
        raise NoNumber("no number lies within its bounds")
    return found[0] if len(found) == 1 else f"({' | '.join(found)})"


def _integers(first: int, last: int) -> Iterator[str]:
    if first < 0:
        yield f'"-" {_either(_naturals(max(1, -last), -first))}'
    if last >= 0:
        yield from _naturals(max(0, first), last)


def _decimals(first: int, last: int, *, without_low: bool, without_high: bool) -> Iterator[str]:
    if first < 0:
        below = _magnitudes(
            max(0, -last), -first, without_low=last > 0 or (without_high and last <= 0), without_high=without_low
        )
        if found := list(below):
            yield f'"-" ({" | ".join(found)})'
    if last >= 0:
        yield from _magnitudes(max(0, first), last, without_low=without_low and first >= 0, without_high=without_high)


def _magnitudes(first: int, last: int, *, without_low: bool, without_high: bool) -> Iterator[str]:
    """Decimals without a sign: those that begin with each integer from `first` on, and `last` by itself."""
    if first < last:
        if without_low:
            yield f'"{first}." [0-9]{{0,5}} [1-9]'
            if first + 1 < last:
                yield f"{_either(_naturals(first + 1, last - 1))} {_FRACTION}"
        else:
            yield f"{_either(_naturals(first, last - 1))} {_FRACTION}"
    if not without_high and not (without_low and first == last):
        yield f'"{last}"'


def _naturals(first: int, last: int) -> Iterator[str]:
    """All integers from `first` to `last`, neither negative: by number of digits, then by common beginning."""
    low = str(first)
    while len(low) < len(str(last)):
        yield from _same_length(low, "9" * len(low))
        low = "1" + "0" * len(low)
    yield from _same_length(low, str(last))


def _same_length(low: str, high: str) -> Iterator[str]:
    if low == high:
        yield f'"{low}"'
        return
    shared = next(at for at in range(len(low)) if low[at] != high[at])
    head = f'"{low[:shared]}" ' if shared else ""
    rest = len(low) - shared - 1
    lowest, highest = int(low[shared]), int(high[shared])
    if low[shared + 1 :] != "0" * rest:
        for tail in _same_length(low[shared + 1 :], "9" * rest):
            yield f'{head}"{lowest}" {tail}'
        lowest += 1
    above = None
    if high[shared + 1 :] != "9" * rest:
        above = highest
        highest -= 1
    if lowest <= highest:
        digits = f"[{lowest}-{highest}]" if lowest < highest else f'"{lowest}"'
        yield f"{head}{digits}{f' [0-9]{{{rest}}}' if rest else ''}"
    if above is not None:
        for tail in _same_length("0" * rest, high[shared + 1 :]):
            yield f'{head}"{above}" {tail}'
