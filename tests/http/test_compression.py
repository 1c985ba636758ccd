"""Complete bodies are compressed from 1,000 bytes, where that is agreed and harmless."""

import gzip
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lukhas_site.http.compression import accepts_gzip
from lukhas_site.http.edge import Edge
from lukhas_site.http.exchange import KEY, App

Ask = Callable[..., Awaitable[Any]]
GZIP = [("Accept-Encoding", "gzip, deflate")]


def answering(body: bytes, *headers: tuple[bytes, bytes], status: int = 200, secret: bool = False) -> App:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope[KEY].secret = secret
        own = [(b"Content-Type", b"application/json"), *headers]
        await send({"type": "http.response.start", "status": status, "headers": own})
        await send({"type": "http.response.body", "body": body})

    return app


LONG = json.dumps({"text": "word " * 300}).encode()


async def test_a_long_body_is_compressed(edge: Callable[..., Edge], ask: Ask) -> None:
    answer = await ask(edge(answering(LONG, (b"Content-Length", b"1514"))), headers=GZIP)

    assert gzip.decompress(answer.body) == LONG
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["vary"] == "Accept-Encoding"


async def test_a_very_long_body_is_compressed_all_the_same(edge: Callable[..., Edge], ask: Ask) -> None:
    body = LONG * 200

    answer = await ask(edge(answering(body)), headers=GZIP)

    assert gzip.decompress(answer.body) == body


@pytest.mark.parametrize("size", [999, 1000])
async def test_the_threshold_is_a_thousand_bytes(edge: Callable[..., Edge], ask: Ask, size: int) -> None:
    answer = await ask(edge(answering(b"x" * size)), headers=GZIP)

    assert ("content-encoding" in answer.headers) is (size == 1000)


async def test_who_does_not_ask_gets_it_plain_and_caches_are_told(edge: Callable[..., Edge], ask: Ask) -> None:
    answer = await ask(edge(answering(LONG)))

    assert answer.body == LONG
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (b"gzip", True),
        (b"x-gzip", True),
        (b"GZIP;q=0.5", True),
        (b"*", True),
        (b"br, *;q=0.1", True),
        (b"", False),
        (b"br", False),
        (b"gzip;q=0", False),
        (b"gzip; q=0.000", False),
        (b"*;q=0", False),
        (b"gzip;q=0, *", False),
        (b"gzip;q=many", False),
    ],
)
def test_qualities_are_honoured(header: bytes, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted


@pytest.mark.parametrize(
    "header",
    [
        (b"Content-Encoding", b"br"),
        (b"Content-Range", b"bytes 0-1513/9999"),
        (b"Content-Type", b"image/png"),
        (b"Content-Type", b"audio/mpeg"),
    ],
)
async def test_what_is_encoded_partial_or_dense_stays_as_it_is(
    edge: Callable[..., Edge], ask: Ask, header: tuple[bytes, bytes]
) -> None:
    answer = await ask(edge(answering(LONG, header)), headers=GZIP)

    assert answer.body == LONG


async def test_drawings_are_text_and_are_compressed(edge: Callable[..., Edge], ask: Ask) -> None:
    answer = await ask(edge(answering(LONG, (b"Content-Type", b"image/svg+xml"))), headers=GZIP)

    assert answer.headers["content-encoding"] == "gzip"


async def test_an_answer_with_a_secret_is_neither_compressed_nor_stored(edge: Callable[..., Edge], ask: Ask) -> None:
    app = answering(LONG, (b"Cache-Control", b"max-age=60"), secret=True)

    answer = await ask(edge(app), headers=GZIP)

    assert answer.body == LONG
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("tag", [b'"abc"', b'W/"abc"'])
async def test_an_etag_becomes_weak_for_other_bytes(edge: Callable[..., Edge], ask: Ask, tag: bytes) -> None:
    app = answering(LONG, (b"ETag", tag))

    assert (await ask(edge(app), headers=GZIP)).headers["etag"] == 'W/"abc"'
    assert (await ask(edge(app))).headers["etag"] == tag.decode()
