"""Limits as callers meet them: headers on every answer, 429 that the SDK understands, settled however it ends."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest

from accounts.bootstrap import ensure_defaults
from accounts.limits.gate import gate
from accounts.limits.rules import Rule
from accounts.models import Budget, Project, RateLimit, Spend
from api import catalog
from tests.api.commands import run
from tests.mock_upstream import MODEL, MockUpstream

ECHO = {"model": "lukhas-echo-1", "messages": [{"role": "user", "content": "one two three"}]}
NAMES = [f"x-ratelimit-{what}-{unit}" for what in ("limit", "remaining", "reset") for unit in ("requests", "tokens")]


@pytest.fixture
def project(database: None) -> Project:
    return ensure_defaults()[1]


@pytest.fixture
def limit(project: Project) -> Callable[..., None]:
    """Sets a limit of the default project: `limit("requests", 5)`."""

    def set_limit(unit: str, value: int, period: str = "minute", model: str = "") -> None:
        RateLimit.objects.all().put(project, {"value": value}, unit=unit, period=period, model=model)

    return set_limit


@pytest.fixture
def added(upstream: MockUpstream, database: None) -> MockUpstream:
    """The mock, added as a user would add it, at a dollar per thousand tokens each way."""
    run("add_upstream", "gpu", upstream.url)
    prices = ("--input-price", "1000", "--output-price", "1000", "--cached-input-price", "500")
    run("add_model", "big", "--upstream", "gpu", "--upstream-model", MODEL, *prices)
    run("alias_model", "fast", "big")
    return upstream


def used(project: Project, unit: Any, period: Any = "minute", model: str = "") -> int:
    return gate.in_use([Rule(f"project:{project.public_id}", model, unit, period, 0)])[0]


def spent(project: Project) -> int:
    return gate.spending([(f"project:{project.public_id}", "day")])[0]


def eventually(read: Callable[[], Any], expected: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while read() != expected:
        assert time.monotonic() < deadline, f"{read()!r} is not {expected!r}"
        time.sleep(0.01)


# --- Headers ----------------------------------------------------------------------------------------------------


def test_where_nothing_is_set_the_defaults_are_shown(client: httpx.Client) -> None:
    answer = client.post("/v1/chat/completions", json=ECHO)
    assert answer.status_code == 200
    assert (answer.headers["x-ratelimit-limit-requests"], answer.headers["x-ratelimit-limit-tokens"]) == (
        "1000000",
        "1000000000",
    )
    assert answer.headers["x-ratelimit-remaining-requests"] == "999999"
    assert re.fullmatch(r"1m0(\.\d+)?s|1m1s", answer.headers["x-ratelimit-reset-requests"])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("chat/completions", ECHO),
        ("chat/completions", {**ECHO, "stream": True}),
        ("responses", {"model": "lukhas-echo-1", "input": "Hi"}),
        ("responses", {"model": "lukhas-echo-1", "input": "Hi", "stream": True}),
        ("completions", {"model": "lukhas-echo-1", "prompt": "Hi"}),
        ("completions", {"model": "lukhas-echo-1", "prompt": "Hi", "stream": True}),
        ("embeddings", {"model": "lukhas-echo-1", "input": "Hi"}),
    ],
)
def test_success_stream_and_429_carry_all_six_headers(
    client: httpx.Client, limit: Callable[..., None], project: Project, path: str, body: dict[str, Any]
) -> None:
    limit("requests", 1)
    good = client.post(f"/v1/{path}", json=body)
    assert good.status_code == 200
    assert good.headers["x-ratelimit-remaining-requests"] == "0"
    assert set(NAMES) <= set(good.headers)
    before = used(project, "tokens", model="lukhas-echo-1")
    refused = client.post(f"/v1/{path}", json=body)
    assert refused.status_code == 429
    assert set(NAMES) <= set(refused.headers)
    seconds = float(refused.headers["retry-after-ms"]) / 1000
    assert int(refused.headers["retry-after"]) == -(-int(refused.headers["retry-after-ms"]) // 1000)
    assert 0 < seconds <= 61
    assert (used(project, "requests"), used(project, "tokens", model="lukhas-echo-1")) == (1, before)


def test_the_429_is_worded_as_the_wire_words_it(
    client: httpx.Client, limit: Callable[..., None], project: Project
) -> None:
    limit("requests", 1)
    client.post("/v1/chat/completions", json=ECHO)
    error = client.post("/v1/chat/completions", json=ECHO).json()["error"]
    assert (error["type"], error["code"], error["param"]) == ("requests", "rate_limit_exceeded", None)
    assert re.fullmatch(
        f"Rate limit reached for lukhas-echo-1 in project {project.public_id} on requests per min \\(RPM\\): Limit 1, "
        r"Used 1, Requested 1\. Please try again in \d+(\.\d{1,3})?s\.",
        error["message"],
    )


@pytest.mark.parametrize(
    ("unit", "period", "type", "words"),
    [
        ("requests", "day", "requests", "on requests per day (RPD): Limit 1, Used 1, Requested 1."),
        ("tokens", "day", "tokens", "on tokens per day (TPD): Limit 30, Used"),
        ("tokens", "minute", "tokens", "on tokens per min (TPM): Limit 30, Used"),
    ],
)
def test_every_kind_of_limit_names_itself(
    client: httpx.Client, limit: Callable[..., None], unit: str, period: str, type: str, words: str
) -> None:
    limit(unit, 1 if unit == "requests" else 30, period)
    body = {**ECHO, "max_tokens": 15}
    assert client.post("/v1/chat/completions", json=body).status_code == 200
    error = next(
        answer.json()["error"]
        for answer in (client.post("/v1/chat/completions", json=body) for _ in range(5))
        if answer.status_code == 429
    )
    assert error["type"] == type
    assert words in error["message"]


def test_a_request_larger_than_the_limit_is_told_not_to_wait(client: httpx.Client, limit: Callable[..., None]) -> None:
    limit("tokens", 10)
    answer = client.post("/v1/chat/completions", json={**ECHO, "max_tokens": 100})
    assert answer.status_code == 429
    assert answer.headers["x-should-retry"] == "false"
    assert "retry-after" not in answer.headers
    assert answer.json()["error"]["message"].startswith("Request too large for lukhas-echo-1 in project")


def test_the_organisation_and_the_key_are_named_where_it_is_theirs(client: httpx.Client, project: Project) -> None:
    organization = project.organization
    RateLimit.objects.all().put(organization, {"value": 0}, unit="requests", period="minute", model="")
    message = client.post("/v1/chat/completions", json=ECHO).json()["error"]["message"]
    assert f"in organization {organization.public_id} on" in message


def test_a_limit_holds_for_the_alias_and_for_the_model_behind_it(
    sdk: openai.OpenAI, added: MockUpstream, limit: Callable[..., None], project: Project
) -> None:
    limit("requests", 2, model="big")
    limit("requests", 1, model="fast")
    messages: Any = ECHO["messages"]
    sdk.chat.completions.create(model="fast", messages=messages)
    with pytest.raises(openai.RateLimitError, match="for fast in project"):
        sdk.chat.completions.create(model="fast", messages=messages)
    sdk.chat.completions.create(model="big", messages=messages)
    with pytest.raises(openai.RateLimitError, match="for big in project"):
        sdk.chat.completions.create(model="big", messages=messages)
    assert used(project, "requests", model="big") == 2


# --- The SDK ----------------------------------------------------------------------------------------------------


def test_the_sdk_raises_its_rate_limit_error_with_when_to_try_again(
    sdk: openai.OpenAI, limit: Callable[..., None]
) -> None:
    limit("requests", 1)
    messages: Any = ECHO["messages"]
    sdk.chat.completions.create(model="lukhas-echo-1", messages=messages)
    with pytest.raises(openai.RateLimitError) as caught:
        sdk.chat.completions.create(model="lukhas-echo-1", messages=messages)
    assert caught.value.code == "rate_limit_exceeded"
    assert 0 < int(caught.value.response.headers["retry-after"]) <= 61


def test_the_sdk_does_not_retry_a_budget_that_is_spent(
    sdk: openai.OpenAI, added: MockUpstream, project: Project
) -> None:
    Budget.objects.create(project=project, period="month", amount=0)
    messages: Any = ECHO["messages"]
    patient = sdk.with_options(max_retries=3)
    with pytest.raises(openai.RateLimitError) as caught:
        patient.chat.completions.create(model="big", messages=messages, max_tokens=5)
    assert (caught.value.code, caught.value.type) == ("insufficient_quota", "insufficient_quota")
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert set(NAMES) <= set(caught.value.response.headers)
    assert (
        caught.value.message.find("You exceeded your current quota, please check your plan and billing details.") >= 0
    )
    assert added.requests == []


def test_a_budget_that_requests_under_way_may_yet_use_is_worth_waiting_for(
    client: httpx.Client, added: MockUpstream, project: Project
) -> None:
    # 23 tokens are to be expected, at a tenth of a cent each; more than 300 are possible, as far as anybody knows.
    Budget.objects.create(project=project, period="month", amount="0.25")
    added.mode = "slow"
    added.delay = 1.0
    body = {**ECHO, "model": "big", "max_tokens": 15}
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.post, "/v1/chat/completions", json=body)
        added.wait_for_request()
        with httpx.Client(base_url=client.base_url, headers=dict(client.headers), timeout=60) as other:
            refused = other.post("/v1/chat/completions", json=body)
        assert first.result().status_code == 200
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota")
    assert refused.json()["error"]["message"].endswith("Please try again when the requests under way are done.")
    assert (refused.headers["retry-after"], refused.headers["retry-after-ms"]) == ("1", "1000")
    assert "x-should-retry" not in refused.headers
    eventually(lambda: client.post("/v1/chat/completions", json={**body, "max_tokens": 5}).status_code, 200)


@pytest.mark.parametrize("window", [None, "60"])
def test_a_crowd_at_the_edge_of_a_budget_overspends_by_what_the_estimate_of_one_request_missed(
    server: Any, api_key: str, added: MockUpstream, project: Project, settings: Any, window: str | None
) -> None:
    """Five tokens are expected of the prompt, one of the answer or three as asked; it costs 9,000 micro-dollars."""
    expected = 6000 if window else 8000
    settings.LUKHAS_ESTIMATED_OUTPUT_TOKENS = 1
    added.mode = "slow"
    added.delay = 0.05
    run("add_model", "big", "--upstream", "gpu", *(("--context-window", window) if window else ()))
    Budget.objects.create(project=project, period="month", amount="0.499")
    headers = {"Authorization": f"Bearer {api_key}"}
    body = {"model": "big", "messages": [{"role": "user", "content": "x"}], **({} if window else {"max_tokens": 3})}
    together = threading.Barrier(20)

    def five(_: int) -> list[int]:
        with httpx.Client(base_url=server.url, headers=headers, timeout=60) as caller:
            together.wait()
            return [caller.post("/v1/chat/completions", json=body).status_code for _ in range(5)]

    with ThreadPoolExecutor(20) as pool:
        statuses = [status for part in pool.map(five, range(20)) for status in part]
    assert set(statuses) == {200, 429}
    added.mode = "normal"
    # And then one after the other, until it is spent.
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as caller:
        while caller.post("/v1/chat/completions", json=body).status_code == 200:
            pass
    assert 499_000 - expected < spent(project) <= 499_000 + (9000 - expected)


def test_a_model_that_costs_nothing_is_not_refused_by_a_budget(client: httpx.Client, project: Project) -> None:
    Budget.objects.create(project=project, period="month", amount=0)
    assert client.post("/v1/chat/completions", json=ECHO).status_code == 200


# --- Settled with what was used ---------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_is_settled_with_the_tokens_and_the_money_that_it_used(
    sdk: openai.OpenAI, added: MockUpstream, limit: Callable[..., None], project: Project, stream: bool
) -> None:
    limit("in_flight", 5, period="")
    limit("tokens", 100_000)
    messages: Any = ECHO["messages"]
    answer = sdk.chat.completions.create(model="fast", messages=messages, max_tokens=500, stream=stream)
    if stream:
        list(answer)  # type: ignore[arg-type, call-overload]
    eventually(lambda: used(project, "in_flight", ""), 0)
    assert used(project, "tokens") == 10
    # Seven tokens in, two of them cached at half the price, and three out.
    assert spent(project) == (5 + 1 + 3) * 1000
    eventually(lambda: set(Spend.objects.values_list("micro", flat=True)), {9000}, 10)


@pytest.mark.parametrize(
    ("mode", "stream"), [("500", False), ("500", True), ("429", False), ("429", True), ("error-first", True)]
)
def test_what_failed_before_it_began_is_released_but_stays_counted_as_a_request(
    client: httpx.Client, added: MockUpstream, limit: Callable[..., None], project: Project, mode: str, stream: bool
) -> None:
    limit("in_flight", 5, period="")
    limit("requests", 5)
    limit("tokens", 100_000)
    added.mode = mode
    answer = client.post("/v1/chat/completions", json={**ECHO, "model": "big", "stream": stream})
    assert answer.status_code >= 400
    assert set(NAMES) <= set(answer.headers)
    eventually(lambda: used(project, "in_flight", ""), 0)
    assert (used(project, "requests"), used(project, "tokens"), spent(project)) == (1, 0, 0)


@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_who_hangs_up_before_the_answer_gets_everything_back(
    server: Any, api_key: str, added: MockUpstream, limit: Callable[..., None], project: Project, stream: bool
) -> None:
    limit("in_flight", 1, period="")
    limit("tokens", 100_000)
    added.mode = "hang"
    headers = {"Authorization": f"Bearer {api_key}"}
    with (
        httpx.Client(base_url=server.url, headers=headers, timeout=1.5) as hasty,
        pytest.raises(httpx.ReadTimeout),
    ):
        hasty.post("/v1/chat/completions", json={**ECHO, "model": "big", "stream": stream})
    eventually(lambda: used(project, "in_flight", ""), 0)
    assert (used(project, "tokens"), spent(project)) == (0, 0)


def test_an_answer_that_does_not_tell_its_usage_used_all_that_it_might_have(
    client: httpx.Client, added: MockUpstream, limit: Callable[..., None], project: Project
) -> None:
    limit("tokens", 100_000)
    added.mode = "no-usage"
    answer = client.post("/v1/chat/completions", json={**ECHO, "model": "big", "max_tokens": 50})
    assert (answer.status_code, "usage" in answer.json()) == (200, False)
    assert (used(project, "tokens"), spent(project)) == (8 + 50, 58 * 1000)


@pytest.mark.parametrize("mode", ["stall", "cut"])
def test_a_stream_that_ends_before_it_tells_its_usage_costs_its_prompt_and_what_came(
    server: Any, api_key: str, added: MockUpstream, limit: Callable[..., None], project: Project, mode: str
) -> None:
    limit("in_flight", 1, period="")
    limit("tokens", 100_000)
    added.mode = mode
    headers = {"Authorization": f"Bearer {api_key}"}
    body = {**ECHO, "model": "big", "stream": True}
    with (
        httpx.Client(base_url=server.url, headers=headers, timeout=30) as client,
        client.stream("POST", "/v1/chat/completions", json=body) as answer,
    ):
        assert answer.headers["x-ratelimit-limit-tokens"] == "100000"
        events = (line for line in answer.iter_lines() if line.startswith("data: "))
        assert [next(events), next(events)]
        if mode == "cut":
            list(events)
        else:
            assert used(project, "in_flight", "") == 1
    eventually(lambda: used(project, "in_flight", ""), 0)
    # "one two three" is thirteen bytes, and so four tokens, and as many for the message; the mock had sent two events.
    assert used(project, "tokens") == 4 + 4 + 2
    assert spent(project) == 10 * 1000


def test_two_hundred_callers_at_a_limit_of_a_hundred_let_in_exactly_a_hundred(
    server: Any, api_key: str, limit: Callable[..., None]
) -> None:
    limit("requests", 100)
    headers = {"Authorization": f"Bearer {api_key}"}
    together = threading.Barrier(20)

    def ten(_: int) -> list[int]:
        with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:
            together.wait()
            return [client.post("/v1/chat/completions", json=ECHO).status_code for _ in range(10)]

    with ThreadPoolExecutor(20) as pool:
        statuses = [status for part in pool.map(ten, range(20)) for status in part]
    assert sorted(statuses) == [200] * 100 + [429] * 100


def test_too_many_at_once_are_refused_until_one_is_done(
    server: Any, api_key: str, client: httpx.Client, added: MockUpstream, limit: Callable[..., None]
) -> None:
    limit("in_flight", 1, period="")
    added.mode = "slow"
    added.delay = 1.0
    body = {**ECHO, "model": "big"}
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.post, "/v1/chat/completions", json=body)
        added.wait_for_request()
        with httpx.Client(base_url=server.url, headers=dict(client.headers), timeout=60) as other:
            refused = other.post("/v1/chat/completions", json=body)
        assert refused.status_code == 429
        assert "on requests in flight: Limit 1, Used 1, Requested 1. Please try again in 1s." in refused.text
        assert first.result().status_code == 200
    added.mode = "normal"
    assert client.post("/v1/chat/completions", json=body).status_code == 200


# --- Where limits cannot be kept ---------------------------------------------------------------------------------


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server whose Redis is lost, and that is set to refuse then."""
    monkeypatch.setattr(gate, "shared", object())
    monkeypatch.setattr(gate, "lost", True)
    monkeypatch.setattr(gate, "without_redis", "refuse")
    monkeypatch.setattr(gate.keeper, "started", True)
    return iter([None])


def test_without_redis_a_server_that_is_set_to_refuse_is_overloaded(client: httpx.Client, refusing: None) -> None:
    answer = client.post("/v1/chat/completions", json=ECHO)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["error"]["code"] == "server_is_overloaded"


def test_prices_are_whole_micro_dollars_per_million_tokens_and_costs_are_rounded_up() -> None:
    target = catalog.Target("m", "u", "openai", input_price=20_000, cached_input_price=10_000, output_price=60_000_000)
    assert target.cost(10, 0) == 1  # 0.2 of a micro-dollar
    assert target.cost(0, 0) == 0
    assert target.cost(1_000_000, 1_000_000, 500_000) == 10_000 + 5_000 + 60_000_000
    assert target.cost(10, 0, cached_tokens=99) == 1


async def test_the_catalog_carries_the_prices_exactly(added: MockUpstream) -> None:
    target = (await catalog.current()).targets["fast"]
    assert (target.input_price, target.cached_input_price, target.output_price) == (10**9, 5 * 10**8, 10**9)
