"""Gzip (RFC 9110, 8.4 and 12.5.3) for complete bodies."""

import asyncio
import zlib
from functools import lru_cache

from lukhas_site.http.exchange import HeaderList

MIN_BYTES = 1000
# Beyond this, compressing takes long enough to be noticed by everybody else on the event loop.
_INLINE_BYTES = 64 * 1024
# The fastest level: JSON shrinks to about a fifth with it already.
_LEVEL = 1
_GZIP_WINDOW = 31
_COMPRESSED_ALREADY = (b"image/", b"audio/", b"video/", b"font/woff", b"application/zip", b"application/gzip")


async def compressed(headers: HeaderList, body: bytes, accept_encoding: bytes) -> tuple[HeaderList, bytes]:
    """A complete answer as it goes out to a caller with this Accept-Encoding; header names are in lower case.

    From 1,000 bytes the answer depends on that header, and says so. It stays as it is where it is encoded already,
    is a part of something, or is compressed by nature. `headers` may be changed in place.
    """
    if len(body) < MIN_BYTES:
        return headers, body
    fields = dict(headers)
    if b"content-encoding" in fields or b"content-range" in fields or _dense(fields.get(b"content-type", b"")):
        return headers, body
    headers.append((b"vary", b"Accept-Encoding"))
    if not accepts_gzip(accept_encoding):
        return headers, body
    body = _gzip(body) if len(body) <= _INLINE_BYTES else await asyncio.to_thread(_gzip, body)
    headers.append((b"content-encoding", b"gzip"))
    if etag := fields.get(b"etag"):
        # A strong tag promises the same bytes, and these are others (RFC 9110, 8.8.1). If-None-Match compares
        # weakly, so that a caller's copy is still found to be current.
        headers = [item for item in headers if item[0] != b"etag"]
        headers.append((b"etag", etag if etag.startswith(b"W/") else b"W/" + etag))
    return headers, body


@lru_cache(maxsize=256)
def accepts_gzip(accept_encoding: bytes) -> bool:
    """Whether an Accept-Encoding header admits gzip. `q=0` refuses; `*` stands for what is not named."""
    qualities: dict[str, float] = {}
    for item in accept_encoding.decode("latin-1").lower().split(","):
        coding, _, parameters = item.partition(";")
        name, _, value = parameters.partition("=")
        try:
            quality = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            quality = 0.0
        qualities[coding.strip()] = quality
    return qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0.0))) > 0


def _dense(content_type: bytes) -> bool:
    return content_type.startswith(_COMPRESSED_ALREADY) and not content_type.startswith(b"image/svg")


def _gzip(body: bytes) -> bytes:
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    return compressor.compress(body) + compressor.flush()
