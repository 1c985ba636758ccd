"""POST /v1/chat/completions on the wire, with the echo behind it."""

import json
import threading
import time
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest
import structlog
from pytest_django import Settings

from tests.api.people import check_who_is_served
from tests.api.streams import chunks_of, text_of
from tests.conftest import MakeKey
from tests.processes import eventually
from tests.serving import Server

PATH = "/v1/chat/completions"
CHAT: dict[str, Any] = {"model": "lukhas-echo-1", "messages": [{"role": "user", "content": "Hello, world"}]}


def test_whoever_has_a_key_with_the_scope_is_answered(anonymous: httpx.Client, make_key: MakeKey) -> None:
    check_who_is_served(anonymous, make_key, "model.request", "POST", PATH, json=CHAT)


def test_a_chat_is_answered_in_the_specifications_shape(client: httpx.Client) -> None:
    answer = client.post(PATH, json=CHAT)
    body = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert body["object"] == "chat.completion"
    assert body["id"].startswith("chatcmpl-")
    assert abs(body["created"] - time.time()) < 60
    assert body["model"] == "lukhas-echo-1"
    assert body["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello, world", "refusal": None, "annotations": []},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert body["usage"]["total_tokens"] == 6


def test_a_stream_is_one_answer_in_pieces(client: httpx.Client) -> None:
    answer = client.post(PATH, json={**CHAT, "stream": True, "n": 2})
    chunks = chunks_of(answer)
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-accel-buffering"] == "no"
    assert "content-encoding" not in answer.headers
    assert "content-length" not in answer.headers
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1
    assert [text_of(chunks, at) for at in (0, 1)] == ["Hello, world"] * 2
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert [c["choices"][0]["finish_reason"] for c in chunks].count("stop") == 2
    assert not any("usage" in chunk for chunk in chunks)


def test_a_stream_tells_the_usage_to_who_asks_for_it(client: httpx.Client) -> None:
    *chunks, last = chunks_of(
        client.post(PATH, json={**CHAT, "stream": True, "stream_options": {"include_usage": True}})
    )
    assert all(chunk["usage"] is None for chunk in chunks)
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 6)


def test_a_stream_arrives_while_it_is_made(client: httpx.Client, settings: Settings) -> None:
    settings.LUKHAS_ECHO_CHUNK_SECONDS = 0.1
    with client.stream("POST", PATH, json={**CHAT, "stream": True}) as answer:
        arrivals = [time.monotonic() for line in answer.iter_lines() if line]
    assert arrivals[-1] - arrivals[0] > 0.15


def test_a_silent_model_is_heard_to_be_alive(client: httpx.Client, settings: Settings) -> None:
    settings.LUKHAS_ECHO_CHUNK_SECONDS = 0.3
    settings.LUKHAS_STREAM_PING_SECONDS = 0.05
    answer = client.post(PATH, json={**CHAT, "stream": True})
    assert ": ping\n\n" in answer.text
    assert text_of(chunks_of(answer)) == "Hello, world"


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_before_the_first_piece_is_a_status(client: httpx.Client, stream: bool) -> None:
    answer = client.post(PATH, json={**CHAT, "stream": stream, "logit_bias": {"999999": 1}})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["error"]["param"] == "logit_bias"


class Pause(float):
    """Seconds that tell when somebody is about to wait for them."""

    begun = threading.Event()

    def __bool__(self) -> bool:
        self.begun.set()
        return True


@pytest.mark.parametrize("stream", [False, True])
def test_what_was_used_is_logged_when_the_caller_hangs_up(
    server: Server, api_key: str, settings: Settings, stream: bool
) -> None:
    settings.LUKHAS_ECHO_CHUNK_SECONDS = Pause(60)
    Pause.begun.clear()
    headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
    with structlog.testing.capture_logs() as lines:
        with closing(HTTPConnection(*server.socket.getsockname())) as caller:
            caller.request("POST", PATH, json.dumps({**CHAT, "stream": stream}), headers)
            assert Pause.begun.wait(30), "the model is at its first token"
        eventually(lambda: any(line["event"] == "request" for line in lines), 30, "its end is noticed")
    (line,) = [line for line in lines if line["event"] == "request"]
    assert (line["status"], line["input_tokens"], line["output_tokens"]) == (499, 3, 0)


def test_of_duplicate_keys_the_last_wins(client: httpx.Client) -> None:
    body = b'{"model":"x","model":"lukhas-echo-1","messages":[{"role":"user","content":"a","content":"b"}]}'
    answer = client.post(PATH, content=body, headers={"Content-Type": "application/json; charset=utf-8"})
    assert answer.json()["choices"][0]["message"]["content"] == "b"


def test_an_answer_that_is_long_is_compressed_and_a_stream_never(client: httpx.Client) -> None:
    long = {**CHAT, "messages": [{"role": "user", "content": "word " * 500}]}
    assert client.post(PATH, json=long).headers["content-encoding"] == "gzip"
    assert "content-encoding" not in client.post(PATH, json={**long, "stream": True}).headers


HOSTILE_SCHEMAS: list[dict[str, Any]] = [
    {"type": 5},
    {"enum": {}},
    {"required": "x"},
    {"type": "array", "minItems": 10**9},
    {"type": "string", "minLength": 10**9},
    {"type": "string", "pattern": "(a+)+$"},
    {"$ref": "http://192.0.2.1/schema.json"},
    {"not": {"$ref": "http://192.0.2.1/schema.json"}},
    {"$ref": "#"},
]


@pytest.mark.parametrize("schema", HOSTILE_SCHEMAS)
@pytest.mark.parametrize("as_tool", [False, True])
def test_a_hostile_schema_is_400_at_once_and_the_next_request_works(
    client: httpx.Client, schema: dict[str, Any], as_tool: bool
) -> None:
    if as_tool:
        parameters = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
        tool = {"type": "function", "function": {"name": "f", "parameters": parameters}}
        body = {**CHAT, "tools": [tool], "tool_choice": "required"}
    else:
        body = {**CHAT, "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}}
    answer = client.post(PATH, json=body, timeout=10)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "invalid_value"
    assert len(answer.text) < 1000
    assert client.post(PATH, json=CHAT).status_code == 200


def test_megabytes_times_128_choices_are_refused_and_the_next_request_works(client: httpx.Client) -> None:
    huge = {**CHAT, "n": 128, "messages": [{"role": "user", "content": "word " * 2_000_000}]}
    answer = client.post(PATH, json=huge)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")
    assert len(answer.text) < 1000
    large = {**CHAT, "n": 128, "messages": [{"role": "user", "content": "word " * 100_000}]}
    body = client.post(PATH, json=large).json()
    assert body["usage"]["completion_tokens"] == 65_536
    assert {choice["finish_reason"] for choice in body["choices"]} == {"length"}
    assert client.post(PATH, json=CHAT).status_code == 200
