"""A rollout as callers meet it: the model that answers, the header that says which variant it was, and the log line."""

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
import structlog

from accounts.bootstrap import ensure_defaults
from accounts.models import RateLimit
from api import inference
from api.backends.base import Call
from api.backends.echo import EchoBackend
from api.models import Alias, Model
from api.requests import Rollout
from features.models import FlagState
from tests.api.commands import run
from tests.api.rollouts import FLAG, make_flag, make_models, split
from tests.api.streams import chunks_of, events_of
from tests.conftest import MakeKey
from tests.mock_upstream import MODEL, MockUpstream

CHAT: dict[str, Any] = {"model": "chat", "messages": [{"role": "user", "content": "one two three"}]}
REQUESTS = [
    pytest.param("chat/completions", CHAT, id="chat"),
    pytest.param("chat/completions", {**CHAT, "stream": True}, id="chat-stream"),
    pytest.param("responses", {"model": "chat", "input": "Hi"}, id="responses"),
    pytest.param("responses", {"model": "chat", "input": "Hi", "stream": True}, id="responses-stream"),
    pytest.param("completions", {"model": "chat", "prompt": "Hi"}, id="completions"),
    pytest.param("completions", {"model": "chat", "prompt": "Hi", "stream": True}, id="completions-stream"),
    pytest.param("embeddings", {"model": "chat", "input": "Hi"}, id="embeddings"),
]
PLAIN, NEXT = "lukhas-echo-1", "lukhas-echo-2"
VARIANT = "x-lukhas-variant"


@pytest.fixture(autouse=True)
def alias(database: None) -> Alias:
    return make_models()


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


def model_of(answer: httpx.Response) -> str:
    """Which model answered, whole or as a stream."""
    if answer.headers["content-type"].startswith("text/event-stream"):
        named = answer.text.startswith("event: ")
        told = [event["response"] for event in events_of(answer) if "response" in event] if named else chunks_of(answer)
        (model,) = {each["model"] for each in told}
        return str(model)
    return str(answer.json()["model"])


@pytest.mark.parametrize(("path", "body"), REQUESTS)
def test_the_variants_model_answers_and_the_header_says_which(
    client: httpx.Client, path: str, body: dict[str, Any]
) -> None:
    flag = make_flag(default_variant="next")
    answer = client.post(f"/v1/{path}", json=body)
    assert (answer.status_code, model_of(answer), answer.headers[VARIANT]) == (200, NEXT, "next")
    FlagState.objects.filter(flag=flag).update(default_variant="current")
    answer = client.post(f"/v1/{path}", json=body)
    assert (answer.status_code, model_of(answer), answer.headers[VARIANT]) == (200, PLAIN, "current")


@pytest.mark.parametrize(("path", "body"), REQUESTS)
def test_where_the_alias_itself_answers_there_is_no_variant(
    client: httpx.Client, path: str, body: dict[str, Any]
) -> None:
    make_flag(default_variant="next", enabled=False)
    for name in ("chat", PLAIN):
        answer = client.post(f"/v1/{path}", json={**body, "model": name})
        assert (answer.status_code, model_of(answer), answer.headers.get(VARIANT)) == (200, PLAIN, None)


@pytest.mark.parametrize(("path", "body"), REQUESTS)
def test_the_order_of_who_somebody_is_holds_at_every_endpoint(
    client: httpx.Client, path: str, body: dict[str, Any]
) -> None:
    make_flag(
        rules=[{"conditions": [{"attribute": "targetingKey", "operator": "in", "values": ["ada"]}], "variant": "next"}],
        default_variant="current",
    )
    header = {"x-lukhas-targeting-key": "ada"}
    assert client.post(f"/v1/{path}", json={**body, "user": "bob"}, headers=header).headers[VARIANT] == "next"
    assert client.post(f"/v1/{path}", json={**body, "user": "ada"}).headers[VARIANT] == "next"
    bob = {"x-lukhas-targeting-key": "bob"}
    assert client.post(f"/v1/{path}", json={**body, "user": "ada"}, headers=bob).headers[VARIANT] == "current"
    assert client.post(f"/v1/{path}", json=body).headers[VARIANT] == "current"
    if path in ("chat/completions", "responses"):
        for identifier, user, variant in (("ada", "bob", "next"), ("bob", "ada", "current")):
            more = {"safety_identifier": identifier, "user": user}
            assert client.post(f"/v1/{path}", json={**body, **more}).headers[VARIANT] == variant


@pytest.mark.parametrize("model", ["chat", PLAIN])
@pytest.mark.parametrize("key", [b"x" * 513, b"\xff\xfe"])
def test_a_targeting_key_that_cannot_be_is_refused_in_the_envelope(
    client: httpx.Client, model: str, key: bytes
) -> None:
    headers = [(b"x-lukhas-targeting-key", key)]
    answer = client.post("/v1/chat/completions", json={**CHAT, "model": model}, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"] == {
        "message": "x-lukhas-targeting-key must be UTF-8 and at most 512 characters long.",
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_value",
    }
    assert VARIANT not in answer.headers


def test_errors_after_the_model_was_chosen_say_the_variant_and_those_before_do_not(
    client: httpx.Client, upstream: MockUpstream
) -> None:
    run("add_upstream", "gpu", upstream.url)
    for name in ("big-1", "big-2"):
        run("add_model", name, "--upstream", "gpu", "--upstream-model", MODEL, "--vector-space", "big")
    run("alias_model", "big", "big-1", "--rollout", "which-big")
    make_flag({"one": "big-1", "two": "big-2"}, key="which-big", default_variant="two")
    body = {**CHAT, "model": "big"}
    good = client.post("/v1/chat/completions", json=body)
    assert (good.status_code, good.json()["model"], good.headers[VARIANT]) == (200, "big-2", "two")
    assert "x-lukhas-targeting-key" not in {name.lower() for name in upstream.requests[-1].headers}
    for stream in (False, True):
        for mode, status in (("500", 502), ("400", 400), ("html", 502)):
            upstream.mode = mode
            failed = client.post("/v1/chat/completions", json={**body, "stream": stream})
            assert (failed.status_code, failed.headers.get(VARIANT)) == (status, "two"), failed.text
    RateLimit.objects.all().put(ensure_defaults()[1], {"value": 0}, unit="requests", period="minute", model="")
    refused = client.post("/v1/chat/completions", json=body)
    assert (refused.status_code, refused.headers[VARIANT]) == (429, "two")
    for wrong, status in (({"messages": 5}, 400), ({"model": "absent"}, 404)):
        refused = client.post("/v1/chat/completions", json={**body, **wrong})
        assert (refused.status_code, refused.headers.get(VARIANT)) == (status, None)


@pytest.mark.parametrize("stream", [False, True])
def test_the_log_line_says_flag_variant_and_reason_and_not_who_called(
    client: httpx.Client, lines: list[Any], stream: bool
) -> None:
    make_flag(rules=split(100))
    headers = {"x-lukhas-targeting-key": "ada@example.com"}
    body = {**CHAT, "stream": stream, "user": "bob@example.com"}
    client.post("/v1/chat/completions", json=body, headers=headers)
    (line,) = [line for line in lines if line["event"] == "request"]
    assert (line["flag"], line["variant"], line["reason"], line["model"]) == (FLAG, "next", "SPLIT", NEXT)
    assert "example.com" not in str(lines)


def test_the_log_line_says_why_the_alias_answered(client: httpx.Client, lines: list[Any]) -> None:
    client.post("/v1/chat/completions", json=CHAT)
    client.post("/v1/chat/completions", json={**CHAT, "model": PLAIN})
    first, second = [line for line in lines if line["event"] == "request"]
    assert (first["flag"], first["variant"], first["reason"], first["model"]) == (FLAG, None, "FLAG_NOT_FOUND", PLAIN)
    assert not {"flag", "variant", "reason"} & set(second)


@pytest.mark.parametrize(("path", "body"), REQUESTS)
def test_the_call_carries_what_was_decided_for_those_who_count(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, path: str, body: dict[str, Any]
) -> None:
    calls: list[Call] = []

    def call(target: Any, rollout: Rollout | None) -> Call:
        calls.append(Call(target, rollout=rollout))
        return calls[-1]

    monkeypatch.setattr(inference, "Call", call)
    make_flag(default_variant="next")
    client.post(f"/v1/{path}", json=body)
    client.post(f"/v1/{path}", json={**body, "model": PLAIN})
    assert [call.rollout for call in calls] == [Rollout(FLAG, "next", "STATIC"), None]
    assert isinstance(inference.backend(calls[0].target.kind), EchoBackend)


def test_a_page_may_send_the_key_and_read_the_variant(api_key: str, settings: Any) -> None:
    from api import errors
    from lukhas_site.http.edge import Edge
    from lukhas_site.roof import Roof
    from tests.serving import Server

    settings.LUKHAS_CORS_ALLOWED_ORIGINS = ["https://app.example"]
    make_flag(default_variant="next")
    origin = {"Origin": "https://app.example"}
    with (
        Server(Edge(Roof(), problem=errors.problem), lifespan="off") as server,
        httpx.Client(base_url=server.url) as page,
    ):
        wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-lukhas-targeting-key"}
        allowed = page.options("/v1/chat/completions", headers=origin | wanted)
        assert allowed.headers["access-control-allow-headers"] == "x-lukhas-targeting-key"
        for body in (CHAT, {**CHAT, "stream": True}):
            answer = page.post(
                "/v1/chat/completions", json=body, headers=origin | {"Authorization": f"Bearer {api_key}"}
            )
            assert VARIANT in answer.headers["access-control-expose-headers"].split(", ")


def test_the_sdk_sees_the_variant_and_is_known_by_its_version(sdk: openai.OpenAI) -> None:
    conditions = [
        {"attribute": "sdk_language", "operator": "equals", "values": ["python"]},
        {"attribute": "sdk_version", "operator": "equals", "values": [openai.__version__]},
    ]
    make_flag(rules=[{"conditions": conditions, "variant": "next"}], default_variant="current")
    messages: Any = CHAT["messages"]
    raw = sdk.chat.completions.with_raw_response.create(model="chat", messages=messages)
    assert (raw.headers[VARIANT], raw.parse().model) == ("next", NEXT)
    with sdk.chat.completions.with_streaming_response.create(model="chat", messages=messages, stream=True) as streamed:
        assert streamed.headers[VARIANT] == "next"
        assert {chunk.model for chunk in streamed.parse()} == {NEXT}
    vectors = sdk.embeddings.with_raw_response.create(model="chat", input="Hi", encoding_format="float")
    assert (vectors.headers[VARIANT], vectors.parse().model) == ("next", NEXT)


def test_two_keys_of_one_owner_get_the_same_and_each_owner_its_own(anonymous: httpx.Client, make_key: MakeKey) -> None:
    make_flag(rules=split(50))

    def variant(key: str) -> str:
        return anonymous.post("/v1/chat/completions", json=CHAT, headers={"Authorization": f"Bearer {key}"}).headers[
            VARIANT
        ]

    owners = [f"owner-{at}" for at in range(12)]
    found = [variant(make_key(name)) for name in owners]
    assert found == [variant(make_key(name)) for name in owners]
    assert set(found) == {"current", "next"}


def test_limits_count_the_name_asked_for_and_the_model_that_answers(client: httpx.Client) -> None:
    flag = make_flag(default_variant="next")
    project = ensure_defaults()[1]
    for model, value in (("chat", 3), (NEXT, 2), (PLAIN, 2)):
        RateLimit.objects.all().put(project, {"value": value}, unit="requests", period="minute", model=model)

    def ask(model: str = "chat") -> str:
        answer = client.post("/v1/chat/completions", json={**CHAT, "model": model})
        return answer.json()["error"]["message"].split(" in project")[0] if answer.is_error else model_of(answer)

    assert [ask(), ask()] == [NEXT, NEXT]
    assert ask() == f"Rate limit reached for {NEXT}"
    FlagState.objects.filter(flag=flag).update(default_variant="current")
    assert ask() == PLAIN
    assert ask() == "Rate limit reached for chat"
    assert ask(PLAIN) == PLAIN
    assert ask(PLAIN) == f"Rate limit reached for {PLAIN}"


def test_the_alias_is_listed_as_before(client: httpx.Client) -> None:
    make_flag(default_variant="next")
    listed = {one["id"]: one for one in client.get("/v1/models").json()["data"]}
    assert set(listed) == {"lukhas-chat-1", "lukhas-embed-1", "lukhas-moderation-1", PLAIN, NEXT, "chat"}
    created = int(Model.objects.get(model_id=PLAIN).created_at.timestamp())
    expected = {"id": "chat", "object": "model", "created": created, "owned_by": "echo"}
    assert listed["chat"] == client.get("/v1/models/chat").json() == expected
