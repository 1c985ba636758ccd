"""POST /v1/embeddings on the wire: with the real model, and the echo for what needs none."""

import base64
from typing import Any

import httpx
import numpy as np
import pytest

from api.backends import registry
from api.backends.embedded_embeddings import EmbeddedEmbeddingsBackend
from api.exceptions import Overloaded
from tests.api.people import check_who_is_served
from tests.conftest import MakeKey

PATH = "/v1/embeddings"
ASKED: dict[str, Any] = {"model": "lukhas-embed-1", "input": "Hello, world"}


def test_whoever_has_a_key_with_the_scope_is_answered(anonymous: httpx.Client, make_key: MakeKey) -> None:
    check_who_is_served(anonymous, make_key, "model.request", "POST", PATH, json=ASKED)


@pytest.mark.parametrize(("model", "dimensions"), [("lukhas-embed-1", 384), ("lukhas-echo-1", 64)])
def test_embeddings_come_in_the_specifications_shape(client: httpx.Client, model: str, dimensions: int) -> None:
    body = client.post(PATH, json={"model": model, "input": ["a b", "c"]}).json()
    assert body["object"] == "list"
    assert body["model"] == model
    assert [(row["object"], row["index"], len(row["embedding"])) for row in body["data"]] == [
        ("embedding", 0, dimensions),
        ("embedding", 1, dimensions),
    ]
    assert body["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


@pytest.mark.parametrize("model", ["lukhas-embed-1", "lukhas-echo-1"])
def test_all_four_shapes_of_an_input_and_both_encodings_say_the_same(client: httpx.Client, model: str) -> None:
    shapes: list[Any] = ["hello world", ["hello world"], [15339, 1917], [[15339, 1917]]]
    rows = []
    for given in shapes:
        floats = client.post(PATH, json={"model": model, "input": given}).json()["data"][0]["embedding"]
        coded = client.post(PATH, json={"model": model, "input": given, "encoding_format": "base64"}).json()
        decoded = np.frombuffer(base64.b64decode(coded["data"][0]["embedding"]), "<f4")
        assert np.allclose(floats, decoded, atol=1e-6)
        rows.append(floats)
    assert np.allclose(rows, rows[0], atol=1e-6)


def test_the_password_beats_the_cat(client: httpx.Client) -> None:
    texts = ["reset my password", "forgot my credentials", "stocks", "cat"]
    rows = [row["embedding"] for row in client.post(PATH, json={**ASKED, "input": texts}).json()["data"]]
    assert np.dot(rows[0], rows[1]) > np.dot(rows[2], rows[3]) + 0.3


@pytest.mark.parametrize(
    ("asked", "code", "param"),
    [
        ({"input": ""}, "invalid_value", "input"),
        ({"input": ["a"] * 2049}, "array_above_max_length", "input"),
        ({"input": [999_999]}, "invalid_value", "input"),
        ({"input": [-1]}, "invalid_value", "input[0]"),
        ({"dimensions": 64}, "unsupported_parameter", "dimensions"),
        ({"stream": True}, "unknown_parameter", "stream"),
        ({"model": "lukhas-chat-1"}, "model_not_supported", "model"),
    ],
)
def test_what_cannot_be_is_refused(client: httpx.Client, asked: Any, code: str, param: str) -> None:
    answer = client.post(PATH, json={**ASKED, **asked})
    assert answer.status_code == 400
    assert (answer.json()["error"]["code"], answer.json()["error"]["param"]) == (code, param)


def test_a_full_queue_is_503_with_retry_after_and_the_next_request_works(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = registry.backend("embedded-embeddings")
    assert isinstance(backend, EmbeddedEmbeddingsBackend)

    async def full(items: object) -> None:
        raise Overloaded(retry_after=3)

    with monkeypatch.context() as patched:
        patched.setattr(backend.batcher, "submit", full)
        answer = client.post(PATH, json=ASKED)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "server_is_overloaded")
    assert answer.headers["retry-after"] == "3"
    assert client.post(PATH, json=ASKED).status_code == 200
