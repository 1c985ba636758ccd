"""The mock upstream of the benchmarks: how it behaves is in the path."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from benchmarks.mock import Mock, mode

CHAT = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}


@pytest_asyncio.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    mode.cache_clear()
    server = await asyncio.get_running_loop().create_server(Mock, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with httpx.AsyncClient(base_url=base, timeout=10) as client:
        yield client
    server.close()
    await server.wait_closed()


async def ask(client: httpx.AsyncClient, how: str = "", **more: object) -> httpx.Response:
    return await client.post(f"{how}/v1/chat/completions", json={**CHAT, **more})


async def test_it_answers_whole_and_streamed_on_one_connection(client: httpx.AsyncClient) -> None:
    whole = await ask(client)
    streamed = await ask(client, "/chunks=3", stream=True, stream_options={"include_usage": True})
    events = [line.removeprefix("data: ") for line in streamed.text.splitlines() if line]
    chunks = [json.loads(event) for event in events[:-1]]

    assert whole.json()["choices"][0]["message"]["content"]
    assert events[-1] == "[DONE]"
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]] == [None, None, None, "stop"]
    assert chunks[-1]["usage"]["total_tokens"] == 100
    assert "usage" not in (await ask(client, stream=True)).text


async def test_there_are_as_many_vectors_as_texts_in_either_encoding(client: httpx.AsyncClient) -> None:
    numbers = await client.post("/v1/embeddings", json={"model": "m", "input": ["a", "b"]})
    packed = await client.post("/v1/embeddings", json={"model": "m", "input": "a", "encoding_format": "base64"})

    assert [len(one["embedding"]) for one in numbers.json()["data"]] == [384, 384]
    assert len(base64.b64decode(packed.json()["data"][0]["embedding"])) == 384 * 4


async def test_a_share_of_requests_fails_with_the_status_that_was_asked_for(client: httpx.AsyncClient) -> None:
    statuses = [(await ask(client, "/fail=25,status=429")).status_code for _ in range(8)]

    assert statuses == [200, 200, 200, 429, 200, 200, 200, 429]


@pytest.mark.parametrize(("how", "stream"), [("/cut=2", True), ("/cut=0", True), ("/cut=1", False)])
async def test_an_answer_is_cut(client: httpx.AsyncClient, how: str, stream: bool) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await ask(client, how, stream=stream)


async def test_a_share_of_requests_is_never_answered(client: httpx.AsyncClient) -> None:
    assert (await ask(client, "/hang=50")).status_code == 200
    with pytest.raises(httpx.ReadTimeout):
        await client.post("/hang=50/v1/chat/completions", json=CHAT, timeout=0.5)


async def test_it_is_slow_before_the_first_byte_and_between_chunks(client: httpx.AsyncClient) -> None:
    loop = asyncio.get_running_loop()
    begin = loop.time()
    await ask(client, "/first=60")
    first = loop.time() - begin
    await ask(client, "/gap=20,chunks=5", stream=True)

    assert first >= 0.055
    assert loop.time() - begin - first >= 0.095


async def test_who_hangs_up_is_told_no_more(client: httpx.AsyncClient) -> None:
    with pytest.raises(httpx.ReadTimeout):
        await client.post("/first=600/v1/chat/completions", json=CHAT, timeout=0.2)
    async with client.stream("POST", "/gap=20,chunks=50/v1/chat/completions", json={**CHAT, "stream": True}) as answer:
        await anext(answer.aiter_raw())
    await asyncio.sleep(0.7)

    assert (await ask(client)).status_code == 200


@pytest.mark.parametrize("text", ["slow=1", "first", "first=soon"])
def test_what_is_no_behaviour_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever says so first
        mode(text)
