"""GET /v1/models and /v1/models/{id}: what is listed, for whom, and that it may be kept."""

import httpx
import openai
import pytest

from api.models import Alias, Model, Upstream
from tests.api.people import check_who_is_served
from tests.conftest import MakeKey


@pytest.fixture
def tagged(database: None) -> Model:
    """A model whose id holds what ids elsewhere hold, and an alias for it."""
    echo = Upstream.objects.get(kind="echo")
    model = Model.objects.create(model_id="org/big-model:7b.q4", upstream=echo)
    Alias.objects.create(name="team/fast:latest", target=model)
    return model


def test_models_and_aliases_are_listed_in_the_specifications_shape(client: httpx.Client, tagged: Model) -> None:
    body = client.get("/v1/models").json()
    assert body["object"] == "list"
    assert [one["id"] for one in body["data"]] == [
        "lukhas-chat-1",
        "lukhas-embed-1",
        "lukhas-moderation-1",
        "lukhas-echo-1",
        "org/big-model:7b.q4",
        "team/fast:latest",
    ]
    assert all(one["object"] == "model" and set(one) == {"id", "object", "created", "owned_by"} for one in body["data"])
    assert body["data"][4] == {
        "id": "org/big-model:7b.q4",
        "object": "model",
        "created": int(tagged.created_at.timestamp()),
        "owned_by": "echo",
    }


@pytest.mark.parametrize("name", ["org/big-model:7b.q4", "team/fast:latest", "lukhas-echo-1"])
def test_a_model_or_alias_is_retrieved_by_its_id(
    client: httpx.Client, sdk: openai.OpenAI, tagged: Model, name: str
) -> None:
    assert client.get(f"/v1/models/{name}").json()["id"] == name
    assert sdk.models.retrieve(name).id == name
    assert name in [one.id for one in sdk.models.list()]


@pytest.mark.parametrize("path", ["chat/completions", "completions"])
def test_answers_carry_the_models_id_and_never_the_aliass(client: httpx.Client, tagged: Model, path: str) -> None:
    body = {"model": "team/fast:latest", "prompt": "Hi", "messages": [{"role": "user", "content": "Hi"}]}
    body.pop("prompt" if path.startswith("chat") else "messages")
    assert client.post(f"/v1/{path}", json=body).json()["model"] == "org/big-model:7b.q4"
    streamed = client.post(f"/v1/{path}", json={**body, "stream": True}).text
    assert '"model":"org/big-model:7b.q4"' in streamed
    assert "team/fast" not in streamed
    embedded = client.post("/v1/embeddings", json={"model": "team/fast:latest", "input": "Hi"}).json()
    assert embedded["model"] == "org/big-model:7b.q4"


@pytest.mark.parametrize("name", ["nothing", "org/big-model", "lukhas-echo-1/", "a//b", "%2e%2e", "x" * 3000])
def test_a_model_that_there_is_not_is_404(client: httpx.Client, tagged: Model, name: str) -> None:
    answer = client.get(f"/v1/models/{name}")
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert len(error["message"]) < 300


def test_a_disabled_model_is_gone_at_once(client: httpx.Client, tagged: Model) -> None:
    assert client.get("/v1/models/team/fast:latest").status_code == 200
    tagged.enabled = False
    tagged.save()
    for name in ("org/big-model:7b.q4", "team/fast:latest"):
        assert client.get(f"/v1/models/{name}").status_code == 404


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/lukhas-echo-1"])
class TestCaching:
    def test_what_the_caller_has_is_not_sent_again(self, client: httpx.Client, path: str) -> None:
        first = client.get(path)
        etag = first.headers["etag"]
        for asked in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            answer = client.get(path, headers={"If-None-Match": asked})
            assert answer.status_code == 304
            assert answer.content == b""
            assert answer.headers["etag"] == etag
            assert answer.headers["x-request-id"]
        for asked in ('"other"', etag.strip('"'), ""):
            assert client.get(path, headers={"If-None-Match": asked}).status_code == 200

    def test_only_the_callers_own_cache_may_keep_it(self, client: httpx.Client, path: str) -> None:
        for headers in ({}, {"If-None-Match": "*"}):
            answer = client.get(path, headers=headers)
            assert answer.headers["cache-control"] == "private, max-age=60"
            assert "Authorization" in answer.headers["vary"]

    def test_a_change_of_the_catalog_is_a_new_tag(self, client: httpx.Client, tagged: Model, path: str) -> None:
        before = client.get(path).headers["etag"]
        tagged.upstream.name = "renamed"
        tagged.upstream.save()
        after = client.get(path, headers={"If-None-Match": before})
        assert after.status_code == 200
        assert after.headers["etag"] != before
        assert "renamed" in after.text

    def test_head_says_the_same_without_a_body(self, client: httpx.Client, path: str) -> None:
        answer = client.head(path)
        assert answer.status_code == 200
        assert answer.content == b""
        assert answer.headers["etag"] == client.get(path).headers["etag"]


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/lukhas-echo-1"])
def test_whoever_has_a_key_with_the_scope_may_look(anonymous: httpx.Client, make_key: MakeKey, path: str) -> None:
    check_who_is_served(anonymous, make_key, "model.read", "GET", path)


def test_the_key_is_checked_even_where_nothing_is_sent_again(anonymous: httpx.Client, client: httpx.Client) -> None:
    etag = client.get("/v1/models").headers["etag"]
    assert anonymous.get("/v1/models", headers={"If-None-Match": etag}).status_code == 401
