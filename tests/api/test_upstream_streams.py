"""Streams through the upstream backend, on real sockets, and the parser of events by itself."""

import asyncio
import time
from collections.abc import AsyncGenerator
from itertools import pairwise

import orjson
import pytest

from api.backends import upstream_connections
from api.backends.base import Usage
from api.backends.upstream import UpstreamBackend
from api.backends.upstream_stream import Events
from api.exceptions import APIError, UpstreamError
from tests.api.upstreams import call_to, chat_request, completion_request, events_of, until_wrong
from tests.mock_upstream import MockUpstream

CHUNK = b'{"id":"c","model":"upstream-model","choices":[{"index":0,"delta":{"content":"%b"}}]}'
DONE = b"data: [DONE]\n\n"


async def all_of(events: AsyncGenerator[bytes]) -> list[bytes]:
    return events_of(*[piece async for piece in events])


def chunk_of(event: bytes) -> dict[str, object]:
    """The JSON of an event, whose framing must be exact."""
    assert event.startswith(b"data: ")
    assert event.endswith(b"\n\n")
    assert event.count(b"\n") == 2
    chunk = orjson.loads(event[6:])
    assert isinstance(chunk, dict)
    return chunk


async def test_a_chat_streams_under_the_catalogs_id_and_ends_with_done(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    call = call_to(upstream)
    *events, last = await all_of(upstream_backend.stream_chat(chat_request(stream=True), call))
    chunks = [chunk_of(event) for event in events]
    assert last == DONE
    assert {chunk["model"] for chunk in chunks} == {"catalog-model"}
    assert [chunk["choices"][0]["delta"].get("content") for chunk in chunks] == ["Hello", " there", "!", None]  # type: ignore[index]
    assert call.usage == Usage(7, 3, 2)
    assert call.finish_reasons == ("stop",)
    assert (call.response_id, call.upstream_request_id) == ("cmpl-upstream", "req_up")


async def test_a_legacy_completion_streams_too(upstream: MockUpstream, upstream_backend: UpstreamBackend) -> None:
    call = call_to(upstream)
    *events, last = await all_of(upstream_backend.stream_complete(completion_request(stream=True), call))
    assert upstream.last.path == "completions"
    assert "".join(chunk_of(event)["choices"][0]["text"] for event in events) == "Hello there!"  # type: ignore[index]
    assert last == DONE
    assert call.usage == Usage(7, 3, 2)


async def test_the_usage_is_always_asked_for_and_withheld_from_who_did_not_ask(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    plain = chat_request(stream=True, stream_options=None)
    events = await all_of(upstream_backend.stream_chat(plain, call_to(upstream)))
    assert upstream.last.body["stream_options"] == {"include_usage": True}
    assert all(chunk_of(event)["choices"] for event in events[:-1])
    assert plain.body["stream_options"] is None


async def test_the_usage_reaches_who_asked_and_other_stream_options_go_through(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    options = {"include_usage": True, "include_obfuscation": False}
    request = chat_request(stream=True, stream_options=options)
    events = await all_of(upstream_backend.stream_chat(request, call_to(upstream)))
    assert upstream.last.body["stream_options"] == options
    last = chunk_of(events[-2])
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 10)  # type: ignore[index]


async def test_a_chunk_without_choices_and_usage_is_passed_on(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    filters = b'{"choices":[],"model":"catalog-model","prompt_filter_results":[1],"usage":null}'
    upstream.stream([b"data: %b\n\n" % filters, DONE])
    events = await all_of(upstream_backend.stream_chat(chat_request(stream=True), call_to(upstream)))
    assert events == [b"data: %b\n\n" % filters, DONE]


async def test_each_event_is_passed_on_as_soon_as_it_is_there(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    upstream.mode, upstream.delay = "slow", 0.1
    started = time.monotonic()
    events = upstream_backend.stream_chat(chat_request(stream=True), call_to(upstream))
    times = [time.monotonic() - started async for _ in events]
    assert times[0] < 0.19
    assert all(later - sooner < 0.19 for sooner, later in pairwise(times))
    assert times[-1] > 0.4


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_events_are_found_however_the_bytes_are_split(newline: bytes, size: int) -> None:
    lines = [
        b": ping",
        b"",
        b"event: chunk",
        b"id: 1",
        b'data: {"a":1}',
        b"",
        b'data:{"b":',
        b"data: 2}",
        b"retry: 10",
        b"",
        b"",
        b"data: ",
        b"",
        b"data",
        b"",
        b"data: \xc3\xbc",
        b"",
        b"data: [DONE]",
        b"",
        b"",
    ]
    raw = newline.join(lines)
    events = Events()
    found = [data for at in range(0, len(raw), size) for data in events.feed(raw[at : at + size])]
    assert found == [b'{"a":1}', b'{"b": 2}', b"\xc3\xbc", b"[DONE]"]
    assert events.unfinished == 0


async def test_pings_split_bytes_and_carriage_returns_do_not_show(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    raw = b": ping\r\n\r\ndata: %b\r\n\r\n\r\n:\r\n\r\ndata:%b\r\n\r\ndata: [DONE]" % (
        CHUNK % b"\xc3\xbc",
        CHUNK % b"b",
    )
    upstream.stream([raw[at : at + 37] for at in range(0, len(raw), 37)], pause=0.003)
    events = await all_of(upstream_backend.stream_chat(chat_request(stream=True), call_to(upstream)))
    expected = [(CHUNK % text).replace(b"upstream-model", b"catalog-model") for text in (b"\xc3\xbc", b"b")]
    assert events == [*(b"data: %b\n\n" % data for data in expected), DONE]


async def test_nothing_is_passed_on_after_done(upstream: MockUpstream, upstream_backend: UpstreamBackend) -> None:
    event = b"data: %b\n\n" % (CHUNK % b"x")
    upstream.stream([event + DONE + event, event, DONE])
    events = await all_of(upstream_backend.stream_chat(chat_request(stream=True), call_to(upstream)))
    assert events == [event.replace(b"upstream-model", b"catalog-model"), DONE]


async def test_after_a_whole_stream_the_connection_is_used_again(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    for _ in range(3):
        await all_of(upstream_backend.stream_chat(chat_request(stream=True), call_to(upstream)))
        await asyncio.sleep(0.05)
    assert len(upstream.connections) == 1


async def test_an_upstream_that_goes_on_after_done_is_hung_up_on(
    upstream: MockUpstream, upstream_backend: UpstreamBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream_connections, "LINGER_SECONDS", 0.1)
    upstream.stream([DONE, *([b": still here\n\n"] * 100)], pause=0.05)
    assert await all_of(upstream_backend.stream_chat(chat_request(stream=True), call_to(upstream))) == [DONE]
    assert upstream.hang_ups == []  # the caller was not kept waiting for that
    await asyncio.to_thread(upstream.wait_for_hang_up, 2)


async def test_events_that_come_together_are_passed_on_together_and_done_by_itself(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    event = b"data: %b\n\n" % (CHUNK % b"x")
    upstream.stream([event * 3 + DONE])
    pieces = [piece async for piece in upstream_backend.stream_chat(chat_request(stream=True), call_to(upstream))]
    assert pieces == [event.replace(b"upstream-model", b"catalog-model") * 3, DONE]


async def test_what_came_together_with_an_error_is_passed_on_before_it(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    event = b"data: %b\n\n" % (CHUNK % b"x")
    upstream.stream([event * 2 + b'data: {"error":{"message":"m"}}\n\n' + event])
    came, error = await until_wrong(upstream_backend.stream_chat(chat_request(stream=True), call_to(upstream)))
    assert (len(came), error.message) == (2, "m")


@pytest.mark.parametrize("mode", ["cut", "reset"])
async def test_a_stream_that_breaks_off_is_an_error_after_what_came(
    upstream: MockUpstream, upstream_backend: UpstreamBackend, mode: str
) -> None:
    upstream.mode = mode
    came, error = await until_wrong(upstream_backend.stream_chat(chat_request(stream=True), call_to(upstream)))
    assert [chunk_of(event)["model"] for event in came] == ["catalog-model"] * 2
    assert isinstance(error, UpstreamError)


async def test_an_error_within_the_stream_is_passed_on_and_ends_it(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    upstream.mode = "error-mid"
    events = upstream_backend.stream_chat(chat_request(stream=True), call_to(upstream))
    came, error = await until_wrong(events)
    assert len(came) == 2
    assert isinstance(error, UpstreamError)
    assert (error.message, error.type, error.param, error.code) == ("Out of memory.", "server_error", None, "oom")
    assert await anext(events, None) is None


@pytest.mark.parametrize(
    ("said", "status", "message", "type", "code"),
    [
        (b'{"error":{"message":"m","code":400,"param":"n"}}', 400, "m", "invalid_request_error", None),
        (b'{"object":"error","message":"m","type":"BadRequestError","code":400}', 400, "m", "BadRequestError", None),
        (b'{"error":{"message":"m","code":429}}', 429, "m", "requests", "rate_limit_exceeded"),
        (b'{"error":{"message":"bad sk-1","code":401}}', 502, None, "server_error", "upstream_error"),
        (b'{"error":"m"}', 502, "m", "server_error", "upstream_error"),
        (b'{"error":{"message":"m","code":"c","type":"t"}}', 502, "m", "t", "c"),
        (b'{"error":{"message":"m","code":{"a":1},"type":1}}', 502, "m", "server_error", "upstream_error"),
        (b'{"error":[1]}', 502, None, "server_error", "upstream_error"),
    ],
)
async def test_an_error_before_the_first_event_has_a_status(
    upstream: MockUpstream,
    upstream_backend: UpstreamBackend,
    said: bytes,
    status: int,
    message: str | None,
    type: str,
    code: str | None,
) -> None:
    upstream.stream([b"data: %b\n\n" % said, b"data: %b\n\n" % (CHUNK % b"x"), DONE])
    with pytest.raises(APIError) as caught:
        await anext(upstream_backend.stream_chat(chat_request(stream=True), call_to(upstream)))
    error = caught.value
    assert (error.status_code, error.type, error.code) == (status, type, code)
    assert error.message == (message or UpstreamError.default_detail)


async def test_an_error_that_is_null_is_none(upstream: MockUpstream, upstream_backend: UpstreamBackend) -> None:
    event = b'data: {"error":null,"model":"catalog-model","choices":[1]}\n\n'
    upstream.stream([event, DONE])
    assert await all_of(upstream_backend.stream_chat(chat_request(stream=True), call_to(upstream))) == [event, DONE]


@pytest.mark.parametrize("said", [b"", b"{", b"[1]", b"<html>"])
async def test_a_stream_of_anything_else_is_the_upstreams_fault(
    upstream: MockUpstream, upstream_backend: UpstreamBackend, said: bytes
) -> None:
    upstream.stream([b"data: %b\n\n" % said])
    with pytest.raises(UpstreamError):
        await anext(upstream_backend.stream_chat(chat_request(stream=True), call_to(upstream)))


async def test_an_event_without_end_is_refused(upstream: MockUpstream, upstream_backend: UpstreamBackend) -> None:
    upstream.stream([b"data: ", *([b"x" * 65536] * 1000)])
    with pytest.raises(UpstreamError):
        await anext(upstream_backend.stream_chat(chat_request(stream=True), call_to(upstream)))
    await asyncio.to_thread(upstream.wait_for_hang_up)
