"""POST /v1/completions on the wire, with the echo behind it."""

from typing import Any

import httpx
import pytest

from tests.api.people import check_who_is_served
from tests.api.streams import chunks_of, text_of
from tests.conftest import MakeKey

PATH = "/v1/completions"
ASKED: dict[str, Any] = {"model": "lukhas-echo-1", "prompt": "Hello, world"}


def test_whoever_has_a_key_with_the_scope_is_answered(anonymous: httpx.Client, make_key: MakeKey) -> None:
    check_who_is_served(anonymous, make_key, "model.request", "POST", PATH, json=ASKED)


def test_a_completion_is_answered_in_the_specifications_shape(client: httpx.Client) -> None:
    body = client.post(PATH, json=ASKED).json()
    assert body["object"] == "text_completion"
    assert body["id"].startswith("cmpl-")
    assert body["choices"] == [{"text": "Hello, world", "index": 0, "logprobs": None, "finish_reason": "stop"}]
    assert body["usage"]["total_tokens"] == 6


def test_choices_are_numbered_prompt_by_prompt(client: httpx.Client) -> None:
    for asked in ({"prompt": ["a", "b"], "n": 2}, {"prompt": [[64], [65]], "n": 2}):
        body = client.post(PATH, json={**ASKED, **asked}).json()
        assert [(one["index"], one["text"]) for one in body["choices"]] == [(0, "a"), (1, "a"), (2, "b"), (3, "b")]


def test_sixteen_tokens_are_the_default(client: httpx.Client) -> None:
    body = client.post(PATH, json={**ASKED, "prompt": "word " * 50}).json()
    assert (body["usage"]["completion_tokens"], body["choices"][0]["finish_reason"]) == (16, "length")


def test_a_stream_says_the_same_with_a_null_reason_until_the_end(client: httpx.Client) -> None:
    asked = {**ASKED, "stream": True, "n": 2, "echo": True, "stream_options": {"include_usage": True}}
    *chunks, last = chunks_of(client.post(PATH, json=asked))
    assert [text_of(chunks, at) for at in (0, 1)] == ["Hello, worldHello, world"] * 2
    reasons = [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"] if choice["index"] == 1]
    assert reasons[-1] == "stop"
    assert set(reasons[:-1]) == {None}
    assert last["usage"]["completion_tokens"] == 6


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("asked", "code", "param"),
    [
        ({"suffix": "x"}, "unsupported_parameter", "suffix"),
        ({"prompt": ["a"] * 2048, "n": 2}, "invalid_value", "n"),
        ({"prompt": [2**31 - 1]}, "invalid_value", "prompt"),
        ({"model": "lukhas-embed-1"}, "model_not_supported", "model"),
        ({"model": "absent"}, "model_not_found", "model"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_said(
    client: httpx.Client, asked: Any, code: str, param: str, stream: bool
) -> None:
    answer = client.post(PATH, json={**ASKED, **asked, "stream": stream})
    assert answer.status_code == (404 if code == "model_not_found" else 400)
    assert (answer.json()["error"]["code"], answer.json()["error"]["param"]) == (code, param)
