"""Comparisons as JsonLogic makes them, for flags that come from flagd.

JsonLogic compares as JavaScript does: a text of digits is a number, what is missing counts as 0, true as 1. So each of
these has an answer to everything, missing attributes included. Whoever writes rules anew wants the strict operators.
"""

import math
import re
from collections.abc import Callable
from operator import ge, gt, le, lt
from typing import Any

from features import operands
from features.operands import Unreadable

NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
LONGEST_NUMBER = 400
NAN = math.nan


def as_number(value: Any) -> float | int:
    """JavaScript's ToNumber; not-a-number for what is none."""
    if isinstance(value, int | float):
        return value
    if value is None:
        return 0
    if isinstance(value, str) and len(value) <= LONGEST_NUMBER:
        digits = value.strip()
        if not digits:
            return 0
        return float(digits) if NUMBER.fullmatch(digits) else NAN
    return NAN


def as_text(value: Any) -> Any:
    """A list or an object as JavaScript writes it for a comparison; anything else as it is."""
    if isinstance(value, dict):
        return "[object Object]"
    if not isinstance(value, list):
        return value
    return ",".join("" if item is None else str(plain(item)) for item in value)


def plain(item: Any) -> Any:
    """An item of a list that is written out; lists in lists are not gone into."""
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, float) and item.is_integer():
        return int(item)
    return "[object Object]" if isinstance(item, dict | list) else item


def equals(value: Any, other: Any) -> bool:
    """JavaScript's ==, of a value against a text, a number, true or false."""
    if value is None:
        return False
    found = as_text(value)
    if isinstance(found, str) and isinstance(other, str):
        return found == other
    return as_number(found) == as_number(other)


def ordered(decide: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """One of <, <=, > and >=: two texts by their characters, anything else as numbers."""

    def compare(value: Any, other: Any) -> bool:
        found = as_text(value)
        if isinstance(found, str) and isinstance(other, str):
            return decide(found, other)
        return decide(as_number(found), as_number(other))

    return compare


def truthy(value: Any) -> bool:
    """What counts as true in a condition: JsonLogic's own table, in which an empty list is false."""
    if value is None or value is False or value in ("", 0, []):
        return False
    return not (isinstance(value, float) and math.isnan(value))


def version(value: object) -> operands.Version:
    """A version as flagd takes it: after a v, and with parts left out, which are 0."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Unreadable("must be a semantic version, such as 1.4.0")
    if isinstance(value, int) and abs(value) > 2**63:
        raise Unreadable("is too large a number for a version")
    text = str(value)
    if len(text) > operands.LONGEST_VERSION:
        raise Unreadable("is too long for a version")
    text = text[1:] if text[:1] in ("v", "V") else text
    numbers = re.split(r"[-+]", text, maxsplit=1)[0]
    return operands.version(numbers + ".0" * (2 - numbers.count(".")) + text[len(numbers) :])


ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "loose_equals": equals,
    "loose_gt": ordered(gt),
    "loose_gte": ordered(ge),
    "loose_lt": ordered(lt),
    "loose_lte": ordered(le),
}
"""By operator: the value of the context, and the one of the condition."""
