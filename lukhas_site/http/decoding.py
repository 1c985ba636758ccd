"""Bodies that come compressed (RFC 9110, 8.4), taken apart within a bound: what would grow beyond it is not made."""

import zlib
from collections.abc import Callable, Mapping

from backports import zstd
from rest_framework.exceptions import ParseError, UnsupportedMediaType

from lukhas_site.http.problems import BodyTooLarge

GZIP = 31
"""zlib's word for gzip, with a window as large as it may be."""
WINDOW = 23
"""The largest zstd window, as a power of two: the 8 MiB that RFC 8878 asks every decoder to take, and no more."""


class WrongCoding(UnsupportedMediaType):
    """415: a Content-Encoding that is not known here."""

    def __init__(self) -> None:
        super().__init__("", detail=f"The body may be encoded with one of {', '.join(DECODERS)}, or not at all.")


def decoded(coding: str, body: bytes, most: int) -> bytes:
    """The body without its Content-Encoding: `gzip`, `zstd`, or none.

    Raises BodyTooLarge where it is longer than `most` bytes, before or after, having made no more than that;
    WrongCoding for any other encoding; and ParseError for what is damaged, cut short, or has something behind it.
    """
    if len(body) > most:
        raise BodyTooLarge(most)
    name = coding.strip().lower()
    if name in ("", "identity"):
        return body
    if name not in DECODERS:
        raise WrongCoding
    return DECODERS[name](body, most)


def _gunzipped(body: bytes, most: int) -> bytes:
    decoder = zlib.decompressobj(GZIP)
    try:
        found = decoder.decompress(body, most + 1)
    except zlib.error as error:
        raise ParseError("The body is not gzip.") from error
    return _whole(found, most, done=decoder.eof and not decoder.unused_data)


def _unzstd(body: bytes, most: int) -> bytes:
    decoder = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: WINDOW})
    try:
        found = decoder.decompress(body, most + 1)
    except zstd.ZstdError as error:
        raise ParseError("The body is not zstd, or needs a window of more than 8 MiB.") from error
    return _whole(found, most, done=decoder.eof and not decoder.unused_data)


def _whole(found: bytes, most: int, *, done: bool) -> bytes:
    if len(found) > most:
        raise BodyTooLarge(most)
    if not done:
        raise ParseError("The body is cut short, or something comes behind it.")
    return found


DECODERS: Mapping[str, Callable[[bytes, int], bytes]] = {"gzip": _gunzipped, "zstd": _unzstd}
