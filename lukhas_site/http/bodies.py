"""Request bodies: JSON objects only, and only such as every later step can handle."""

from array import array
from functools import lru_cache
from itertools import accumulate
from typing import Any

import orjson
from rest_framework.exceptions import ParseError, UnsupportedMediaType

MAX_DEPTH = 128

# Opening brackets become +1 and closing ones -1 (as a signed byte), all else is dropped.
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def parse_json(content_type: str, body: bytes) -> dict[str, Any]:
    """The JSON object (RFC 8259) in `body`. Of duplicate keys the last wins; integers beyond 64 bits become floats.

    Raises UnsupportedMediaType where `content_type` is neither application/json nor application/…+json (parameters
    do not matter); ParseError where the body is empty, not UTF-8, not JSON (NaN, Infinity, a number too large for a
    double and a lone surrogate are not), not an object, or nested more than 128 deep.
    """
    if not is_json(content_type):
        raise UnsupportedMediaType(content_type)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ParseError("The body is not valid JSON.") from error
    if not isinstance(value, dict):
        raise ParseError("The body is not a JSON object.")
    # Few brackets cannot be nested deeply, wherever they stand: one pass over the bytes settles most bodies.
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _depth(body) > MAX_DEPTH:
        raise ParseError(f"The body is nested more than {MAX_DEPTH} deep.")
    return value


@lru_cache(maxsize=256)
def is_json(content_type: str) -> bool:
    """Whether a Content-Type header names JSON."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))


def _depth(document: bytes) -> int:
    """How deep arrays and objects are nested in a valid JSON document.

    Strings are cut out first: without its escaped backslashes and quotes, a document's every second piece between
    quotes is a string. No recursion, and no Python code a byte.
    """
    bare = document.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2]
    return max(accumulate(array("b", b"".join(bare).translate(_STEPS, _NOT_BRACKETS))))
