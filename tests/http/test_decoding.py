"""Compressed bodies are taken apart within a bound."""

import gzip
import io
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from backports import zstd
from rest_framework.exceptions import ParseError

from lukhas_site.http.decoding import WrongCoding, decoded
from lukhas_site.http.problems import BodyTooLarge

BODY = b'{"events": []}' * 50
ENCODERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd.compress}
MOST = 1024 * 1024


def bomb(coding: str, size: int) -> bytes:
    """A body that would become `size` bytes."""
    chunk = bytes(MOST)
    if coding == "zstd":
        encoder = zstd.ZstdCompressor(level=1)
        return b"".join([*(encoder.compress(chunk) for _ in range(size // MOST)), encoder.flush()])
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=9) as file:
        for _ in range(size // MOST):
            file.write(chunk)
    return out.getvalue()


@pytest.mark.parametrize("coding", ["", "identity", " Identity "])
def test_a_body_that_is_not_encoded_stays_as_it_is(coding: str) -> None:
    assert decoded(coding, BODY, MOST) == BODY


@pytest.mark.parametrize("coding", ENCODERS)
def test_an_encoded_body_is_decoded(coding: str) -> None:
    assert decoded(coding.upper(), ENCODERS[coding](BODY), MOST) == BODY
    assert decoded(coding, ENCODERS[coding](b""), MOST) == b""


@pytest.mark.parametrize("coding", ENCODERS)
def test_the_bound_itself_is_not_too_much_and_one_more_byte_is(coding: str) -> None:
    assert decoded(coding, ENCODERS[coding](BODY), len(BODY)) == BODY
    with pytest.raises(BodyTooLarge):
        decoded(coding, ENCODERS[coding](BODY), len(BODY) - 1)


def test_what_is_too_long_before_it_is_decoded_is_not_decoded() -> None:
    with pytest.raises(BodyTooLarge):
        decoded("gzip", b"no gzip at all", 3)


@pytest.mark.parametrize("coding", ENCODERS)
def test_a_bomb_is_refused_at_the_bound_whatever_it_would_become(coding: str) -> None:
    body = bomb(coding, 64 * MOST)
    assert len(body) < MOST
    tracemalloc.start()
    with pytest.raises(BodyTooLarge):
        decoded(coding, body, MOST)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * MOST, "what comes behind the bound is not made"


def test_a_mebibyte_that_would_become_ten_gigabytes_is_refused() -> None:
    """Its first megabytes are real; what it says of the rest nobody gets to read."""
    encoder = zstd.ZstdCompressor(level=1)
    block = encoder.compress(bytes(128 * 1024)) + encoder.flush(zstd.ZstdCompressor.FLUSH_BLOCK)
    header, repeated = block[:6], block[6:]
    body = header + repeated * ((MOST - len(header)) // len(repeated))
    assert len(body) <= MOST
    assert body.count(repeated) * 128 * 1024 > 10 * 10**9
    with pytest.raises(BodyTooLarge):
        decoded("zstd", body, MOST)


@pytest.mark.parametrize("coding", ENCODERS)
def test_what_is_damaged_cut_short_or_followed_by_more_is_refused(coding: str) -> None:
    good = ENCODERS[coding](BODY)
    for bad in (b"", b"plain text", good[:-1], good[: len(good) // 2], good + b"x", good + good):
        with pytest.raises(ParseError):
            decoded(coding, bad, MOST)


def test_a_zstd_body_that_asks_for_a_window_beyond_eight_mebibytes_is_refused() -> None:
    encoder = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 24})
    with pytest.raises(ParseError, match="8 MiB"):
        decoded("zstd", encoder.compress(BODY) + encoder.flush(), MOST)


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, zstd", "x", "zstd "[::-1]])
def test_any_other_encoding_is_refused_by_what_would_do(coding: str) -> None:
    with pytest.raises(WrongCoding, match="gzip, zstd"):
        decoded(coding, zlib.compress(BODY), MOST)
