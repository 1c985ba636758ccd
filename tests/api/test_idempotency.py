"""Idempotency-Key on inference: one answer for one request, however often it is asked."""

import asyncio
import threading
import time
from typing import Any

import httpx
import openai
import pytest
from django.core.cache import caches
from django.core.management import call_command
from redis.exceptions import ConnectionError as CacheUnreachable

from accounts.models import Organization, Project, RateLimit, ServiceAccount
from accounts.models.organizations import ProjectRetention, Retention
from analytics import usage
from analytics.models import UsageRecord
from api import idempotency
from api.models import Model
from tests.analytics.recorded import full
from tests.conftest import MakeKey
from tests.processes import eventually

CHAT, RESPONSE, COMPLETION, EMBEDDING = "/v1/chat/completions", "/v1/responses", "/v1/completions", "/v1/embeddings"
MODERATION = "/v1/moderations"
HELLO: dict[str, Any] = {"model": "lukhas-echo-1", "messages": [{"role": "user", "content": "hello"}]}
BODIES: dict[str, dict[str, Any]] = {
    CHAT: HELLO,
    RESPONSE: {"model": "lukhas-echo-1", "input": "hello"},
    COMPLETION: {"model": "lukhas-echo-1", "prompt": "hello"},
    EMBEDDING: {"model": "lukhas-echo-1", "input": "hello"},
    MODERATION: {"model": "lukhas-echo-1", "input": "hello"},
}


def ask(client: httpx.Client, key: str, body: dict[str, Any] | None = None, path: str = CHAT, **more: str) -> Any:
    return client.post(path, json=HELLO if body is None else body, headers={"Idempotency-Key": key, **more})


def code(answer: httpx.Response) -> str | None:
    found: str | None = answer.json()["error"]["code"]
    return found


@pytest.mark.parametrize("path", BODIES)
def test_who_asks_again_gets_the_same_answer_and_uses_nothing(client: httpx.Client, path: str) -> None:
    Model.objects.filter(model_id="lukhas-echo-1").update(moderations=True)
    RateLimit.objects.create(project=Project.objects.get(), unit="requests", period="minute", value=1)
    first, again = (ask(client, "k-1", BODIES[path], path) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["x-lukhas-upstream"] == first.headers["x-lukhas-upstream"]
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    usage.flush()
    assert UsageRecord.objects.count() == 1


def test_the_sdk_reads_both(sdk: openai.OpenAI) -> None:
    first, again = (
        sdk.chat.completions.create(**HELLO, extra_headers={"Idempotency-Key": "of the SDK"}) for _ in range(2)
    )
    assert first == again


def test_a_key_is_of_one_request(client: httpx.Client) -> None:
    ask(client, "k")
    for other, path in (({**HELLO, "n": 2}, CHAT), (BODIES[COMPLETION], COMPLETION)):
        refused = ask(client, "k", other, path)
        assert (refused.status_code, code(refused)) == (409, "idempotency_key_reuse")
        assert refused.headers["x-should-retry"] == "false"
    assert ask(client, "k").headers["idempotent-replayed"] == "true"


def test_while_the_first_is_answered_the_second_is_told_to_wait(client: httpx.Client, settings: Any) -> None:
    settings.LUKHAS_ECHO_CHUNK_SECONDS = 0.3
    long = {**HELLO, "messages": [{"role": "user", "content": "one two three four"}]}
    found: list[httpx.Response] = []
    first = threading.Thread(target=lambda: found.append(ask(client, "k", long)))
    first.start()
    eventually(lambda: caches["idempotency"]._cache, 10, "the key is claimed")
    refused = ask(client, "k", long)
    assert refused.status_code == 409
    assert code(refused) == "idempotency_key_in_use"
    assert (refused.headers["retry-after"], refused.headers["x-should-retry"]) == ("1", "true")
    first.join()
    again = ask(client, "k", long)
    assert again.content == found[0].content


def test_an_error_of_the_callers_is_an_answer_too(client: httpx.Client) -> None:
    asked = {**HELLO, "model": "not-yet"}
    assert [(answer.status_code, code(answer)) for answer in (ask(client, "k", asked), ask(client, "k", asked))] == [
        (404, "model_not_found")
    ] * 2
    call_command("alias_model", "not-yet", "lukhas-echo-1", verbosity=0)
    assert ask(client, "k", asked).headers["idempotent-replayed"] == "true"
    assert ask(client, "another", asked).status_code == 200


def test_what_another_try_may_cure_is_no_answer(client: httpx.Client) -> None:
    limit = RateLimit.objects.create(project=Project.objects.get(), unit="requests", period="minute", value=1)
    ask(client, "first")
    assert ask(client, "k").status_code == 429
    limit.delete()
    with full(usage.journal):
        assert ask(client, "k").status_code == 503
    answer = ask(client, "k")
    assert answer.status_code == 200
    assert "idempotent-replayed" not in answer.headers


def test_streams_are_answered_anew(client: httpx.Client) -> None:
    answers = [ask(client, "k", {**HELLO, "stream": True}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].text != answers[1].text


@pytest.mark.parametrize("key", ["", "k" * 256, b"k\xe4se", "a\tb"])
def test_what_is_no_key_is_refused(client: httpx.Client, key: str | bytes) -> None:
    raw = key.encode() if isinstance(key, str) else key
    refused = client.post(CHAT, json=HELLO, headers=[(b"Idempotency-Key", raw)])
    assert (refused.status_code, code(refused)) == (400, "invalid_value")
    assert refused.json()["error"]["param"] == "Idempotency-Key"
    usage.flush()
    assert not UsageRecord.objects.exists()


def test_what_is_wrong_before_that_is_told_as_ever(client: httpx.Client, anonymous: httpx.Client) -> None:
    assert ask(anonymous, "k").status_code == 401
    assert ask(client, "k", {**HELLO, "n": 0}).status_code == 400
    assert ask(client, "k").status_code == 200, "what was not valid did not take the key"


def test_a_key_is_of_its_owner_in_a_project(client: httpx.Client, make_key: MakeKey) -> None:
    """A colleague and a stranger who use the same word get answers of their own; another key of the owner does not."""
    first = ask(client, "k").json()["id"]
    project = Project.objects.create(organization=Organization.objects.get(), name="Other")
    account = ServiceAccount.objects.create(project=project, name="stranger", role="owner")
    stranger = make_key(project=project, service_account=account)
    colleague, same = make_key(name="colleague"), make_key()

    def by(key: str) -> str:
        found: str = ask(client, "k", Authorization=f"Bearer {key}").json()["id"]
        return found

    assert by(same) == first
    assert len({first, by(colleague), by(stranger)}) == 3


@pytest.mark.parametrize("of", ["project", "organization"])
def test_where_nothing_may_be_stored_nothing_is(client: httpx.Client, of: str) -> None:
    if of == "project":
        Project.objects.update(data_retention=ProjectRetention.NOTHING)
    else:
        Organization.objects.update(data_retention=Retention.NOTHING)
    answers = [ask(client, "k") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["id"] != answers[1].json()["id"]


def test_what_is_large_is_not_kept(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "MOST_BYTES", 10)
    assert ask(client, "k").json()["id"] != ask(client, "k").json()["id"]


def test_who_hangs_up_gives_the_key_back(client: httpx.Client, settings: Any) -> None:
    settings.LUKHAS_ECHO_CHUNK_SECONDS = 60.0
    with pytest.raises(httpx.ReadTimeout):
        client.post(CHAT, json=HELLO, headers={"Idempotency-Key": "k"}, timeout=1.5)
    settings.LUKHAS_ECHO_CHUNK_SECONDS = 0.0
    eventually(lambda: ask(client, "k").status_code == 200, 10, "the key can be used")


def test_a_claim_lasts_as_long_as_its_request(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "RENEW_SECONDS", 0.05)
    kept = caches["idempotency"]
    kept.set("claim", "mine", 1)

    async def hold() -> None:
        answered = asyncio.Event()
        holding = asyncio.create_task(idempotency._renew("claim", answered))
        await asyncio.sleep(1.2)
        assert kept.get("claim") == "mine"
        answered.set()
        await holding

    asyncio.run(hold())


def test_a_renewal_that_is_under_way_does_not_cut_short_what_is_left(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    done: list[str] = []
    cache = type(caches["idempotency"])
    touch, keep = cache.touch, cache.set

    def slow(self: Any, name: str, seconds: int) -> None:
        time.sleep(0.5)
        touch(self, name, seconds)
        done.append("renewed")

    def kept(self: Any, *arguments: Any) -> None:
        keep(self, *arguments)
        done.append("left")

    monkeypatch.setattr(idempotency, "RENEW_SECONDS", 0.01)
    monkeypatch.setattr(cache, "touch", slow)
    monkeypatch.setattr(cache, "set", kept)
    settings.LUKHAS_ECHO_CHUNK_SECONDS = 0.1
    assert ask(client, "k").status_code == 200
    assert done == ["renewed", "left"]


def test_without_the_cache_no_key_can_be_claimed(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise CacheUnreachable

    monkeypatch.setattr(type(caches["idempotency"]), "add", away)
    refused = ask(client, "k")
    assert (refused.status_code, code(refused)) == (503, "server_is_overloaded")


def test_an_answer_is_given_that_cannot_be_kept(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise CacheUnreachable

    monkeypatch.setattr(type(caches["idempotency"]), "set", away)
    assert ask(client, "k").status_code == 200
    assert code(ask(client, "k")) == "idempotency_key_in_use"


def test_a_claim_that_ends_while_it_is_looked_at_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    claim, other = idempotency.Claim(b"mine"), idempotency.Claim(b"another's")
    kept = caches["idempotency"]
    kept.set("name", other)
    get = type(kept).get

    def ends(self: Any, name: str) -> Any:
        self.delete(name)
        return get(self, name)

    monkeypatch.setattr(type(kept), "get", ends)
    assert idempotency.take("name", claim) is None
    monkeypatch.undo()
    assert kept.get("name") == claim
    kept.clear()
