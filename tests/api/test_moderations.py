"""POST /v1/moderations on the wire: with the real model, an upstream, and the echo for what needs neither."""

from typing import Any, cast

import httpx
import openai
import pytest
from pytest_django import Settings

from accounts.models import Project, RateLimit
from analytics import usage
from analytics.models import Refused, UsageRecord
from api.backends import registry
from api.backends.embedded_moderation import EmbeddedModerationBackend
from api.engines.moderation import CATEGORIES
from api.exceptions import Overloaded
from api.models import Model
from tests.api.commands import run
from tests.api.people import check_who_is_served
from tests.conftest import MakeKey
from tests.mock_upstream import MODEL, MockUpstream

PATH = "/v1/moderations"
EMBEDDED, ECHO = "lukhas-moderation-1", "lukhas-echo-1"
THREAT = "I am going to kill you tonight."
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/image.png"}}
PARTS = [{"type": "text", "text": "What is this?"}, IMAGE]


@pytest.fixture
def echo(database: None) -> str:
    """The echo, with this endpoint."""
    Model.objects.filter(model_id=ECHO).update(moderations=True)
    return ECHO


def test_whoever_has_a_key_with_the_scope_is_answered(anonymous: httpx.Client, make_key: MakeKey, echo: str) -> None:
    check_who_is_served(anonymous, make_key, "model.request", "POST", PATH, json={"model": echo, "input": "Hi"})


@pytest.mark.parametrize("model", [EMBEDDED, ECHO])
def test_every_shape_of_an_input_has_its_results(client: httpx.Client, echo: str, model: str) -> None:
    parts = [{"type": "text", "text": "a nice day"}, {"type": "text", "text": "and a nice night"}]
    for given, results in (("a nice day", 1), (["a nice day", ""], 2), (parts, 1)):
        answer = client.post(PATH, json={"model": model, "input": given})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert set(body) == {"id", "model", "results"}
        assert body["id"].startswith("modr-")
        assert body["model"] == model
        assert len(body["results"]) == results
        for result in body["results"]:
            assert result["flagged"] is False
            assert result["categories"] == dict.fromkeys(CATEGORIES, False)
            assert set(result["category_scores"]) == set(CATEGORIES)
            assert result["category_applied_input_types"] == {name: ["text"] for name in CATEGORIES}


def test_who_names_no_model_is_answered_by_the_embedded_one(client: httpx.Client) -> None:
    answer = client.post(PATH, json={"input": ["How do I kill a process on Linux?", THREAT]})
    assert answer.json()["model"] == EMBEDDED
    assert [result["flagged"] for result in answer.json()["results"]] == [False, True]
    assert answer.headers["x-lukhas-upstream"] == "lukhas-moderation"
    assert answer.headers["x-lukhas-attempts"] == "1"
    assert int(answer.headers["x-ratelimit-limit-requests"]) > 0


def test_the_setting_names_the_model_or_alias_that_answers_instead(
    client: httpx.Client, echo: str, settings: Settings
) -> None:
    run("alias_model", "omni-moderation-latest", echo)
    settings.LUKHAS_MODERATION_MODEL = "omni-moderation-latest"
    answer = client.post(PATH, json={"input": "hate and violence/graphic"}).json()
    assert answer["model"] == echo
    flagged = [name for name, yes in answer["results"][0]["categories"].items() if yes]
    assert flagged == ["hate", "violence", "violence/graphic"]


def test_a_setting_that_names_nothing_is_told_as_an_unknown_model(client: httpx.Client, settings: Settings) -> None:
    settings.LUKHAS_MODERATION_MODEL = "gone"
    answer = client.post(PATH, json={"input": "Hi"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("model", [EMBEDDED, ECHO])
@pytest.mark.parametrize(
    ("asked", "code", "param"),
    [
        ({"input": PARTS}, "unsupported_value", "input[1].type"),
        ({"user": "u"}, "unknown_parameter", "user"),
        ({"input": []}, "empty_array", "input"),
        ({"input": [15339]}, "invalid_type", "input[0]"),
    ],
)
def test_what_cannot_be_is_refused_and_the_next_request_works(
    client: httpx.Client, echo: str, model: str, asked: Any, code: str, param: str
) -> None:
    answer = client.post(PATH, json={"model": model, "input": "Hi", **asked})
    assert answer.status_code == 400
    assert (answer.json()["error"]["code"], answer.json()["error"]["param"]) == (code, param)
    assert client.post(PATH, json={"model": model, "input": "Hi"}).status_code == 200


@pytest.mark.parametrize("model", ["lukhas-chat-1", "lukhas-embed-1", ECHO])
def test_a_model_without_the_endpoint_is_refused_and_counted(client: httpx.Client, model: str) -> None:
    answer = client.post(PATH, json={"model": model, "input": "Hi"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "model_not_supported")
    assert "v1/moderations" in error["message"]
    usage.flush()
    assert list(Refused.objects.values_list("endpoint", "reason", "count")) == [(PATH, "model_not_supported", 1)]


def test_the_moderation_model_answers_nothing_else(client: httpx.Client) -> None:
    for path, body in (("chat/completions", {"messages": [{"role": "user", "content": "Hi"}]}), ("embeddings", {})):
        answer = client.post(f"/v1/{path}", json={"model": EMBEDDED, "input": "Hi", **body})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "model_not_supported")


def test_a_full_queue_is_503_with_retry_after(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = cast("EmbeddedModerationBackend", registry.backend("embedded-moderation"))

    async def full(items: object) -> None:
        raise Overloaded(retry_after=3)

    with monkeypatch.context() as patched:
        patched.setattr(backend.embedder.batcher, "submit", full)
        answer = client.post(PATH, json={"input": "Hi"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "server_is_overloaded")
    assert answer.headers["retry-after"] == "3"


def test_limits_hold(client: httpx.Client, echo: str) -> None:
    RateLimit.objects.create(project=Project.objects.get(), unit="requests", period="minute", value=1)
    statuses = [client.post(PATH, json={"model": echo, "input": "Hi"}).status_code for _ in range(2)]
    assert statuses == [200, 429]


def test_what_was_read_is_on_the_books(client: httpx.Client) -> None:
    client.post(PATH, json={"input": ["What a nice day.", ""]})
    usage.flush()
    row = UsageRecord.objects.get()
    assert (row.endpoint, row.model_asked, row.model, row.upstream) == (PATH, EMBEDDED, EMBEDDED, "lukhas-moderation")
    assert (row.input_tokens, row.output_tokens, row.estimated, row.stream) == (5, 0, False, False)


def test_the_sdk_reads_every_category(sdk: openai.OpenAI) -> None:
    (result,) = sdk.moderations.create(input=THREAT).results
    assert result.flagged
    assert result.categories.harassment_threatening
    assert result.category_scores.violence_graphic < result.category_scores.violence
    assert result.category_applied_input_types.illicit_violent == ["text"]


class TestUpstream:
    @pytest.fixture(autouse=True)
    def added(self, upstream: MockUpstream, database: None) -> None:
        run("add_upstream", "vendor", upstream.url)
        prices = ("--input-price", "1000")
        run("add_model", "omni", "--upstream", "vendor", "--upstream-model", MODEL, "--moderations", *prices)

    def test_requests_and_answers_are_passed_on_with_images(self, client: httpx.Client, upstream: MockUpstream) -> None:
        body = {"model": "omni", "input": PARTS, "new": {"field": 1}}
        answer = client.post(PATH, json=body)
        assert answer.status_code == 200
        assert (upstream.last.path, upstream.last.body) == ("moderations", {**body, "model": MODEL})
        assert answer.json() == {
            "id": "modr-upstream",
            "model": "omni",
            "results": [{"flagged": True, "categories": {"new": True}, "category_scores": {"new": 0.25}}],
        }
        assert answer.headers["x-lukhas-upstream"] == "vendor"

    def test_who_names_no_model_has_it_named_to_the_upstream(
        self, client: httpx.Client, upstream: MockUpstream, settings: Settings
    ) -> None:
        settings.LUKHAS_MODERATION_MODEL = "omni"
        assert client.post(PATH, json={"input": "Hi"}).json()["model"] == "omni"
        assert upstream.last.body == {"model": MODEL, "input": "Hi"}

    def test_what_nobody_tells_is_estimated(self, client: httpx.Client) -> None:
        client.post(PATH, json={"model": "omni", "input": ["eight by", "te"]})
        usage.flush()
        row = UsageRecord.objects.get()
        assert (row.input_tokens, row.output_tokens, row.estimated, row.cost_micro) == (3, 0, True, 3000)

    def test_an_upstream_that_fails_is_one_clear_error(self, client: httpx.Client, upstream: MockUpstream) -> None:
        upstream.mode = "500"
        answer = client.post(PATH, json={"model": "omni", "input": "Hi"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
