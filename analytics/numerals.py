"""Where in a text there are social security, card and phone numbers. Pure; see `analytics.detection`.

A number is a run of digits in groups, which single separators part. What looks like a UUID, a hash or a date is none.
"""

import re
from collections.abc import Iterator
from itertools import accumulate

Places = Iterator[tuple[int, int]]

MANY = re.compile(r"\d(?:[ ().\-/_]{0,3}\d){6}")
"""Seven digits in a run: no number of a person is shorter."""

_OTHERS = re.compile(
    r"""(?<![0-9A-Za-z])(?:
      [0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}
     |(?=[0-9]{0,16}[A-Fa-f])[0-9A-Fa-f]{32,128}+
     |(?:19|20)\d\d([\-./])(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])(?!\1?\d)
     |(?:0?[1-9]|[12]\d|3[01])([\-./])(?:0?[1-9]|[12]\d|3[01])\2(?:19|20)\d\d(?!\2?\d)
    )(?![0-9A-Za-z](?<!T))""",
    re.VERBOSE,
)

_SSN = re.compile(r"(?<!\d)(?<!\d[.,])\d{3}([ ]?-[ ]?|[ ./_])\d{2}\1\d{4}(?!\d|\1\d)")

_PHONES = re.compile(
    r"""(?<!\d)(?<!\d[.,])(?:
      (?:\+|\b00)[ ]?(?!\d{1,3}\.\d{1,7}(?![\d.]))[1-9](?:[ ().\-/_]{0,3}\d){6,14}(?!\d)      # +44 20 7946 0958
     |(?:\+?1[ ./\-])?(?:\(\d{3}\)[ .\-]?|\d{3}[ ./_]|\d{3}[ ]?-[ ]?)\d{3}(?:[ ._]|[ ]?-[ ]?)\d{4}(?!\d)  # 415-555-0123
     |(?<![\w.])(?:1?[2-9]\d\d[2-9]\d{6}|1[3-9]\d{9}|0[1-9]\d{8,9})(?![\w]|[.,]\d)      # bare: US, China, Europe
     |(?<![\w.])(?:[6-9]\d{4}[ \-]\d{5}|1[3-9]\d([ \-])\d{4}\1\d{4})(?!\w)              # India, China
     |(?<![\w.])\(?(?=0\d(?:[ ().\-/]{0,3}\d){7,10}(?![ .\-/]?\d))0\d{1,5}\)?(?:[ .\-/]{1,2}\d{2,8}){1,4}(?!\w)
    )""",
    re.VERBOSE,
)

_CARD_RUN = re.compile(r"\d{4,19}(?:[ .\-/_]{1,3}\d{1,13})*+")
_GROUP = re.compile(r"\d+")
_LEAST, _MOST = 13, 19
_WIDE = 4
_BINS = re.compile(r"[3-6]|2[2-7]|9792|8[12]")
"""How card numbers begin: of banks, and of RuPay and Troy."""
_GROUPS = 5
_DOUBLED = bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9, *range(10, 256)))


def others(text: str) -> Places:
    """What is no number of a person: UUIDs, hashes of 128 bits and more, and dates with the year at either end."""
    return (found.span() for found in _OTHERS.finditer(text))


def phones(text: str) -> Places:
    """Those of the forms that people write them in; a number without any needs to look like one of some countries."""
    return (found.span() for found in _PHONES.finditer(text))


def ssns(text: str) -> Places:
    """Three, two and four digits, which the same separator parts."""
    return (found.span() for found in _SSN.finditer(text))


def cards(text: str) -> Places:
    """From 13 to 19 digits that begin as a card's do and whose sum is right, in groups of which all but the last have
    four digits at least."""
    for run in _CARD_RUN.finditer(text):
        groups = [group.span() for group in _GROUP.finditer(text, *run.span())]
        digits = Digits("".join(text[start:end] for start, end in groups))
        at, after = 0, -1
        for index, (start, end) in enumerate(groups):
            if start >= after and (found := _card_end(groups[index : index + _GROUPS], digits, at)):
                yield start, found
                after = found
            at += end - start


def _card_end(groups: list[tuple[int, int]], digits: "Digits", first: int) -> int:
    """Where the longest card number ends that begins with the first of these groups, which is at the digit `first`; 0
    where none does."""
    last, best = first, 0
    for start, end in groups:
        last += end - start
        if last - first > _MOST:
            break
        if last - first >= _LEAST and digits.is_card(first, last):
            best = end
        if end - start < _WIDE:
            break
    return best


class Digits:
    """A run of digits, which tells of any part of it at once whether it is a card's: Luhn's sum doubles every second
    digit from the end, so two rows of sums hold all that there are."""

    def __init__(self, digits: str) -> None:
        self.digits = digits
        plain = bytes(map(int, digits))
        doubled = plain.translate(_DOUBLED)
        self.sums: list[list[int]] = []
        for first in (1, 0):
            mixed = bytearray(plain)
            mixed[first::2] = doubled[first::2]
            self.sums.append(list(accumulate(mixed, initial=0)))

    def is_card(self, start: int, end: int) -> bool:
        """Whether these are the digits of a card: by their number, how they begin, and the sum."""
        sums = self.sums[(end - 1) % 2]
        fits = _LEAST <= end - start <= _MOST and (sums[end] - sums[start]) % 10 == 0
        return fits and _BINS.match(self.digits, start) is not None


def is_card(digits: str) -> bool:
    """Whether these digits alone are a card's."""
    return Digits(digits).is_card(0, len(digits))
