"""Where in a text there are IP addresses. Pure; see `analytics.detection`."""

import re
from collections.abc import Iterator
from ipaddress import ip_address

Places = Iterator[tuple[int, int]]

_RUN = re.compile(r"[0-9A-Fa-f:.]{3,}+")
_ZONE = re.compile(r"%[\w.\-]{1,64}")
_LONGEST = 45
_TRIED = 10
_FEWEST = 3

_IPV4 = re.compile(r"(?<!\d)(?<!\d\.)\d{1,3}(?:\.\d{1,3}){3}(?!\d|\.\d)")
_LARGEST = 255
_VERSION = re.compile(r"(?:\bv|\bversion:? ?|\bver\.? ?)\Z", re.IGNORECASE)
_PRODUCT = re.compile(r"[A-Za-z]/\Z")
_BEFORE = 10
_REDUCED = ".0.0.0"
"""How browsers end the versions of which they tell only the first number: `Chrome/120.0.0.0`."""


def ipv6(text: str) -> Places:
    """What has two colons and reads as an IPv6 address, with its zone. A word with colons, `Add::Bad`, does not."""
    for run in _RUN.finditer(text):
        if run.group().count(":") > 1 and (found := _ipv6_in(text, *run.span())):
            yield found


def _ipv6_in(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The address in a run of its characters: without the point or colon of a sentence behind it, without a word, or
    the end of one, before it (`id:2001:db8::1`), and without a port."""
    while text[end - 1] in ".:" and text[end - 2 : end] != "::":
        end -= 1
    if end < len(text) and text[end].isalnum():
        return None
    first = start
    for _ in range(_TRIED):
        glued = start == first > 0 and text[start - 1].isalnum()
        for stop in (end, text.rfind(":", start, end)):
            if not glued and _FEWEST <= stop - start <= _LONGEST and _is_ipv6(text[start:stop]):
                zone = _ZONE.match(text, stop)
                return start, zone.end() if zone else stop
        start = text.find(":", start, end) + 1
        if not start:
            return None
    return None


def _is_ipv6(text: str) -> bool:
    groups = [group for group in text.split(":") if group]
    if len(groups) < _FEWEST and text.isalpha():
        return False
    try:
        return ip_address(text).version == 6 and (len(groups) >= _FEWEST or any(map(str.isdigit, text)))
    except ValueError:
        return False


def ipv4(text: str) -> Places:
    """Four numbers up to 255. Not four of the five of a longer version, nor what `v` or `version` stands before."""
    for found in _IPV4.finditer(text):
        start, end = found.span()
        before = text[max(0, start - _BEFORE) : start]
        if any(int(number) > _LARGEST for number in found.group().split(".")) or _VERSION.search(before):
            continue
        if not (found.group().endswith(_REDUCED) and _PRODUCT.search(before)):
            yield start, end
