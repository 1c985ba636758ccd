"""Whole answers through the upstream backend, on real sockets."""

import asyncio
import json

import orjson
import pytest
from pytest_django import Settings

from api.backends.base import Usage
from api.backends.upstream import UpstreamBackend
from tests.api.upstreams import call_to, chat_request, completion_request, embedding_request
from tests.mock_upstream import MODEL, VECTOR, MockUpstream


async def test_a_chat_answer_carries_the_catalogs_id_and_is_else_the_upstreams_bytes(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    sent = b'{ "id":"c-1",\n "created" : 1.50e1,"model"  :"%b", "choices":[{"model":"%b","finish_reason":"stop"}]}' % (
        MODEL.encode(),
        MODEL.encode(),
    )
    upstream.reply(sent)
    answer = await upstream_backend.chat(chat_request(), call_to(upstream))
    assert answer == sent.replace(b'"model"  :"%b"' % MODEL.encode(), b'"model"  :"catalog-model"')


async def test_what_an_answer_tells_is_noted_on_the_call(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    call = call_to(upstream)
    answer = orjson.loads(await upstream_backend.chat(chat_request(), call))
    assert answer["choices"][0]["message"]["content"] == "Hello there!"
    assert call.usage == Usage(7, 3, 2)
    assert call.response_id == answer["id"] == "cmpl-upstream"
    assert call.finish_reasons == ("stop",)
    assert call.upstream_request_id == "req_up"


async def test_the_body_goes_through_with_unknown_fields_and_the_upstreams_name_for_the_model(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    request = chat_request(temperature=0.5, guided_regex="[a-z]+", extra={"deep": [1, None, "ü"]})
    await upstream_backend.chat(request, call_to(upstream))
    assert upstream.last.path == "chat/completions"
    assert upstream.last.body == {**request.body, "model": MODEL}
    assert request.body["model"] == "asked-for"


async def test_what_is_sent_asks_for_uncompressed_json_and_says_who_asks(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    await upstream_backend.chat(chat_request(), call_to(upstream))
    headers = upstream.last.headers
    assert headers["Content-Type"] == "application/json"
    assert headers["Accept-Encoding"] == "identity"
    assert headers["User-Agent"].startswith("lukhas/")
    assert "Authorization" not in headers


async def test_the_key_comes_from_the_variable_at_each_call(
    upstream: MockUpstream, upstream_backend: UpstreamBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = call_to(upstream, api_key_env="MOCK_KEY")
    for key in ("sk-first", "sk-second"):
        monkeypatch.setenv("MOCK_KEY", f"{key}\n")
        await upstream_backend.chat(chat_request(), call)
        assert upstream.last.headers["Authorization"] == f"Bearer {key}"


async def test_a_legacy_completion_passes_through(upstream: MockUpstream, upstream_backend: UpstreamBackend) -> None:
    call = call_to(upstream)
    answer = orjson.loads(await upstream_backend.complete(completion_request(echo=True), call))
    assert upstream.last.path == "completions"
    assert upstream.last.body["echo"] is True
    assert answer["choices"][0]["text"] == "Hello there!"
    assert answer["model"] == "catalog-model"
    assert call.usage == Usage(7, 3, 2)


@pytest.mark.parametrize(
    ("asked", "value"), [({}, list(VECTOR)), ({"encoding_format": "base64"}, "mpkZP83MTD8="), ({"dimensions": 2}, None)]
)
async def test_embeddings_are_asked_for_and_come_in_the_callers_encoding(
    upstream: MockUpstream, upstream_backend: UpstreamBackend, asked: dict[str, object], value: object
) -> None:
    call = call_to(upstream)
    answer = orjson.loads(await upstream_backend.embed(embedding_request(**asked), call))
    assert upstream.last.path == "embeddings"
    assert upstream.last.body == {"model": MODEL, "input": ["Hi"], **asked}
    assert answer["data"][0]["embedding"] == (value or list(VECTOR))
    assert answer["model"] == "catalog-model"
    assert call.usage == Usage(7)


async def test_calls_one_after_another_share_a_connection(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    for _ in range(3):
        await upstream_backend.chat(chat_request(), call_to(upstream))
        await upstream_backend.embed(embedding_request(), call_to(upstream))
    assert len(upstream.connections) == 1


async def test_calls_at_the_same_time_do_not_wait_for_each_other(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    upstream.mode, upstream.delay = "slow", 0.2
    call, request = call_to(upstream), chat_request()
    await asyncio.gather(*(upstream_backend.chat(request, call) for _ in range(20)))
    assert len(upstream.connections) == 20


def test_each_event_loop_has_connections_of_its_own(upstream: MockUpstream) -> None:
    backend = UpstreamBackend()

    async def once() -> bytes:
        try:
            return await backend.chat(chat_request(), call_to(upstream))
        finally:
            await backend.close()

    assert asyncio.run(once()) == asyncio.run(once())
    assert len(upstream.connections) == 2


async def test_closing_twice_is_closing_once_and_a_later_call_connects_again(upstream: MockUpstream) -> None:
    backend = UpstreamBackend()
    await backend.close()
    await backend.chat(chat_request(), call_to(upstream))
    await backend.close()
    await backend.close()
    await backend.chat(chat_request(), call_to(upstream))
    await backend.close()
    assert len(upstream.connections) == 2


async def test_a_large_body_arrives_whole(upstream: MockUpstream, upstream_backend: UpstreamBackend) -> None:
    text = "ö" * 2_000_000
    await upstream_backend.chat(chat_request(messages=[{"role": "user", "content": text}]), call_to(upstream))
    assert upstream.last.body["messages"][0]["content"] == text


async def test_an_answer_in_many_pieces_is_put_together(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    whole = json.dumps({"id": "x", "model": MODEL, "choices": ["y" * 300_000]}).encode()
    upstream.stream([whole[at : at + 70_000] for at in range(0, len(whole), 70_000)], pause=0.005)
    answer = await upstream_backend.chat(chat_request(), call_to(upstream))
    assert orjson.loads(answer) == {"id": "x", "model": "catalog-model", "choices": ["y" * 300_000]}


async def test_no_more_connections_are_opened_than_the_setting_allows(
    upstream: MockUpstream, settings: Settings
) -> None:
    settings.LUKHAS_UPSTREAM_CONNECTIONS = 2
    upstream.mode = "slow"
    backend, call, request = UpstreamBackend(), call_to(upstream), chat_request()
    await asyncio.gather(*(backend.chat(request, call) for _ in range(6)))
    await backend.close()
    assert len(upstream.connections) == 2
