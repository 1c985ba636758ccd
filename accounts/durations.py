"""Lengths of time as people type them: `30m`, `12h`, `90d`, `2w`."""

import re
from datetime import timedelta

FORM = re.compile(r"([0-9]{1,6})([mhdw])")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_duration(text: str) -> timedelta:
    """Returns the length of time that `text` names: a whole number above zero and a unit, m, h, d or w.

    Raises ValueError for anything else, and for more than a hundred years.
    """
    match = FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a length of time: write a number and m, h, d or w, for example 90d.")
    duration = timedelta(**{UNITS[match[2]]: int(match[1])})
    if not timedelta(0) < duration <= timedelta(days=36_500):
        raise ValueError(f"{text!r} is out of range: it must be more than nothing and at most a hundred years.")
    return duration
