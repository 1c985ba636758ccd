"""The official SDK, through the running server, to another server: what a first user of upstreams does."""

import time

import httpx
import openai
import orjson
import pytest

from tests.api.commands import run
from tests.mock_upstream import MODEL, MockUpstream

HELLO = [{"role": "user", "content": "Hi"}]


@pytest.fixture(autouse=True)
def added(upstream: MockUpstream, database: None) -> None:
    """The mock, added as a user would add it."""
    run("add_upstream", "gpu", upstream.url)
    run("add_model", "org/big:1", "--upstream", "gpu", "--upstream-model", MODEL)
    run("alias_model", "fast", "org/big:1")


def test_a_chat_is_answered_under_the_models_own_id_also_when_asked_by_an_alias(
    sdk: openai.OpenAI, upstream: MockUpstream
) -> None:
    for name in ("org/big:1", "fast"):
        answer = sdk.chat.completions.create(model=name, messages=HELLO, extra_body={"top_k": 5})  # type: ignore[arg-type]
        assert answer.choices[0].message.content == "Hello there!"
        assert answer.model == "org/big:1"
        assert upstream.last.body == {"model": MODEL, "messages": HELLO, "top_k": 5}


def test_a_chat_streams_and_tells_the_usage_only_to_who_asks(sdk: openai.OpenAI) -> None:
    for asked in (False, True):
        options = {"stream_options": {"include_usage": True}} if asked else {}
        chunks = list(sdk.chat.completions.create(model="fast", messages=HELLO, stream=True, **options))  # type: ignore[call-overload]
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert text == "Hello there!"
        assert {chunk.model for chunk in chunks} == {"org/big:1"}
        assert [chunk.usage.total_tokens for chunk in chunks if chunk.usage] == ([10] if asked else [])


def test_embeddings_come_in_the_encoding_that_was_asked_for(sdk: openai.OpenAI, upstream: MockUpstream) -> None:
    # The SDK asks for base64 on its own, and its strict validation refuses what it then gets, before decoding it.
    with openai.OpenAI(base_url=sdk.base_url, api_key=sdk.api_key, max_retries=0) as lenient:
        decoded = lenient.embeddings.create(model="fast", input=["a", "b"])
    assert upstream.last.body["encoding_format"] == "base64"
    floats = sdk.embeddings.create(model="fast", input=["a", "b"], encoding_format="float")
    assert upstream.last.body["encoding_format"] == "float"
    for answer in (decoded, floats):
        assert [row.embedding for row in answer.data] == [pytest.approx([0.6, 0.8])] * 2
        assert answer.model == "org/big:1"


def test_a_legacy_completion_is_answered(sdk: openai.OpenAI) -> None:
    assert sdk.completions.create(model="fast", prompt="Hi").choices[0].text == "Hello there!"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("mode", "status", "code"),
    [
        ("400", 400, "hot"),
        ("429", 429, "rate_limit_exceeded"),
        ("401", 502, "upstream_error"),
        ("500", 502, "upstream_error"),
        ("html", 502, "upstream_error"),
        ("error-first", 502, "oom"),
    ],
)
def test_a_failing_upstream_is_a_status_and_an_envelope_and_the_next_request_works(
    client: httpx.Client, upstream: MockUpstream, mode: str, status: int, code: str, stream: bool
) -> None:
    if mode == "error-first" and not stream:
        upstream.reply(b'{"error": {"message": "Out of memory.", "code": "oom"}}')
    upstream.mode = mode
    body = {"model": "fast", "messages": HELLO, "stream": stream}
    answer = client.post("/v1/chat/completions", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers.get("retry-after") == ("7" if mode == "429" else None)
    with MockUpstream() as sound:
        run("add_upstream", "gpu", sound.url)
        assert client.post("/v1/chat/completions", json=body).status_code == 200


@pytest.mark.parametrize(("mode", "message"), [("error-mid", "Out of memory."), ("cut", "The upstream server")])
def test_a_stream_that_fails_in_the_middle_ends_with_an_error_and_without_done(
    client: httpx.Client, upstream: MockUpstream, mode: str, message: str
) -> None:
    upstream.mode = mode
    answer = client.post("/v1/chat/completions", json={"model": "fast", "messages": HELLO, "stream": True})
    assert answer.status_code == 200
    *chunks, last = answer.text.strip().split("\n\n")
    assert len(chunks) == 2
    error = orjson.loads(last.removeprefix("data: "))["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"].startswith(message)


@pytest.mark.parametrize(("mode", "stream"), [("hang", False), ("hang", True), ("silent", True), ("stall", True)])
def test_when_the_caller_hangs_up_so_does_the_server(
    client: httpx.Client, upstream: MockUpstream, mode: str, stream: bool
) -> None:
    upstream.mode = mode
    body = {"model": "fast", "messages": HELLO, "stream": stream}
    with pytest.raises(httpx.ReadTimeout):
        client.post("/v1/chat/completions", json=body, timeout=httpx.Timeout(5, read=0.5))
    gone = time.monotonic()
    assert upstream.wait_for_hang_up() - gone < 0.1
