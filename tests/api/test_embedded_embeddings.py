"""The embedded embedding model behind the contract: real weights, windows, limits, and a queue that fills up."""

import asyncio
import base64
import threading
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import orjson
import pytest
import pytest_asyncio
from pytest_django import Settings

from api.backends.base import Call, Usage
from api.backends.embedded_embeddings import EmbeddedEmbeddingsBackend
from api.catalog import Target
from api.exceptions import APIError, Overloaded
from api.serializers.chat import parse_chat
from api.serializers.completions import parse_completion
from api.serializers.embeddings import parse_embeddings

TARGET = Target(model="catalog-embed", upstream="e", kind="embedded-embeddings", context_window=8192)


@pytest.fixture(scope="module")
def backend() -> EmbeddedEmbeddingsBackend:
    made = EmbeddedEmbeddingsBackend()
    assert not made.loaded
    made.load()
    assert made.loaded
    return made


async def embed(backend: EmbeddedEmbeddingsBackend, given: Any, call: Call | None = None, **body: Any) -> Any:
    request = parse_embeddings({"model": "m", "input": given, **body})
    return orjson.loads(await backend.embed(request, call or Call(TARGET)))


def rows(answer: Any) -> Any:
    return np.array([row["embedding"] for row in answer["data"]], dtype=np.float32)


async def test_texts_that_mean_the_same_are_closer_than_others(backend: EmbeddedEmbeddingsBackend) -> None:
    call = Call(TARGET)
    answer = await embed(backend, ["reset my password", "forgot my credentials", "stocks", "cat"], call)
    one, two, stocks, cat = rows(answer)
    assert one @ two > 0.5
    assert one @ two > stocks @ cat
    assert np.allclose(np.linalg.norm(rows(answer), axis=1), 1, atol=1e-5)
    assert rows(answer).shape == (4, 384)
    assert answer["model"] == "catalog-embed"
    assert call.usage == Usage(answer["usage"]["prompt_tokens"])


async def test_order_is_kept_and_base64_holds_the_same_numbers(backend: EmbeddedEmbeddingsBackend) -> None:
    texts = [f"text number {at}" * (at % 5 + 1) for at in range(40)]
    floats = rows(await embed(backend, texts))
    coded = await embed(backend, texts, encoding_format="base64")
    decoded = [np.frombuffer(base64.b64decode(row["embedding"]), "<f4") for row in coded["data"]]
    assert np.allclose(floats, np.array(decoded), atol=1e-7)
    assert [row["index"] for row in coded["data"]] == list(range(40))
    assert np.allclose(floats[7], rows(await embed(backend, texts[7]))[0], atol=1e-6)


async def test_token_ids_mean_their_text(backend: EmbeddedEmbeddingsBackend) -> None:
    assert np.allclose(rows(await embed(backend, [15339, 1917])), rows(await embed(backend, "hello world")), atol=1e-6)
    with pytest.raises(APIError, match="999999") as caught:
        await embed(backend, [[1], [999_999]])
    assert (caught.value.code, caught.value.param) == ("invalid_value", "input[1]")


async def test_a_long_text_is_embedded_window_by_window(backend: EmbeddedEmbeddingsBackend) -> None:
    answer = await embed(backend, ["The cat sleeps. " * 200, "a sleeping cat", "quarterly stock report"])
    assert answer["usage"]["prompt_tokens"] > 800
    long, alike, other = rows(answer)
    assert long @ alike > long @ other
    assert np.isclose(np.linalg.norm(long), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("given", "message", "code"),
    [
        ("cat " * 9000, "maximum context length is 8192 tokens, however you requested 9000 tokens", None),
        ("cat " * 200_000, "maximum context length is 8192 tokens, however you requested at least", None),
        (["cat " * 8000] * 40, "Requested at least [0-9]+ tokens, max 300000", "max_tokens_per_request"),
    ],
)
async def test_what_is_over_the_limits_is_refused(
    backend: EmbeddedEmbeddingsBackend, given: Any, message: str, code: str | None
) -> None:
    with pytest.raises(APIError, match=message) as caught:
        await embed(backend, given)
    assert (caught.value.code, caught.value.param) == (code, None)


async def test_dimensions_are_refused_for_the_model_was_not_trained_to_be_cut(
    backend: EmbeddedEmbeddingsBackend,
) -> None:
    with pytest.raises(APIError) as caught:
        await embed(backend, "a", dimensions=64)
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "dimensions")


async def test_it_neither_chats_nor_completes(backend: EmbeddedEmbeddingsBackend) -> None:
    assert backend.fingerprint(Call(TARGET)) == "fp_minilm"
    # As an upstream's model might be, were it put down in the catalog as one that chats.
    chat = parse_chat({"model": "m", "messages": [{"role": "user", "content": "Hi"}]})
    with pytest.raises(APIError) as caught:
        backend.chat_deltas(chat, Call(TARGET))
    assert (caught.value.status_code, caught.value.code) == (400, "unsupported_parameter")
    with pytest.raises(APIError):
        backend.completion_deltas(parse_completion({"model": "m"}), Call(TARGET))


async def until_two_wait(held: "Held") -> None:
    async with asyncio.timeout(5):
        while held.batcher.waiting < 2:  # noqa: ASYNC110 - the batcher has no event for it
            await asyncio.sleep(0.005)


class Held(EmbeddedEmbeddingsBackend):
    """A model that is busy until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.running = threading.Event()
        self.go = threading.Event()
        real = self.batcher._run

        def run(batch: Any) -> Any:
            self.running.set()
            self.go.wait(10)
            return real(batch)

        self.batcher._run = run


@pytest_asyncio.fixture
async def held(settings: Settings) -> AsyncIterator[Held]:
    settings.LUKHAS_EMBED_QUEUE = 2
    settings.LUKHAS_EMBED_THREADS = 1
    backend = Held()
    backend.load()
    yield backend
    backend.go.set()


async def test_when_the_queue_is_full_the_next_caller_is_told_when_to_come_again(held: Held) -> None:
    first = asyncio.create_task(embed(held, "a"))
    await asyncio.to_thread(held.running.wait, 5)
    second = asyncio.create_task(embed(held, ["b", "c"]))
    await until_two_wait(held)
    with pytest.raises(Overloaded) as caught:
        await embed(held, "d")
    assert caught.value.status_code == 503
    assert int(caught.value.headers["retry-after"]) >= 1
    held.go.set()
    assert len((await first)["data"]) == 1
    assert len((await second)["data"]) == 2
    assert len((await embed(held, "d"))["data"]) == 1


async def test_a_caller_who_hangs_up_leaves_the_queue(held: Held) -> None:
    first = asyncio.create_task(embed(held, "a"))
    await asyncio.to_thread(held.running.wait, 5)
    second = asyncio.create_task(embed(held, ["b", "c"]))
    await until_two_wait(held)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    assert held.batcher.waiting == 0
    held.go.set()
    await first
