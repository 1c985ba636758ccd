"""Bad input to every endpoint that takes a body: each its own clear error, nothing changed, the next request served.

Where it is not said otherwise the error is found before any model is asked, so that a model of this process and one
of another server are treated alike; the other server must never hear of it.
"""

import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.apps import apps
from django.db import connection

from tests.conftest import OWN_APPS
from tests.mock_upstream import MODEL, MockUpstream
from tests.serving import Server

ECHO = "lukhas-echo-1"
REMOTE = "remote-1"
TURN = {"role": "user", "content": "Hi"}
GOOD: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [TURN]},
    "/v1/responses": {"input": "Hi"},
    "/v1/completions": {"prompt": "Hi"},
    "/v1/embeddings": {"input": "Hi"},
    "/v1/moderations": {"input": "Hi"},
}
CHAT, RESPONSES, COMPLETIONS, EMBEDDINGS, MODERATIONS = GOOD
TOO_LONG = 10 * 1024 * 1024
THIRTY_DIGITS = 10**29

Refused = Callable[..., dict[str, Any]]


def rows() -> dict[str, int]:
    """How many rows each table of ours has, but for the books: what was asked is written there a little later."""
    known = (model._meta for model in apps.get_models() if model._meta.app_label in OWN_APPS)
    tables = [meta.db_table for meta in known if meta.app_label != "analytics"]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT '{table}', COUNT(*) FROM {table}" for table in tables))
        return dict(cursor.fetchall())


def body_of(path: str, asked: str = ECHO, /, **changes: Any) -> dict[str, Any]:
    """A good body for an endpoint, changed."""
    return {"model": asked, **GOOD[path], **changes}


@pytest.fixture(autouse=True)
def judging(database: None) -> None:
    """The echo answers at every endpoint."""
    from api.models import Model

    Model.objects.filter(model_id=ECHO).update(moderations=True)


@pytest.fixture
def remote(database: None, upstream: MockUpstream) -> MockUpstream:
    """Another server, behind the model `remote-1`."""
    from api import catalog
    from api.models import Model, Upstream

    place = Upstream.objects.create(name="remote", kind=Upstream.Kind.OPENAI, base_url=upstream.url)
    Model.objects.create(model_id=REMOTE, upstream=place, upstream_model=MODEL, moderations=True)
    catalog.forget()
    return upstream


@pytest.fixture
def refused(client: httpx.Client) -> Iterator[Refused]:
    """Sends something bad, and returns the error: `refused(path, status, code, param, json=…)`.

    What is true of every refusal is checked here: the envelope, the headers, that no row came or went, and, once the
    test is over, that a good request is served.
    """
    asked: set[str] = set()

    def refuse(
        path: str, status: int, code: str | None, param: str | None = None, *, method: str = "POST", **sent: Any
    ) -> dict[str, Any]:
        before = rows()
        response = client.request(method, path, **sent)
        assert response.status_code == status, response.text[:500]
        assert response.headers["content-type"] == "application/json"
        assert response.headers["x-request-id"].startswith("req_")
        assert int(response.headers["openai-processing-ms"]) >= 0
        assert len(response.content) < 4096, "an error must not hand a caller's megabytes back"
        assert list(response.json()) == ["error"]
        error: dict[str, Any] = response.json()["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert error["type"] == "invalid_request_error"
        assert error["message"]
        assert (error["code"], error["param"]) == (code, param), error
        assert rows() == before
        asked.add(path)
        return error

    yield refuse
    for path in asked & GOOD.keys():
        assert client.post(path, json=body_of(path)).status_code == 200


everywhere = pytest.mark.parametrize("path", GOOD)
either = pytest.mark.parametrize("model", [ECHO, REMOTE])


# --- Not even JSON ---------------------------------------------------------------------------------------------


@everywhere
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b"hello",
        b"{",
        b"{}}",
        b"{'model': 'x'}",
        b'{"model": "x",}',
        b'{"model": "x"} // comment',
        b"\xef\xbb\xbf{}",
        b'{"model": "\xff\xfe"}',
        '{"model": "x"}'.encode("utf-16"),
        b'{"model": "a\nb"}',
        b'{"seed": 01}',
        b'{"temperature": NaN}',
        b'{"temperature": Infinity}',
        b'{"temperature": -Infinity}',
        b'{"temperature": 1e999}',
        b'{"model": "\\ud800"}',
        b'{"model": "\\udc00\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"model": "\xed\xa0\x80"}',
    ],
)
def test_what_is_not_json_is_refused(refused: Refused, path: str, content: bytes) -> None:
    error = refused(path, 400, None, content=content, headers={"Content-Type": "application/json"})
    assert "JSON" in error["message"]


@everywhere
@pytest.mark.parametrize("content", [b"[]", b"[{}]", b'"model"', b"1", b"1.5", b"true", b"null"])
def test_json_that_is_not_an_object_is_refused(refused: Refused, path: str, content: bytes) -> None:
    error = refused(path, 400, None, content=content, headers={"Content-Type": "application/json"})
    assert "object" in error["message"]


@everywhere
@pytest.mark.parametrize(
    ("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]"), (b"[", b""), (b'{"a":', b"")]
)
def test_nesting_of_five_thousand_levels_is_refused(
    refused: Refused, path: str, opening: bytes, closing: bytes
) -> None:
    deep = opening * 5000 + b"1" + closing * 5000
    refused(path, 400, None, content=b'{"metadata": %b}' % deep, headers={"Content-Type": "application/json"})


@everywhere
def test_nesting_is_allowed_to_128_levels_and_no_further(refused: Refused, client: httpx.Client, path: str) -> None:
    def nested(levels: int) -> bytes:
        fields = json.dumps(body_of(path))[1:-1].encode()
        return b'{"user": %b, %b}' % (b"[" * (levels - 1) + b"]" * (levels - 1), fields)

    json_type = {"Content-Type": "application/json"}
    code = "unknown_parameter" if path == MODERATIONS else "invalid_type"
    refused(path, 400, code, "user", content=nested(128), headers=json_type)
    error = refused(path, 400, None, content=nested(129), headers=json_type)
    assert "128" in error["message"]


@everywhere
def test_brackets_in_texts_are_no_nesting(client: httpx.Client, path: str) -> None:
    field = next(iter(GOOD[path]))
    text = '[{"\\' * 5000
    value = [{**TURN, "content": text}] if path == CHAT else text
    assert client.post(path, json=body_of(path, **{field: value})).status_code == 200


# --- Not as HTTP wants it --------------------------------------------------------------------------------------


@everywhere
@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "",
        "x",
    ],
)
def test_another_content_type_than_json_is_refused(refused: Refused, path: str, content_type: str) -> None:
    content = json.dumps(body_of(path)).encode()
    refused(path, 415, "unsupported_content_type", content=content, headers={"Content-Type": content_type})


@everywhere
def test_no_content_type_is_refused(refused: Refused, path: str) -> None:
    refused(path, 415, "unsupported_content_type", content=json.dumps(body_of(path)).encode())


@everywhere
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_another_method_is_refused(refused: Refused, client: httpx.Client, path: str, method: str) -> None:
    refused(path, 405, "method_not_allowed", method=method)
    assert "POST" in client.request(method, path).headers["allow"]


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/chat", "/v1/chat/completions/", "/v1/embeddings/x", "/v2/models"])
def test_an_unknown_url_is_refused(refused: Refused, path: str) -> None:
    error = refused(path, 404, None, json={})
    assert error["message"] == f"Invalid URL (POST {path})"


@everywhere
@pytest.mark.parametrize("name", ["X-Client-Request-Id"])
@pytest.mark.parametrize("value", ["x" * 513, "ä"])
def test_a_client_request_id_that_cannot_be_logged_is_refused(
    refused: Refused, path: str, name: str, value: str
) -> None:
    refused(path, 400, "invalid_value", json=body_of(path), headers={name: value.encode("latin-1")})  # type: ignore[dict-item]


# --- Wrong types, at every level -------------------------------------------------------------------------------

WRONG_TYPES: dict[str, list[tuple[dict[str, Any], str]]] = {
    CHAT: [
        ({"model": 5}, "model"),
        ({"model": None}, "model"),
        ({"model": ["x"]}, "model"),
        ({"messages": "Hi"}, "messages"),
        ({"messages": {"role": "user"}}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": ["Hi"]}, "messages[0]"),
        ({"messages": [None]}, "messages[0]"),
        ({"messages": [TURN, 5]}, "messages[1]"),
        ({"messages": [{"role": 5, "content": "Hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": {"type": "text"}}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["Hi"]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": 5}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]}, "messages[0].content[0].text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]},
            "messages[0].content[0].image_url",
        ),
        ({"messages": [{**TURN, "name": 5}]}, "messages[0].name"),
        ({"messages": [{"role": "assistant", "tool_calls": {}}]}, "messages[0].tool_calls"),
        ({"messages": [{"role": "assistant", "tool_calls": [5]}]}, "messages[0].tool_calls[0]"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": []}]}]},
            "messages[0].tool_calls[0].function",
        ),
        ({"messages": [{"role": "tool", "content": "x", "tool_call_id": 5}]}, "messages[0].tool_call_id"),
        ({"stream": "true"}, "stream"),
        ({"stream": 1}, "stream"),
        ({"stream": True, "stream_options": True}, "stream_options"),
        ({"stream": True, "stream_options": {"include_usage": "yes"}}, "stream_options.include_usage"),
        ({"temperature": "1"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"n": 1.5}, "n"),
        ({"n": "1"}, "n"),
        ({"n": True}, "n"),
        ({"seed": 1.5}, "seed"),
        ({"stop": 5}, "stop"),
        ({"stop": ["a", 5]}, "stop[1]"),
        ({"logit_bias": []}, "logit_bias"),
        ({"logit_bias": {"5": "1"}}, "logit_bias.5"),
        ({"tools": {}}, "tools"),
        ({"tools": ["x"]}, "tools[0]"),
        ({"tools": [{"type": "function", "function": "x"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {"name": 5}}]}, "tools[0].function.name"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]},
            "tools[0].function.parameters",
        ),
        ({"tool_choice": 5}, "tool_choice"),
        ({"response_format": "json_object"}, "response_format"),
        ({"response_format": {"type": 5}}, "response_format.type"),
        ({"response_format": {"type": "json_schema", "json_schema": []}}, "response_format.json_schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": []}}},
            "response_format.json_schema.schema",
        ),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"a": 5}}, "metadata.a"),
        ({"user": {}}, "user"),
    ],
    RESPONSES: [
        ({"model": 5}, "model"),
        ({"input": 5}, "input"),
        ({"input": None}, "input"),
        ({"input": {"role": "user"}}, "input"),
        ({"input": ["Hi"]}, "input[0]"),
        ({"input": [TURN, None]}, "input[1]"),
        ({"input": [{**TURN, "type": 5}]}, "input[0].type"),
        ({"input": [{"role": 5, "content": "Hi"}]}, "input[0].role"),
        ({"input": [{"role": None, "content": "Hi"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": 5}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": None}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": ["Hi"]}]}, "input[0].content[0]"),
        ({"input": [{"role": "user", "content": [{"type": 5}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_text", "text": 5}]}]}, "input[0].content[0].text"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": {}}]}]},
            "input[0].content[0].image_url",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x", "detail": 5}]}]},
            "input[0].content[0].detail",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_data": 5}]}]},
            "input[0].content[0].file_data",
        ),
        ({"input": [{"type": "function_call", "call_id": "c", "name": 5, "arguments": ""}]}, "input[0].name"),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": {}}]}, "input[0].arguments"),
        ({"input": [{"type": "function_call_output", "call_id": 5, "output": ""}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": 5}]}, "input[0].output"),
        ({"instructions": ["Hi"]}, "instructions"),
        ({"stream": 1}, "stream"),
        ({"stream": True, "stream_options": True}, "stream_options"),
        ({"stream": True, "stream_options": {"include_obfuscation": 1}}, "stream_options.include_obfuscation"),
        ({"max_output_tokens": "16"}, "max_output_tokens"),
        ({"temperature": "1"}, "temperature"),
        ({"top_logprobs": True}, "top_logprobs"),
        ({"include": "message.output_text.logprobs"}, "include"),
        ({"include": [5]}, "include[0]"),
        ({"text": "json"}, "text"),
        ({"text": {"verbosity": 1}}, "text.verbosity"),
        ({"text": {"format": "json_object"}}, "text.format"),
        ({"text": {"format": {"type": 5}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "name": "n", "schema": []}}}, "text.format.schema"),
        (
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": {}, "description": 5}}},
            "text.format.description",
        ),
        ({"reasoning": "high"}, "reasoning"),
        ({"reasoning": {"effort": 5}}, "reasoning.effort"),
        ({"tools": {}}, "tools"),
        ({"tools": ["x"]}, "tools[0]"),
        ({"tools": [{"type": 5}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "name": 5}]}, "tools[0].name"),
        ({"tools": [{"type": "function", "name": "f", "parameters": []}]}, "tools[0].parameters"),
        ({"tools": [{"type": "function", "name": "f", "strict": 1}]}, "tools[0].strict"),
        ({"tool_choice": 5}, "tool_choice"),
        ({"tool_choice": {"type": "function", "name": 5}}, "tool_choice.name"),
        ({"metadata": {"a": 5}}, "metadata.a"),
        ({"store": "false"}, "store"),
        ({"background": 0}, "background"),
        ({"user": {}}, "user"),
    ],
    COMPLETIONS: [
        ({"model": 5}, "model"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": {}}, "prompt"),
        ({"prompt": ["a", 5]}, "prompt[1]"),
        ({"prompt": [5, "a"]}, "prompt[1]"),
        ({"prompt": [[5], "a"]}, "prompt[1]"),
        ({"prompt": [[5, "a"]]}, "prompt[0][1]"),
        ({"prompt": [[True]]}, "prompt[0][0]"),
        ({"max_tokens": "16"}, "max_tokens"),
        ({"echo": "true"}, "echo"),
        ({"logprobs": True}, "logprobs"),
        ({"suffix": 5}, "suffix"),
        ({"best_of": "2"}, "best_of"),
    ],
    EMBEDDINGS: [
        ({"model": 5}, "model"),
        ({"input": 5}, "input"),
        ({"input": {}}, "input"),
        ({"input": True}, "input"),
        ({"input": ["a", None]}, "input[1]"),
        ({"input": ["a", 5]}, "input[1]"),
        ({"input": [5, "a"]}, "input[1]"),
        ({"input": [None]}, "input[0]"),
        ({"input": [[5], 5]}, "input[1]"),
        ({"input": [[5, 1.5]]}, "input[0][1]"),
        ({"input": [[[5]]]}, "input[0][0]"),
        ({"dimensions": "64"}, "dimensions"),
        ({"dimensions": 1.5}, "dimensions"),
        ({"encoding_format": 5}, "encoding_format"),
        ({"user": 5}, "user"),
    ],
}


@either
@pytest.mark.parametrize(
    ("path", "changes", "param"),
    [
        pytest.param(path, changes, param, id=f"{path.rpartition('/')[2]}-{at}-{param}")
        for path, cases in WRONG_TYPES.items()
        for at, (changes, param) in enumerate(cases)
    ],
)
def test_a_wrong_type_is_named_with_its_place(
    refused: Refused, remote: MockUpstream, model: str, path: str, changes: dict[str, Any], param: str
) -> None:
    error = refused(path, 400, "invalid_type", param, json=body_of(path, model, **changes))
    assert param in error["message"]
    assert remote.requests == []


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        (CHAT, {}, "model"),
        (CHAT, {"model": ECHO}, "messages"),
        (CHAT, {"model": ECHO, "messages": [{}]}, "messages[0].role"),
        (CHAT, {"model": ECHO, "messages": [{"role": "user"}]}, "messages[0].content"),
        (CHAT, {"model": ECHO, "messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0].type"),
        (CHAT, {"model": ECHO, "messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        (CHAT, {"model": ECHO, "messages": [TURN], "tools": [{"type": "function"}]}, "tools[0].function"),
        (CHAT, {"model": ECHO, "messages": [TURN], "response_format": {}}, "response_format.type"),
        (RESPONSES, {}, "model"),
        (RESPONSES, {"model": ECHO}, "input"),
        (RESPONSES, {"model": ECHO, "input": [{}]}, "input[0].role"),
        (RESPONSES, {"model": ECHO, "input": [{"role": "user"}]}, "input[0].content"),
        (RESPONSES, {"model": ECHO, "input": [{"role": "user", "content": [{}]}]}, "input[0].content[0].type"),
        (
            RESPONSES,
            {"model": ECHO, "input": [{"role": "user", "content": [{"type": "input_text"}]}]},
            "input[0].content[0].text",
        ),
        (
            RESPONSES,
            {"model": ECHO, "input": [{"role": "user", "content": [{"type": "input_image"}]}]},
            "input[0].content[0].image_url",
        ),
        (RESPONSES, {"model": ECHO, "input": [{"type": "function_call"}]}, "input[0].call_id"),
        (RESPONSES, {"model": ECHO, "input": [{"type": "function_call_output"}]}, "input[0].call_id"),
        (
            RESPONSES,
            {"model": ECHO, "input": [{"type": "function_call_output", "call_id": "c"}]},
            "input[0].output",
        ),
        (RESPONSES, {"model": ECHO, "input": "Hi", "tools": [{}]}, "tools[0].type"),
        (RESPONSES, {"model": ECHO, "input": "Hi", "tools": [{"type": "function"}]}, "tools[0].name"),
        (RESPONSES, {"model": ECHO, "input": "Hi", "tool_choice": {"type": "function"}}, "tool_choice.name"),
        (RESPONSES, {"model": ECHO, "input": "Hi", "text": {"format": {}}}, "text.format.type"),
        (
            RESPONSES,
            {"model": ECHO, "input": "Hi", "text": {"format": {"type": "json_schema"}}},
            "text.format.name",
        ),
        (
            RESPONSES,
            {"model": ECHO, "input": "Hi", "text": {"format": {"type": "json_schema", "name": "n"}}},
            "text.format.schema",
        ),
        (COMPLETIONS, {}, "model"),
        (EMBEDDINGS, {}, "model"),
        (EMBEDDINGS, {"model": ECHO}, "input"),
        (EMBEDDINGS, {"model": ECHO, "input": None}, "input"),
    ],
)
def test_what_is_missing_is_named_with_its_place(refused: Refused, path: str, body: dict[str, Any], param: str) -> None:
    refused(path, 400, "missing_required_parameter", param, json=body)


# --- Too large, too long, too many, out of range -----------------------------------------------------------------


@either
@pytest.mark.parametrize(
    ("path", "changes", "code", "param"),
    [
        (CHAT, {"seed": THIRTY_DIGITS}, "integer_above_max_value", "seed"),
        (CHAT, {"seed": -THIRTY_DIGITS}, "integer_below_min_value", "seed"),
        (CHAT, {"n": THIRTY_DIGITS}, "integer_above_max_value", "n"),
        (CHAT, {"n": 129}, "integer_above_max_value", "n"),
        (CHAT, {"n": 0}, "integer_below_min_value", "n"),
        (CHAT, {"max_tokens": THIRTY_DIGITS}, "integer_above_max_value", "max_tokens"),
        (CHAT, {"temperature": THIRTY_DIGITS}, "decimal_above_max_value", "temperature"),
        (CHAT, {"temperature": -0.1}, "decimal_below_min_value", "temperature"),
        (CHAT, {"top_p": 1.1}, "decimal_above_max_value", "top_p"),
        (CHAT, {"presence_penalty": -2.1}, "decimal_below_min_value", "presence_penalty"),
        (CHAT, {"logprobs": True, "top_logprobs": 21}, "integer_above_max_value", "top_logprobs"),
        (CHAT, {"top_logprobs": 2}, "invalid_value", "top_logprobs"),
        (CHAT, {"messages": []}, "empty_array", "messages"),
        (CHAT, {"messages": [{"role": "user", "content": []}]}, "empty_array", "messages[0].content"),
        (CHAT, {"messages": [{"role": "wizard", "content": "x"}]}, "invalid_value", "messages[0].role"),
        (CHAT, {"stop": ["a"] * 5}, "array_above_max_length", "stop"),
        (CHAT, {"stop": [""]}, "empty_string", "stop[0]"),
        (CHAT, {"stop": ""}, "empty_string", "stop"),
        (CHAT, {"logit_bias": {"5": 101}}, "invalid_value", "logit_bias.5"),
        (CHAT, {"logit_bias": {"5": THIRTY_DIGITS}}, "invalid_value", "logit_bias.5"),
        (CHAT, {"logit_bias": {"five": 1}}, "invalid_value", "logit_bias"),
        (CHAT, {"logit_bias": {"9" * 30: 1}}, "invalid_value", "logit_bias"),
        (CHAT, {"tools": []}, "empty_array", "tools"),
        (
            CHAT,
            {"tools": [{"type": "function", "function": {"name": "f"}}] * 129},
            "array_above_max_length",
            "tools",
        ),
        (
            CHAT,
            {"tools": [{"type": "function", "function": {"name": "a b"}}]},
            "invalid_value",
            "tools[0].function.name",
        ),
        (CHAT, {"metadata": {str(at): "x" for at in range(17)}}, "object_above_max_properties", "metadata"),
        (CHAT, {"metadata": {"a": "x" * 513}}, "string_above_max_length", "metadata.a"),
        (CHAT, {"metadata": {"a" * 65: "x"}}, "string_above_max_length", "metadata"),
        (CHAT, {"stream_options": {"include_usage": True}}, "invalid_value", "stream_options"),
        (RESPONSES, {"max_output_tokens": 15}, "integer_below_min_value", "max_output_tokens"),
        (RESPONSES, {"max_output_tokens": THIRTY_DIGITS}, "integer_above_max_value", "max_output_tokens"),
        (RESPONSES, {"temperature": 2.1}, "decimal_above_max_value", "temperature"),
        (RESPONSES, {"top_p": -0.1}, "decimal_below_min_value", "top_p"),
        (RESPONSES, {"top_logprobs": 21}, "integer_above_max_value", "top_logprobs"),
        (RESPONSES, {"input": []}, "empty_array", "input"),
        (RESPONSES, {"input": [{"role": "user", "content": []}]}, "empty_array", "input[0].content"),
        (RESPONSES, {"input": [{"role": "tool", "content": "x"}]}, "invalid_value", "input[0].role"),
        (RESPONSES, {"input": [{"type": "letter", "content": "x"}]}, "invalid_value", "input[0].type"),
        (
            RESPONSES,
            {"input": [{"role": "user", "content": [{"type": "output_text", "text": "x"}]}]},
            "invalid_value",
            "input[0].content[0].type",
        ),
        (
            RESPONSES,
            {"input": [{"role": "assistant", "content": [{"type": "input_image", "image_url": "x"}]}]},
            "invalid_value",
            "input[0].content[0].type",
        ),
        (RESPONSES, {"input": [{"type": "reasoning", "id": "rs_1", "summary": []}]}, "invalid_value", "input"),
        (
            RESPONSES,
            {"tools": [{"type": "function", "name": "f"}] * 129},
            "array_above_max_length",
            "tools",
        ),
        (RESPONSES, {"tools": [{"type": "function", "name": "a b"}]}, "invalid_value", "tools[0].name"),
        (RESPONSES, {"tools": [{"type": "magic"}]}, "invalid_value", "tools[0].type"),
        (RESPONSES, {"tool_choice": "any"}, "invalid_value", "tool_choice"),
        (RESPONSES, {"tool_choice": {"type": "magic"}}, "invalid_value", "tool_choice.type"),
        (RESPONSES, {"tool_choice": "required"}, "invalid_value", "tool_choice"),
        (RESPONSES, {"tool_choice": {"type": "function", "name": "f"}}, "invalid_value", "tool_choice"),
        (RESPONSES, {"text": {"format": {"type": "xml"}}}, "invalid_value", "text.format.type"),
        (RESPONSES, {"text": {"verbosity": "terse"}}, "invalid_value", "text.verbosity"),
        (RESPONSES, {"text": {"colour": "red"}}, "unknown_parameter", "text.colour"),
        (RESPONSES, {"reasoning": {"effort": "very"}}, "invalid_value", "reasoning.effort"),
        (RESPONSES, {"reasoning": {"colour": "red"}}, "unknown_parameter", "reasoning.colour"),
        (RESPONSES, {"include": ["everything"]}, "invalid_value", "include[0]"),
        (RESPONSES, {"metadata": {str(at): "x" for at in range(17)}}, "object_above_max_properties", "metadata"),
        (RESPONSES, {"safety_identifier": "x" * 65}, "string_above_max_length", "safety_identifier"),
        (RESPONSES, {"stream_options": {}}, "invalid_value", "stream_options"),
        (
            RESPONSES,
            {"stream": True, "stream_options": {"include_usage": True}},
            "unknown_parameter",
            "stream_options.include_usage",
        ),
        *(
            (RESPONSES, {name: value}, "unknown_parameter", name)
            for name, value in (("messages", [TURN]), ("n", 2), ("max_tokens", 20), ("seed", 1), ("stop", "x"))
        ),
        (COMPLETIONS, {"max_tokens": THIRTY_DIGITS}, "integer_above_max_value", "max_tokens"),
        (COMPLETIONS, {"max_tokens": -1}, "integer_below_min_value", "max_tokens"),
        (COMPLETIONS, {"logprobs": 6}, "integer_above_max_value", "logprobs"),
        (COMPLETIONS, {"n": 2, "best_of": 1}, "invalid_value", "best_of"),
        (COMPLETIONS, {"prompt": []}, "empty_array", "prompt"),
        (COMPLETIONS, {"prompt": [[]]}, "empty_array", "prompt[0]"),
        (COMPLETIONS, {"prompt": ["x"] * 2049}, "array_above_max_length", "prompt"),
        (COMPLETIONS, {"prompt": [THIRTY_DIGITS]}, "invalid_type", "prompt[0]"),
        (COMPLETIONS, {"prompt": [-1]}, "invalid_value", "prompt[0]"),
        (EMBEDDINGS, {"input": ["x"] * 2049}, "array_above_max_length", "input"),
        (EMBEDDINGS, {"input": [[1]] * 2049}, "array_above_max_length", "input"),
        (EMBEDDINGS, {"input": [1] * 2049}, "array_above_max_length", "input"),
        (EMBEDDINGS, {"input": [[1] * 2049]}, "array_above_max_length", "input[0]"),
        (EMBEDDINGS, {"input": []}, "empty_array", "input"),
        (EMBEDDINGS, {"input": [[]]}, "empty_array", "input[0]"),
        (EMBEDDINGS, {"input": ""}, "invalid_value", "input"),
        (EMBEDDINGS, {"input": ["a", ""]}, "invalid_value", "input[1]"),
        (EMBEDDINGS, {"input": [-1]}, "invalid_value", "input[0]"),
        (EMBEDDINGS, {"input": [2**31]}, "invalid_value", "input[0]"),
        (EMBEDDINGS, {"input": [5, THIRTY_DIGITS]}, "invalid_type", "input[1]"),
        (EMBEDDINGS, {"dimensions": 0}, "integer_below_min_value", "dimensions"),
        (EMBEDDINGS, {"dimensions": THIRTY_DIGITS}, "integer_above_max_value", "dimensions"),
        (EMBEDDINGS, {"encoding_format": "hex"}, "invalid_value", "encoding_format"),
        (EMBEDDINGS, {"inputs": ["x"]}, "unknown_parameter", "inputs"),
    ],
)
def test_what_is_out_of_range_is_named_with_its_place(
    refused: Refused,
    remote: MockUpstream,
    model: str,
    path: str,
    changes: dict[str, Any],
    code: str,
    param: str,
) -> None:
    refused(path, 400, code, param, json=body_of(path, model, **changes))
    assert remote.requests == []


@everywhere
def test_an_unknown_model_is_refused(refused: Refused, path: str) -> None:
    error = refused(path, 404, "model_not_found", "model", json=body_of(path, "gpt-9"))
    assert error["message"] == "The model `gpt-9` does not exist or you do not have access to it."


@everywhere
def test_a_model_named_by_ten_megabytes_is_refused_without_repeating_them(refused: Refused, path: str) -> None:
    refused(path, 404, "model_not_found", "model", json=body_of(path, "x" * TOO_LONG))


@pytest.mark.parametrize(
    ("path", "model"),
    [
        (CHAT, "lukhas-embed-1"),
        (RESPONSES, "lukhas-embed-1"),
        (COMPLETIONS, "lukhas-embed-1"),
        (EMBEDDINGS, "lukhas-chat-1"),
        (MODERATIONS, "lukhas-chat-1"),
        (CHAT, "lukhas-moderation-1"),
    ],
)
def test_a_model_of_another_kind_is_refused(refused: Refused, path: str, model: str) -> None:
    refused(path, 400, "model_not_supported", "model", json=body_of(path, model))


@pytest.mark.parametrize("model", [ECHO, "lukhas-embed-1"])
@pytest.mark.parametrize(
    ("value", "param"), [([2**31 - 1], "input"), ([[5], [5, 150_000]], "input[1]"), ([[100_277]], "input[0]")]
)
def test_a_token_id_that_the_encoding_has_not_is_refused(
    refused: Refused, model: str, value: list[Any], param: str
) -> None:
    refused(EMBEDDINGS, 400, "invalid_value", param, json={"model": model, "input": value})


@pytest.mark.parametrize("model", [ECHO, "lukhas-chat-1"])
def test_a_prompt_of_token_ids_that_the_model_has_not_is_refused(refused: Refused, model: str) -> None:
    refused(COMPLETIONS, 400, "invalid_value", "prompt", json={"model": model, "prompt": [2**31 - 1]})


@pytest.mark.parametrize(
    ("path", "model", "code", "param", "text"),
    [
        (CHAT, "lukhas-chat-1", "context_length_exceeded", "messages", "word " * (TOO_LONG // 5)),
        (CHAT, "lukhas-chat-1", "context_length_exceeded", "messages", "x" * TOO_LONG),
        (RESPONSES, "lukhas-chat-1", "context_length_exceeded", "input", "word " * (TOO_LONG // 5)),
        (COMPLETIONS, "lukhas-chat-1", "context_length_exceeded", "prompt", "word " * (TOO_LONG // 5)),
        (EMBEDDINGS, "lukhas-embed-1", None, None, "word " * (TOO_LONG // 5)),
        (MODERATIONS, "lukhas-moderation-1", None, None, "word " * (TOO_LONG // 5)),
    ],
    ids=["chat of many words", "chat of one word", "response", "completion", "embedding", "moderation"],
)
def test_a_text_of_ten_megabytes_is_over_the_models_context(
    refused: Refused, path: str, model: str, code: str | None, param: str | None, text: str
) -> None:
    body = {
        CHAT: {"messages": [{"role": "user", "content": text}]},
        RESPONSES: {"input": text},
        COMPLETIONS: {"prompt": text},
        EMBEDDINGS: {"input": text},
        MODERATIONS: {"input": text},
    }[path]
    error = refused(path, 400, code, param, json={"model": model, **body})
    assert "maximum context length" in error["message"]


@pytest.mark.parametrize(
    ("path", "field"), [(CHAT, "stop"), (CHAT, "user"), (COMPLETIONS, "stop"), (EMBEDDINGS, "user")]
)
def test_ten_megabytes_in_another_field_do_no_harm(client: httpx.Client, path: str, field: str) -> None:
    response = client.post(path, json=body_of(path, **{field: "x" * TOO_LONG}))
    assert response.status_code == 200


@pytest.mark.parametrize("key", ["safety_identifier", "verbosity", "service_tier", "response_format"])
def test_ten_megabytes_where_few_characters_belong_are_refused(refused: Refused, key: str) -> None:
    value: Any = {"type": "x" * TOO_LONG} if key == "response_format" else "x" * TOO_LONG
    code = "string_above_max_length" if key == "safety_identifier" else "invalid_value"
    param = "response_format.type" if key == "response_format" else key
    refused(CHAT, 400, code, param, json=body_of(CHAT, **{key: value}))


@pytest.mark.parametrize(
    "body",
    [
        {"x" * TOO_LONG: 1},
        {"metadata": {"x" * TOO_LONG: "y"}},
        {"metadata": {"x" * TOO_LONG: 5}},
        {"logit_bias": {"x" * TOO_LONG: 5}},
        {"messages": [{"role": "x" * TOO_LONG, "content": "y"}]},
        {"tools": [{"type": "function", "function": {"name": "x" * TOO_LONG}}]},
        {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "x" * TOO_LONG},
        {
            "messages": [
                {
                    "role": "assistant",
                    "tool_calls": [
                        {"id": "x" * TOO_LONG, "type": "function", "function": {"name": "f", "arguments": ""}}
                    ],
                }
            ]
        },
    ],
)
def test_a_name_of_ten_megabytes_is_refused_without_repeating_it(client: httpx.Client, body: dict[str, Any]) -> None:
    response = client.post(CHAT, json=body_of(CHAT, **body))
    assert response.status_code == 400
    assert len(response.content) < 4096


@pytest.mark.parametrize("model", [ECHO, "lukhas-chat-1"])
@pytest.mark.parametrize("place", ["response_format", "tools"])
@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strong"},
        {"properties": 5},
        {"$ref": "#/properties/a"},
        {"$ref": "#/$defs/none"},
        {"$ref": "#/$defs/odd/const"},
        {"type": "string", "not": {"$ref": "http://127.0.0.1:9/schema"}},
        {"type": "string", "pattern": "^(a+)+$"},
        {"type": "array", "minItems": 10**12},
        {"type": "string", "minLength": 10**12},
        {"type": "string", "minLength": 5, "maxLength": 1},
        {"type": "integer", "minimum": 0.2, "maximum": 0.8},
    ],
)
def test_a_schema_that_cannot_be_satisfied_is_refused_at_once(
    refused: Refused, model: str, place: str, schema: dict[str, Any]
) -> None:
    whole = {
        "type": "object",
        "properties": {"a": schema},
        "required": ["a"],
        "additionalProperties": False,
        "$defs": {"odd": {"const": {"enum": 5}}},
    }
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": whole, "strict": True}}
    tool = {"type": "function", "function": {"name": "f", "parameters": whole, "strict": True}}
    changes, param = {
        "response_format": ({"response_format": form}, "response_format.json_schema.schema"),
        "tools": ({"tools": [tool], "tool_choice": "required"}, "tools[0].function.parameters"),
    }[place]
    began = time.perf_counter()
    refused(CHAT, 400, "invalid_value", param, json=body_of(CHAT, model, **changes))
    assert time.perf_counter() - began < 20


# --- Callers that break off --------------------------------------------------------------------------------------


@pytest.fixture
def raw(server: Server, api_key: str) -> Iterator[Callable[..., socket.socket]]:
    """Opens a connection and sends the head of a POST, and part of a body: `raw(path, length, b"{")`."""
    opened: list[socket.socket] = []
    address = urlsplit(server.url)

    def begin(path: str, length: int | None, *pieces: bytes) -> socket.socket:
        framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {api_key}\r\n"
            f"Content-Type: application/json\r\n{framing}\r\n\r\n"
        )
        connection = socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=10)
        opened.append(connection)
        connection.sendall(head.encode() + b"".join(pieces))
        return connection

    yield begin
    for each in opened:
        each.close()


@everywhere
@pytest.mark.parametrize(
    ("length", "pieces"),
    [(1000, ()), (1000, (b'{"model": ',)), (None, (b'a\r\n{"model": \r\n',)), (None, (b"ffff\r\nshort",))],
)
def test_a_body_that_breaks_off_harms_nobody(
    raw: Callable[..., socket.socket],
    client: httpx.Client,
    path: str,
    length: int | None,
    pieces: tuple[bytes, ...],
) -> None:
    before = rows()
    connection = raw(path, length, *pieces)
    connection.shutdown(socket.SHUT_WR)
    assert b" 200 " not in connection.recv(4096)
    assert client.post(path, json=body_of(path)).status_code == 200
    assert rows() == before


@everywhere
def test_a_caller_who_hangs_up_before_the_answer_harms_nobody(
    raw: Callable[..., socket.socket], client: httpx.Client, path: str
) -> None:
    before = rows()
    body = json.dumps(body_of(path)).encode()
    for _ in range(10):
        raw(path, len(body), body).close()
        raw(path, len(body), body[:5]).close()
    assert client.post(path, json=body_of(path)).status_code == 200
    assert rows() == before


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS])
def test_a_caller_who_hangs_up_in_mid_stream_harms_nobody(
    raw: Callable[..., socket.socket], client: httpx.Client, settings: Any, path: str
) -> None:
    settings.LUKHAS_ECHO_CHUNK_SECONDS = 0.05
    before = rows()
    text = "word " * 500
    value = [{**TURN, "content": text}] if path == CHAT else text
    body = json.dumps(body_of(path, stream=True, max_tokens=500, **{next(iter(GOOD[path])): value})).encode()
    for _ in range(5):
        connection = raw(path, len(body), body)
        received = b""
        while received.count(b"data: ") < 3:
            received += connection.recv(4096)
        connection.close()
    settings.LUKHAS_ECHO_CHUNK_SECONDS = 0.0
    assert client.post(path, json=body_of(path)).status_code == 200
    assert rows() == before


@everywhere
def test_a_caller_who_hangs_up_frees_the_other_server_too(
    raw: Callable[..., socket.socket], client: httpx.Client, remote: MockUpstream, path: str
) -> None:
    remote.mode = "hang"
    body = json.dumps(body_of(path, REMOTE)).encode()
    connection = raw(path, len(body), body)
    remote.wait_for_request()
    connection.close()
    remote.wait_for_hang_up()
    remote.mode = "normal"
    assert client.post(path, json=body_of(path, REMOTE)).status_code == 200
