"""The values that conditions compare with: numbers, dates, versions, networks and patterns, read from JSON.

Each function raises Unreadable with what is wrong, and nothing else, whatever it is given.
"""

import math
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import re2

from features.problems import text_problem

Number = int | float
Version = tuple[int, int, int, tuple[Any, ...]]
Network = IPv4Network | IPv6Network

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}):([0-9]{2})(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
PART = r"(?:0|[1-9][0-9]*)"
LABEL = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
SEMVER = re.compile(
    rf"({PART})\.({PART})\.({PART})(?:-({LABEL}(?:\.{LABEL})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
LONGEST_VERSION = 256
LONGEST_TEXT = 1000
LARGEST_PATTERN = 1000
"""Instructions that a compiled pattern may have: with the length of texts, this bounds the time that one takes."""
LONGEST_MATCHED = 2048
"""Characters of a text that patterns are matched with; a longer one is not matched."""


class Unreadable(ValueError):
    """The value is none of those that are asked for. The message says which those are."""


def scalar(value: object) -> str | int | float | bool:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return number(value)
    raise Unreadable("must be a text, a number, true or false")


def text(value: object) -> str:
    if not isinstance(value, str):
        raise Unreadable("must be a text")
    if problem := text_problem(value, LONGEST_TEXT):
        raise Unreadable(problem)
    return value


def number(value: object) -> Number:
    """Neither true nor false, which Python takes for numbers, nor anything that is not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreadable("must be a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise Unreadable("must be finite")
    return value


def moment(value: object) -> datetime:
    """A date with time and offset as RFC 3339 has it. A leap second is the second after; digits beyond microseconds
    are cut off."""
    match = RFC3339.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Unreadable("must be a date and time with an offset, such as 2026-01-31T12:00:00Z")
    day, minute, second, fraction, offset = match.groups()
    leap = second == "60"
    try:
        found = datetime.fromisoformat(
            f"{day}T{minute}:{'59' if leap else second}{fraction or ''}{'+00:00' if offset in 'Zz' else offset}"
        )
        return found + timedelta(seconds=1) if leap else found
    except (ValueError, OverflowError):
        raise Unreadable("is no date and time that exists") from None


def microseconds(value: object) -> int:
    """A date as microseconds since 1970, which compare without regard to offsets."""
    return (moment(value) - EPOCH) // MICROSECOND


def version(value: object) -> Version:
    """A Semantic Version 2.0, as what its precedence compares: build metadata has no part in it, a release comes after
    its pre-releases, numbers before words."""
    match = SEMVER.fullmatch(value) if isinstance(value, str) and len(value) <= LONGEST_VERSION else None
    if match is None:
        raise Unreadable("must be a semantic version, such as 1.4.0 or 2.0.0-rc.1")
    major, minor, patch, labels = match.groups()
    if labels is None:
        return int(major), int(minor), int(patch), (1,)
    parts = tuple((0, int(label), "") if label.isdigit() else (1, 0, label) for label in labels.split("."))
    return int(major), int(minor), int(patch), (0, *parts)


def network(value: object) -> Network:
    """An IPv4 or IPv6 network in CIDR notation; an address alone is the network of itself."""
    if not isinstance(value, str):
        raise Unreadable("must be a network, such as 10.0.0.0/8")
    try:
        return ip_network(value, strict=False)
    except ValueError:
        raise Unreadable("must be a network, such as 10.0.0.0/8") from None


def addresses(value: object) -> tuple[IPv4Address | IPv6Address, ...]:
    """An IP address; an IPv4 one that is written as IPv6, as both."""
    if not isinstance(value, str):
        raise Unreadable("must be an IP address")
    try:
        found = ip_address(value)
    except ValueError:
        raise Unreadable("must be an IP address") from None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (found, mapped) if mapped else (found,)


def pattern(value: object) -> Any:
    """A pattern for RE2, whose time is linear in the text: none can hang the process."""
    return compiled(text(value), False)


@lru_cache(4096)
def compiled(source: str, ignore_case: bool) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True  # what groups hold is not asked for, and finding it takes long
    options.case_sensitive = not ignore_case
    try:
        found = re2.compile(source, options)
    except re2.error as error:
        raise Unreadable(f"is no pattern of RE2: {error.args[0].decode(errors='replace')}") from None
    if found.programsize > LARGEST_PATTERN:
        raise Unreadable("is a pattern that is too large; fewer or smaller repetitions make it smaller")
    return found
