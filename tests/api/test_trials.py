"""Trying an upstream and a model of it, on real sockets. No database is asked: the rows are not even saved."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pytest_django import Settings

from api.models import Model, Upstream
from api.trials import MOST_BYTES, NO_JSON, Step, attempt
from tests.mock_upstream import MODEL, MockUpstream

SAYS = "It says “Hello there!”. 7 tokens in, 3 out."


async def tried(url: str, *, key: str = "", model: Model | None = None, kind: str = "openai") -> tuple[Step, ...]:
    return await attempt(Upstream(name="gpu", kind=kind, base_url=url, api_key_env=key), model, MODEL if model else "")


def model_of(**fields: Any) -> Model:
    return Model(**{"model_id": "big", "upstream_model": MODEL, "completions": False, "embeddings": False, **fields})


def only(*names: str) -> dict[str, bool]:
    return {name: name in names for name in ("chat", "completions", "embeddings", "moderations")}


@contextmanager
def saying(answer: bytes) -> Iterator[str]:
    """A server that says this to whoever asks, and hangs up. Gives its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def talk() -> None:
            while True:
                with listening.accept()[0] as caller:
                    if not caller.recv(65536):
                        return
                    caller.sendall(answer)

        thread = threading.Thread(target=talk)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        socket.create_connection(listening.getsockname()).close()
        thread.join(10)


async def test_an_upstream_is_asked_what_it_offers_and_a_model_for_one_token_with_the_key(
    upstream: MockUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPU_KEY", "sk-secret")
    listed, said = await tried(f"{upstream.url}/", key="GPU_KEY", model=model_of())
    assert (listed.asked, listed.good, listed.status, listed.offered) == ("GET /models", True, 200, (MODEL,))
    assert listed.told == "It offers 1 model."
    assert (said.asked, said.good, said.status, said.told) == ("POST /chat/completions", True, 200, SAYS)
    assert min(listed.milliseconds, said.milliseconds) >= 0
    messages = [{"role": "user", "content": "Say OK."}]
    assert [request.path for request in upstream.requests] == ["models", "chat/completions"]
    assert upstream.last.body == {"model": MODEL, "messages": messages, "max_tokens": 1}
    assert {request.headers["Authorization"] for request in upstream.requests} == {"Bearer sk-secret"}


@pytest.mark.parametrize(
    ("names", "asked", "body"),
    [
        (["completions", "embeddings"], "completions", {"prompt": "Say OK.", "max_tokens": 1}),
        (["embeddings"], "embeddings", {"input": ["Say OK."]}),
        (["moderations"], "moderations", {"input": ["Say OK."]}),
        ([], None, None),
    ],
)
async def test_a_model_is_asked_for_the_first_thing_that_it_can_do(
    upstream: MockUpstream, names: list[str], asked: str | None, body: Any
) -> None:
    steps = await tried(upstream.url, model=model_of(**only(*names)))
    assert [step.asked for step in steps] == ["GET /models", *([f"POST /{asked}"] if asked else [])]
    assert all(step.good for step in steps)
    if asked:
        assert upstream.last.body == {"model": MODEL, **body}
    assert "Authorization" not in upstream.last.headers


async def test_without_a_model_only_the_list_is_asked_for(upstream: MockUpstream) -> None:
    (listed,) = await tried(upstream.url)
    assert listed.good


async def test_a_model_that_takes_another_parameter_for_its_tokens_is_asked_again_with_that() -> None:
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(body := await request.json())
        if "max_tokens" in body:
            told = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            return web.json_response({"error": {"message": told}}, status=400)
        return web.json_response({"choices": [{"message": {"content": ""}}]})

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    async with TestServer(app) as server:
        listed, refused, said = await tried(str(server.make_url("/v1")), model=model_of())
    assert (listed.good, listed.status, listed.offered) == (False, 404, ())
    assert (refused.good, refused.status) == (False, 400)
    assert "Use 'max_completion_tokens' instead" in refused.told
    assert said.good
    assert said.told.startswith("It says nothing in so few tokens.")
    assert [{name for name in body if name.startswith("max")} for body in asked] == [
        {"max_tokens"},
        {"max_completion_tokens"},
    ]


@pytest.mark.parametrize(
    ("mode", "status", "told"),
    [
        ("301", 301, "It redirects to /v1/elsewhere; redirects are not followed."),
        ("400", 400, "It answers with an error. It says: Too hot."),
        ("401", 401, "It refuses the key. It says: Incorrect API key provided: ***."),
        ("404", 404, "Not found. The base URL of most servers ends in /v1. It says: No such model."),
        ("429", 429, "Its limit is reached. It says: Slow down."),
        ("500", 500, "It answers with an error. It says: Traceback at 10.0.0.1"),
        ("html", 200, NO_JSON),
        ("half-json", 200, NO_JSON),
        ("huge", 200, NO_JSON),
    ],
)
async def test_each_bad_answer_is_told_in_words_that_hold_no_key(
    upstream: MockUpstream, monkeypatch: pytest.MonkeyPatch, mode: str, status: int, told: str
) -> None:
    monkeypatch.setenv("GPU_KEY", "sk-upstream")
    upstream.mode, upstream.huge_bytes = mode, MOST_BYTES + 2**20
    steps = await tried(upstream.url, key="GPU_KEY", model=model_of())
    assert [(step.good, step.status, step.told) for step in steps] == [(False, status, told)] * 2


@pytest.mark.parametrize("answer", [b'{"data": 5}', b'{"choices": [], "data": null}', b"[]"])
async def test_json_that_is_another_apis_is_no_answer(upstream: MockUpstream, answer: bytes) -> None:
    upstream.reply(answer)
    steps = await tried(upstream.url, model=model_of())
    assert [(step.good, step.told) for step in steps] == [(False, NO_JSON)] * 2


async def test_names_and_texts_that_repeat_the_key_are_shown_without_it(
    upstream: MockUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPU_KEY", "sk-secret")
    said = {"data": [{"id": "m-sk-secret"}], "choices": [{"message": {"content": "Your key is sk-secret!"}}]}
    upstream.reply(json.dumps(said).encode())
    steps = await tried(upstream.url, key="GPU_KEY", model=model_of())
    assert steps[0].offered == ("m-***",)
    assert "sk-secret" not in str(steps)


async def test_a_server_that_is_not_there_has_no_tls_or_talks_no_http_is_told_apart(upstream: MockUpstream) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        (gone,) = await tried(f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        assert gone.told == f"No connection to 127.0.0.1, port {taken.getsockname()[1]}: Connection refused."
    (unknown,) = await tried("http://nowhere.invalid/v1")
    assert unknown.told == "There is no server of the name nowhere.invalid."
    (plain,) = await tried(upstream.url.replace("http:", "https:"))
    assert plain.told.startswith("No TLS connection: ")
    for answer, told in (
        (b"SSH-2.0-OpenSSH_9.2\r\n", "What came is no HTTP."),
        (b"", "The connection broke off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{", "The connection broke off"),
    ):
        with saying(answer) as url:
            (step,) = await tried(url)
        assert step.told.startswith(told)
        assert not step.good


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "innocent.example.com"])
async def test_no_metadata_address_is_tried_nor_a_name_that_leads_to_one(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    place = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: place)
    (step,) = await tried(f"http://{host}/v1")
    assert (step.good, step.status) == (False, None)
    assert step.told.startswith("Link-local and metadata addresses are never called")


async def test_all_of_it_has_the_seconds_of_the_setting(upstream: MockUpstream, settings: Settings) -> None:
    settings.LUKHAS_UPSTREAM_TRY_SECONDS = 0.2
    upstream.mode = "hang"
    begun = asyncio.get_running_loop().time()
    steps = await tried(upstream.url, model=model_of())
    assert [step.told for step in steps] == ["No answer within 0.2 seconds."] * 2
    assert steps[1].milliseconds < steps[0].milliseconds
    assert asyncio.get_running_loop().time() - begun < 10


@pytest.mark.parametrize("name", ["GPU_KEY", "LINES_KEY", "SECRET_KEY", "LUKHAS_ANY"])
async def test_without_a_key_that_may_be_sent_nothing_is_asked(
    upstream: MockUpstream, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv("GPU_KEY", raising=False)
    monkeypatch.setenv("LINES_KEY", "two\nlines")
    monkeypatch.setenv("SECRET_KEY", "mine")
    monkeypatch.setenv("LUKHAS_ANY", "mine")
    (step,) = await tried(upstream.url, key=name, model=model_of())
    assert (step.good, step.asked) == (False, "the key")
    assert step.told.startswith(f"{name} holds no key")
    assert upstream.requests == []


class TestModelsOfThisProcess:
    @pytest.mark.parametrize(
        ("names", "asked", "told"),
        [
            (["chat"], "POST /chat/completions", "It says “Say”. 3 tokens in, 1 out."),
            (["completions"], "POST /completions", "It says “Say”. 3 tokens in, 1 out."),
            (["embeddings"], "POST /embeddings", "A vector of 64 numbers. 3 tokens in."),
            (["moderations"], "POST /moderations", "It flags nothing."),
        ],
    )
    async def test_they_are_asked_by_their_backend(self, names: list[str], asked: str, told: str) -> None:
        (step,) = await tried("", kind="echo", model=model_of(**only(*names)))
        assert (step.asked, step.good, step.told, step.status) == (asked, True, told, None)

    async def test_what_they_refuse_is_told(self) -> None:
        (step,) = await tried("", kind="echo", model=model_of(context_window=1))
        assert not step.good
        assert "maximum context length is 1 tokens" in step.told

    async def test_one_that_takes_too_long_is_not_waited_for(self, settings: Settings) -> None:
        settings.LUKHAS_ECHO_CHUNK_SECONDS, settings.LUKHAS_UPSTREAM_TRY_SECONDS = 30.0, 0.1
        (step,) = await tried("", kind="echo", model=model_of())
        assert step.told == "No answer within 0.1 seconds."

    async def test_without_a_model_there_is_nothing_to_ask(self) -> None:
        assert await tried("", kind="echo") == ()
        assert await tried("", kind="echo", model=model_of(**only())) == ()
