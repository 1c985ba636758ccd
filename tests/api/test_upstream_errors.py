"""What an upstream that fails means for the caller: a status and an envelope, and nothing of ours in it."""

import asyncio
import socket
import time
from collections.abc import Iterator

import orjson
import pytest
from pytest_django import Settings
from structlog.testing import capture_logs

from api.backends.base import Call
from api.backends.upstream import UpstreamBackend
from api.backends.upstream_errors import refused
from api.exceptions import APIError, UpstreamError, UpstreamTimeout
from tests.api.upstreams import call_to, chat_request, embedding_request, until_wrong
from tests.mock_upstream import MockUpstream


async def failure(backend: UpstreamBackend, call: Call, *, stream: bool = False) -> APIError:
    """The exception that a chat raises before anything of it is answered."""
    asked = (
        anext(backend.stream_chat(chat_request(stream=True), call)) if stream else backend.chat(chat_request(), call)
    )
    with pytest.raises(APIError) as caught:
        await asked
    return caught.value


def fields(error: APIError) -> tuple[int, str, str, str | None, str | None]:
    return (error.status_code, error.message, error.type, error.param, error.code)


BROKEN = (502, UpstreamError.default_detail, "server_error", None, "upstream_error")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("400", (400, "Too hot.", "invalid_request_error", "temperature", "hot")),
        ("404", (404, "No such model.", "NotFoundError", None, None)),
        ("429", (429, "Slow down.", "tokens", None, "rate_limit_exceeded")),
        ("401", BROKEN),
        ("500", BROKEN),
        ("301", BROKEN),
        ("html", BROKEN),
        ("half-json", BROKEN),
    ],
)
async def test_an_upstreams_answer_becomes_the_callers(
    upstream: MockUpstream,
    upstream_backend: UpstreamBackend,
    mode: str,
    expected: tuple[int, str, str, str | None, str | None],
    stream: bool,
) -> None:
    upstream.mode = mode
    call = call_to(upstream)
    assert fields(await failure(upstream_backend, call, stream=stream)) == expected
    assert call.upstream_request_id == "req_up"
    assert len(upstream.requests) == 1
    upstream.mode = "normal"
    assert await upstream_backend.chat(chat_request(), call_to(upstream))


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422])
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": "Too long."}', "Too long."),
        (b'{"object": "error", "message": "Too long.", "type": "T", "code": 400}', "Too long."),
        (b'{"detail": "Too long."}', "Too long."),
        (b'{"detail": [{"loc": ["body"]}]}', "The upstream server refused the request."),
        (b'{"error": {"message": ""}}', "The upstream server refused the request."),
        (b"<html>Bad Request</html>", "The upstream server refused the request."),
        (b"[]", "The upstream server refused the request."),
        (b'{"error": {"message": "%b"}}' % (b"x" * 5000), "x" * 2000),
        (b'{"error": {"message": "%b"}}' % (b"x" * 70_000), "The upstream server refused the request."),
    ],
)
async def test_what_is_the_callers_fault_keeps_its_status_and_whatever_message_there_is(
    upstream: MockUpstream, upstream_backend: UpstreamBackend, status: int, body: bytes, message: str
) -> None:
    upstream.reply(body, status=status)
    error = await failure(upstream_backend, call_to(upstream))
    assert (error.status_code, error.message) == (status, message)


@pytest.mark.parametrize(
    ("status", "expected"),
    [(402, 502), (403, 502), (405, 502), (408, 504), (415, 502), (503, 502), (504, 502), (307, 502)],
)
async def test_any_other_status_is_the_upstreams_fault(
    upstream: MockUpstream, upstream_backend: UpstreamBackend, status: int, expected: int
) -> None:
    upstream.reply(b'{"error": {"message": "secret of the upstream"}}', status=status)
    error = await failure(upstream_backend, call_to(upstream))
    assert error.status_code == expected
    assert "secret" not in error.message


async def test_a_limit_of_the_upstream_comes_with_its_time_to_wait(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    upstream.mode = "429"
    error = await failure(upstream_backend, call_to(upstream))
    assert error.headers == {"retry-after": "7", "retry-after-ms": "6500"}
    upstream.reply(b"busy", status=429, headers={"x-should-retry": "false"})
    error = await failure(upstream_backend, call_to(upstream))
    assert fields(error)[2:] == ("requests", None, "rate_limit_exceeded")
    assert error.headers == {"x-should-retry": "false"}


async def test_neither_key_nor_address_of_the_upstream_reaches_the_caller(
    upstream: MockUpstream, upstream_backend: UpstreamBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOCK_KEY", "very-secret")
    host = upstream.url.split("/")[2]
    told = f"Key very-secret at {upstream.url}/chat/completions ({host}) is over its limit."
    for status in (400, 429):
        upstream.reply(b'{"error": {"message": "%b"}}' % told.encode(), status=status)
        error = await failure(upstream_backend, call_to(upstream, api_key_env="MOCK_KEY"))
        assert error.message == "Key *** at ***/chat/completions (***) is over its limit."


async def test_nor_do_they_in_any_other_field_header_or_part_of_an_address(
    upstream: MockUpstream, upstream_backend: UpstreamBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOCK_KEY", "very-secret")
    fields = dict.fromkeys(("message", "type", "param", "code"), "very-secret at 127.0.0.1")
    told = orjson.dumps({"error": fields})
    within = b"data: %b\n\n" % told
    call = call_to(upstream, api_key_env="MOCK_KEY")
    for status in (400, 429):
        upstream.reply(told, status=status, headers={"Retry-After": "very-secret"})
        error = await failure(upstream_backend, call)
        assert (error.message, error.type, error.param, error.code) == ("*** at ***",) * 4
        assert error.headers == ({"retry-after": "***"} if status == 429 else {})
    upstream.reply(told)
    error = await failure(upstream_backend, call)
    assert (error.message, error.type, error.code) == ("*** at ***",) * 3
    upstream.stream([within])
    error = await failure(upstream_backend, call, stream=True)
    assert (error.message, error.type, error.code) == ("*** at ***",) * 3


@pytest.mark.parametrize(
    ("said", "passed_on"),
    [
        ("gpu is out of memory", "*** is out of memory"),
        ("gpu1 and my-gpu are no gpu.", "gpu1 and my-gpu are no ***."),
        ("http://gpu:8000/v1/models", "***/models"),
        ("gpu:8000 or gpu:9000", "*** or ***:9000"),
    ],
)
def test_a_hosts_name_is_cut_out_where_it_is_a_word(said: str, passed_on: str) -> None:
    call = call_to("http://gpu:8000/v1")
    error = refused(400, {}, orjson.dumps({"error": said}), call)
    assert error.message == passed_on


@pytest.mark.parametrize("value", [None, "", " "])
async def test_a_key_that_is_not_set_is_logged_by_name_and_not_told(
    upstream: MockUpstream, upstream_backend: UpstreamBackend, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("MOCK_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("MOCK_KEY", value)
    with capture_logs() as logs:
        error = await failure(upstream_backend, call_to(upstream, api_key_env="MOCK_KEY"))
    assert fields(error) == BROKEN
    assert [(line["event"], line["variable"], line["upstream"]) for line in logs] == [
        ("upstream_key_missing", "MOCK_KEY", "mock")
    ]
    assert upstream.requests == []


async def test_a_failure_is_logged_with_the_upstream_and_without_what_was_said(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    upstream.mode = "401"
    with capture_logs() as logs:
        await failure(upstream_backend, call_to(upstream))
    assert logs == [
        {
            "event": "upstream_failed",
            "log_level": "warning",
            "upstream": "mock",
            "model": "catalog-model",
            "upstream_request_id": "req_up",
            "status": 401,
        }
    ]


async def test_what_is_the_callers_fault_is_not_logged_as_a_failure(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    upstream.mode = "400"
    with capture_logs() as logs:
        await failure(upstream_backend, call_to(upstream))
    assert logs == []


async def test_an_answer_beyond_64_mib_is_refused_and_hung_up_on(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    upstream.mode, upstream.huge_bytes = "huge", 100 * 1024 * 1024
    assert fields(await failure(upstream_backend, call_to(upstream))) == BROKEN
    await asyncio.to_thread(upstream.wait_for_hang_up)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine that is taken and on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_server_that_is_not_there_is_an_upstream_error(
    upstream: MockUpstream, upstream_backend: UpstreamBackend, closed_port: int, stream: bool
) -> None:
    nobody = f"http://127.0.0.1:{closed_port}/v1"
    unknown_name = "http://nowhere.invalid/v1"
    no_tls = upstream.url.replace("http:", "https:")
    for base_url in (nobody, unknown_name, no_tls):
        assert fields(await failure(upstream_backend, call_to(base_url), stream=stream)) == BROKEN


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 500 Oops\r\nContent-Length: 1000\r\n\r\n{",
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_server_that_breaks_off_or_talks_no_http_is_an_upstream_error(
    upstream_backend: UpstreamBackend, said: bytes, stream: bool
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        call = call_to(f"http://127.0.0.1:{port}/v1")
        assert fields(await failure(upstream_backend, call, stream=stream)) == BROKEN


@pytest.mark.parametrize("stream", [False, True])
async def test_an_upstream_that_stays_silent_is_a_timeout(
    upstream: MockUpstream, settings: Settings, stream: bool
) -> None:
    settings.LUKHAS_UPSTREAM_FIRST_SECONDS = 0.2
    upstream.mode = "hang"
    backend = UpstreamBackend()
    started = time.monotonic()
    error = await failure(backend, call_to(upstream), stream=stream)
    assert fields(error) == (504, UpstreamTimeout.default_detail, "server_error", None, "upstream_timeout")
    assert 0.15 < time.monotonic() - started < 10
    await backend.close()


async def test_a_stream_that_falls_silent_is_a_timeout_in_the_middle(
    upstream: MockUpstream, settings: Settings
) -> None:
    settings.LUKHAS_UPSTREAM_READ_SECONDS = 1.0
    upstream.mode = "stall"
    backend = UpstreamBackend()
    came, error = await until_wrong(backend.stream_chat(chat_request(stream=True), call_to(upstream)))
    assert (len(came), type(error)) == (2, UpstreamTimeout)
    await backend.close()


async def test_a_slow_but_steady_stream_is_no_timeout(upstream: MockUpstream, settings: Settings) -> None:
    settings.LUKHAS_UPSTREAM_READ_SECONDS = 1.5
    upstream.mode, upstream.delay = "slow", 0.4
    backend = UpstreamBackend()
    started = time.monotonic()
    events = [event async for event in backend.stream_chat(chat_request(stream=True), call_to(upstream))]
    assert events[-1] == b"data: [DONE]\n\n"
    assert time.monotonic() - started > 1.5
    await backend.close()


async def test_who_waits_too_long_for_a_connection_gets_a_timeout(upstream: MockUpstream, settings: Settings) -> None:
    settings.LUKHAS_UPSTREAM_CONNECTIONS, settings.LUKHAS_UPSTREAM_CONNECT_SECONDS = 1, 0.2
    upstream.mode = "hang"
    backend = UpstreamBackend()
    first = asyncio.ensure_future(backend.embed(embedding_request(), call_to(upstream)))
    await asyncio.to_thread(upstream.wait_for_request)
    error = await failure(backend, call_to(upstream))
    assert isinstance(error, UpstreamTimeout)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await backend.close()
