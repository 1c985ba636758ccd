"""Everything that can go wrong at an upstream, on real sockets through the running server: the caller gets one clear
error, the books show it, and the breaker counts it."""

import json
import socket
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from pytest_django import Settings

from analytics.models import UsageRecord
from api import pauses
from api.breakers import breakers
from api.models import Fallback, Model, Upstream
from tests.api.commands import run
from tests.mock_upstream import MODEL, MockUpstream
from tests.processes import eventually

CHAT = "/v1/chat/completions"
PLACE = ("big", "gpu", MODEL)
BROKE, SLOW = (502, "upstream_error"), (504, "upstream_timeout")
SECRET = "sk-very-secret"


class Fault(NamedTuple):
    """How the upstream fails, where it is the mock, and what the caller is told; `counted` is how often that counts for
    the breaker, and `passed_on` how many events of a stream came before it."""

    mode: str
    stream: bool
    told: tuple[int, str]
    attempts: int = 1
    counted: int = 1
    passed_on: int = 0


FAULTS = (
    *(
        Fault(mode, stream, *expected)
        for stream in (False, True)
        for mode, *expected in (
            ("refuses", BROKE, 3, 1),
            ("no such name", BROKE, 3, 1),
            ("no TLS", BROKE, 3, 1),
            ("drop", BROKE, 3, 1),
            ("500", BROKE, 3, 1),
            ("408", SLOW, 3, 1),
            ("401", BROKE, 1, 1),
            ("hang", SLOW, 1, 1),
            ("429", (429, "rate_limit_exceeded"), 1, 0),
            ("400", (400, "hot"), 1, 0),
        )
    ),
    Fault("html", False, BROKE),
    Fault("half-json", False, BROKE),
    Fault("huge", False, BROKE, counted=0),
    Fault("empty", True, BROKE, 3, 1),
    Fault("silent", True, SLOW),
    Fault("comments", True, SLOW),
    Fault("error-first", True, (502, "oom"), 3),
    Fault("cut", True, BROKE, passed_on=2),
    Fault("reset", True, BROKE, passed_on=2),
    Fault("error-mid", True, (502, "oom"), passed_on=2),
    Fault("stall", True, SLOW, passed_on=2),
)


@pytest.fixture(autouse=True)
def added(upstream: MockUpstream, database: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """`big` at the mock; patience is short, and a breaker opens late."""
    monkeypatch.setattr(pauses, "SHORTEST_SECONDS", 0.001)
    monkeypatch.setenv("MOCK_KEY", SECRET)
    settings.LUKHAS_BREAKER_FAILURES = 1000
    run("add_upstream", "gpu", upstream.url, "--api-key-env", "MOCK_KEY")
    run("add_model", "big", "--upstream", "gpu", "--upstream-model", MODEL)
    row = Upstream.objects.get(name="gpu")
    row.first_seconds = row.silence_seconds = 1.0
    row.save()
    upstream.delay = 0.02


@pytest.fixture
def addresses(upstream: MockUpstream) -> Iterator[dict[str, str]]:
    """Where there is no upstream, by the fault that this is."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield {
            "refuses": f"http://127.0.0.1:{taken.getsockname()[1]}/v1",
            "no such name": "http://nowhere.invalid/v1",
            "no TLS": upstream.url.replace("http:", "https:"),
        }


def recorded(answer: httpx.Response) -> UsageRecord:
    found: UsageRecord = eventually(
        lambda: UsageRecord.objects.filter(request_id=answer.headers["x-request-id"]).first(), 10, "it is recorded"
    )
    return found


def test_each_fault_is_one_clear_error_and_on_the_books_and_counted(
    client: httpx.Client, upstream: MockUpstream, addresses: dict[str, str]
) -> None:
    answers = []
    for fault in FAULTS:
        breakers.forget()
        run("add_upstream", "gpu", addresses.get(fault.mode, upstream.url))
        upstream.mode = fault.mode
        answer = client.post(CHAT, json=chat(stream=fault.stream))
        *events, last = answer.text.strip().split("\n\n")
        error = json.loads(last.removeprefix("data: "))["error"]
        status, code = fault.told
        assert (fault, answer.status_code) == (fault, 200 if fault.passed_on else status)
        assert (fault, error["code"], len(events)) == (fault, code, fault.passed_on)
        assert set(error) == {"message", "type", "param", "code"}
        for planted in (SECRET, "127.0.0.1", "nowhere.invalid", "10.0.0.1"):
            assert planted not in answer.text
        assert (fault, answer.headers["x-lukhas-attempts"]) == (fault, str(fault.attempts))
        trouble = breakers.troubled.get(PLACE)
        assert (fault, trouble.failed if trouble else 0) == (fault, fault.counted)
        answers.append(answer)
    for fault, answer in zip(FAULTS, answers, strict=True):
        row = recorded(answer)
        assert (fault, row.status, row.error_code) == (fault, *fault.told)
        assert (fault, row.attempts, row.stream, row.upstream) == (fault, fault.attempts, fault.stream, "gpu")
        assert (fault, row.output_tokens) == (fault, fault.passed_on)


def chat(**more: Any) -> dict[str, Any]:
    return {"model": "big", "messages": [{"role": "user", "content": "Hi"}], **more}


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_slow_or_large_within_what_is_allowed_is_answered(
    client: httpx.Client, upstream: MockUpstream, stream: bool
) -> None:
    upstream.delay = 0.3
    for mode in ("slow", "slow-first"):
        upstream.mode = mode
        assert client.post(CHAT, json=chat(stream=stream)).status_code == 200
    text = "x" * (3_000_000 if stream else 50_000_000)
    choice = {"index": 0, "delta" if stream else "message": {"content": text}}
    body = json.dumps({"id": "c", "model": MODEL, "choices": [choice]}).encode()
    if stream:
        upstream.stream([b"data: %b\n\ndata: [DONE]\n\n" % body])
    else:
        upstream.reply(body)
    answer = client.post(CHAT, json=chat(stream=stream))
    assert (answer.status_code, len(answer.content) > len(text)) == (200, True)


def test_after_an_upstream_dies_in_the_middle_of_a_stream_the_next_call_is_answered_by_its_stand_in(
    client: httpx.Client, upstream: MockUpstream, settings: Settings
) -> None:
    settings.LUKHAS_BREAKER_FAILURES = 1
    run("add_model", "small", "--upstream", "echo")
    run("add_model", "big", "--upstream", "gpu", "--no-embeddings")
    run("add_model", "small", "--upstream", "echo", "--no-embeddings")
    Fallback.objects.create(model=Model.objects.get(model_id="big"), target=Model.objects.get(model_id="small"))
    upstream.mode = "reset"
    broken = client.post(CHAT, json=chat(stream=True))
    assert '"error"' in broken.text
    answer = client.post(CHAT, json=chat())
    assert (answer.status_code, answer.json()["model"]) == (200, "small")
    assert (answer.headers["x-lukhas-upstream"], answer.headers["x-lukhas-attempts"]) == ("echo", "1")
