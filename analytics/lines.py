"""The lines of a journal: `1 CRC JSON` and a newline.

The version of the form, the CRC-32 of the JSON as eight hexadecimal digits, and values as an array, in an order that
their kind knows. JSON escapes newlines, so that a line without one, or with another sum, was not written to its end. A
later version may append values; what it takes away, it gives a new number.
"""

from collections.abc import Iterable
from typing import Any
from zlib import crc32

import orjson

VERSION = b"1"
HEAD_LENGTH = len(b"1 00000000 ")


class NotALine(ValueError):
    """A line that no version of LUKHAS up to this one has written, or not as it is now."""


def written(values: Iterable[Any]) -> bytes:
    """The line of these values, its newline included."""
    body = orjson.dumps(tuple(values))
    return b"1 %08x %b\n" % (crc32(body), body)


def read(line: bytes) -> list[Any]:
    """The values of a line, given without its newline. Raises NotALine."""
    head, body = line[:HEAD_LENGTH], line[HEAD_LENGTH:]
    if head != b"%b %08x " % (VERSION, crc32(body)):
        raise NotALine("another version" if head[:2] != VERSION + b" " else "another sum")
    try:
        values = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NotALine("other fields") from error
    if not isinstance(values, list):
        raise NotALine("other fields")
    return values
