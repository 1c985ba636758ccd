"""Retries, fallback, load balancing and breakers on the running server, with other servers that fail."""

import asyncio
import gc
import json
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from pytest_django import Settings

from accounts.models import Project
from analytics.models import UsageRecord
from api import catalog, pauses
from api.backends.base import Delta
from api.backends.echo import EchoBackend
from api.balancing import traffic
from api.breakers import breakers
from api.course import Course
from api.exceptions import Overloaded
from api.models import Deployment, Fallback, Model, ModelPermissions, Upstream
from tests.api.commands import run
from tests.mock_upstream import MODEL, MockUpstream
from tests.processes import eventually

CHAT = "/v1/chat/completions"
BIG = ("big", "gpu", MODEL)
HELLO: list[Any] = [{"role": "user", "content": "Hi"}]
ENDPOINTS: list[tuple[str, dict[str, Any]]] = [
    (CHAT, {"messages": HELLO}),
    (CHAT, {"messages": HELLO, "stream": True}),
    ("/v1/responses", {"input": "Hi"}),
    ("/v1/responses", {"input": "Hi", "stream": True}),
    ("/v1/completions", {"prompt": "Hi"}),
    ("/v1/completions", {"prompt": "Hi", "stream": True}),
    ("/v1/embeddings", {"input": "Hi"}),
    ("/v1/moderations", {"input": "Hi"}),
]
Ask = Callable[..., httpx.Response]


@pytest.fixture(autouse=True)
def added(upstream: MockUpstream, database: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """`big` at the mock, at a dollar a thousand tokens; pauses are short."""
    monkeypatch.setattr(pauses, "SHORTEST_SECONDS", 0.001)
    run("add_upstream", "gpu", upstream.url, "--api-key-env", "MOCK_KEY")
    monkeypatch.setenv("MOCK_KEY", "sk-very-secret")
    prices = ("--input-price", "1000", "--output-price", "1000", "--cached-input-price", "1000")
    rest = ("--upstream-model", MODEL, "--vector-space", "a", "--moderations", *prices)
    run("add_model", "big", "--upstream", "gpu", *rest)
    Model.objects.filter(model_id="lukhas-echo-1").update(moderations=True)


@pytest.fixture
def spare() -> Iterator[MockUpstream]:
    """A second server, which is known as `spare`."""
    with MockUpstream() as server:
        Upstream.objects.create(name="spare", base_url=server.url)
        yield server


@pytest.fixture
def standby(spare: MockUpstream) -> MockUpstream:
    """The second server as a deployment of `big` that is asked only where the first fails."""
    Deployment.objects.create(model=big(), upstream=at("spare"), upstream_model=MODEL, weight=0)
    return spare


@pytest.fixture
def small(spare: MockUpstream) -> MockUpstream:
    """The second server with `small`, a fallback of `big` at two dollars a thousand tokens."""
    model = Model.objects.create(
        model_id="small", upstream=at("spare"), vector_space="a", moderations=True, input_price=2000,
        cached_input_price=2000, output_price=2000,
    )  # fmt: skip
    Fallback.objects.create(model=big(), target=model)
    return spare


@pytest.fixture
def ask(client: httpx.Client) -> Ask:
    def ask(path: str = CHAT, body: dict[str, Any] | None = None, **more: Any) -> httpx.Response:
        return client.post(path, json={"model": "big", **(body or {"messages": HELLO}), **more})

    return ask


def big() -> Model:
    return Model.objects.get(model_id="big")


def at(name: str) -> Upstream:
    return Upstream.objects.get(name=name)


def way(answer: httpx.Response) -> tuple[str | None, str | None]:
    return answer.headers.get("x-lukhas-upstream"), answer.headers.get("x-lukhas-attempts")


def recorded(answer: httpx.Response) -> UsageRecord:
    found: UsageRecord = eventually(
        lambda: UsageRecord.objects.filter(request_id=answer.headers["x-request-id"]).first(), 10, "it is recorded"
    )
    return found


def model_of(answer: httpx.Response) -> str:
    """The model that an answer, whole or as a stream, says it is of."""
    told = json.loads(answer.text.partition("\n\n")[0].rpartition("data: ")[2])
    model: str = told.get("response", told)["model"]
    return model


class TestHeaders:
    def test_every_answer_says_which_upstream_gave_it_and_how_often_one_was_asked(self, ask: Ask) -> None:
        for path, body in ENDPOINTS:
            assert way(ask(path, body)) == ("gpu", "1")
            assert way(ask(path, body, model="lukhas-echo-1")) == ("echo", "1")

    def test_so_does_every_error_after_an_attempt_and_none_before(self, ask: Ask, upstream: MockUpstream) -> None:
        for stream in (False, True):
            upstream.mode = "400"
            answer = ask(stream=stream)
            assert (answer.status_code, way(answer)) == (400, ("gpu", "1"))
            upstream.mode = "500"
            answer = ask(stream=stream)
            assert (answer.status_code, way(answer)) == (502, ("gpu", "3"))
            breakers.forget()
            for refused in (ask(stream=stream, temperature=9), ask(stream=stream, model="nothing")):
                assert way(refused) == (None, None)


class TestRetries:
    def test_what_may_pass_is_tried_again_at_every_endpoint(self, ask: Ask, upstream: MockUpstream) -> None:
        answers = []
        for path, body in ENDPOINTS:
            breakers.forget()
            upstream.modes = ["500", "drop"]
            answers.append(ask(path, body))
        for answer in answers:
            assert (answer.status_code, way(answer)) == (200, ("gpu", "3"))
            row = recorded(answer)
            assert (row.status, row.attempts, row.model, row.upstream) == (200, 3, "big", "gpu")
            assert row.input_tokens == (1 if row.estimated else 7)
            assert row.estimated == (row.endpoint == "/v1/moderations")

    def test_what_may_pass_is_known_by_status_or_by_how_it_breaks_off(self, ask: Ask, upstream: MockUpstream) -> None:
        for mode in ("408", "409", "busy", "500", "drop", "error-first", "empty"):
            breakers.forget()
            upstream.modes = [mode]
            answer = ask(stream=True)
            assert (mode, answer.status_code, way(answer)) == (mode, 200, ("gpu", "2"))
            assert answer.text.count("Hello") == 1
        for mode, stream in (
            *((mode, stream) for mode in ("301", "400", "401", "404", "429") for stream in (False, True)),
            ("html", False),
            ("half-json", False),
        ):
            upstream.modes = [mode]
            answer = ask(stream=stream)
            assert answer.status_code >= 400
            assert (mode, way(answer)) == (mode, ("gpu", "1"))
            breakers.forget()

    def test_what_has_begun_is_not_tried_again(self, ask: Ask, upstream: MockUpstream) -> None:
        for mode in ("cut", "reset", "error-mid"):
            upstream.modes = [mode]
            answer = ask(stream=True)
            assert (answer.status_code, way(answer)) == (200, ("gpu", "1"))
            assert '"error"' in answer.text
        assert len(upstream.requests) == 3

    def test_what_is_the_callers_fault_is_told_on_a_later_attempt_too(self, ask: Ask, upstream: MockUpstream) -> None:
        for stream in (False, True):
            upstream.modes = ["500", "400"]
            answer = ask(stream=stream)
            assert (answer.status_code, answer.json()["error"]["code"], way(answer)) == (400, "hot", ("gpu", "2"))

    def test_a_conflict_that_lasts_is_the_callers_to_see(self, ask: Ask, upstream: MockUpstream) -> None:
        upstream.mode = "409"
        answer = ask()
        assert (answer.status_code, answer.json()["error"]["code"], way(answer)) == (409, "locked", ("gpu", "3"))

    def test_the_upstreams_own_time_is_waited_for(self, ask: Ask, upstream: MockUpstream) -> None:
        upstream.modes = ["busy"]
        assert ask().status_code == 200
        first, second = (asked.at for asked in upstream.requests)
        assert second - first >= 0.02

    def test_how_often_and_how_long_are_settings(self, ask: Ask, upstream: MockUpstream, settings: Settings) -> None:
        upstream.mode = "500"
        settings.LUKHAS_UPSTREAM_RETRIES = 0
        assert way(ask()) == ("gpu", "1")
        settings.LUKHAS_UPSTREAM_RETRIES, settings.LUKHAS_UPSTREAM_RETRY_SECONDS = 5, 0.0
        assert way(ask()) == ("gpu", "1")


def test_nothing_of_a_request_that_failed_over_is_left_for_the_collector_of_rings(
    ask: Ask, upstream: MockUpstream, settings: Settings
) -> None:
    settings.LUKHAS_BREAKER_FAILURES = 1000
    ask()
    gc.collect()
    before = courses()  # of other tests, and held by whatever holds what they left
    gc.disable()
    try:
        for stream in (False, True):
            upstream.modes = ["500", "drop"]
            assert ask(stream=stream).status_code == 200
            upstream.mode = "500"
            assert ask(stream=stream).status_code == 502
            upstream.mode = "normal"
        ask()
        left = courses() - before
    finally:
        gc.enable()
    assert left == set()


def courses() -> set[int]:
    """All that there are, by their identity."""
    return {id(one) for one in gc.get_objects() if type(one) is Course}


class TestDeployments:
    def test_where_one_fails_the_next_one_answers_under_the_same_name(
        self, ask: Ask, upstream: MockUpstream, standby: MockUpstream
    ) -> None:
        upstream.mode = "401"
        answers = []
        for path, body in ENDPOINTS:
            breakers.forget()
            answers.append(ask(path, body))
        for answer in answers:
            assert (answer.status_code, way(answer), model_of(answer)) == (200, ("spare", "2"), "big")
            assert "Authorization" not in standby.last.headers
            row = recorded(answer)
            assert (row.model, row.upstream, row.attempts, row.error_code) == ("big", "spare", 2, "")

    def test_whatever_goes_wrong_and_is_not_the_callers_fault_is_answered_by_the_next_one(
        self, ask: Ask, upstream: MockUpstream, standby: MockUpstream
    ) -> None:
        for mode in ("html", "half-json", "301", "429", "500", "drop"):
            upstream.mode = mode
            for stream in (False, True):
                breakers.forget()
                answer = ask(stream=stream)
                assert (mode, answer.status_code, way(answer)[0]) == (mode, 200, "spare")

    def test_one_whose_key_is_not_set_here_is_none_that_answers(
        self, ask: Ask, upstream: MockUpstream, standby: MockUpstream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("MOCK_KEY")
        assert way(ask()) == ("spare", "2")
        assert upstream.requests == []

    def test_one_that_others_find_broken_during_a_pause_is_not_asked_again(
        self, ask: Ask, upstream: MockUpstream, standby: MockUpstream
    ) -> None:
        upstream.reply(b"", status=503, headers={"Retry-After-Ms": "900"})
        with ThreadPoolExecutor(1) as caller:
            asked = caller.submit(ask)
            upstream.wait_for_request()
            time.sleep(0.3)  # now it waits
            for _ in range(5):
                breakers.failed(BIG)
            answer = asked.result()
        assert (answer.status_code, way(answer), len(upstream.requests)) == (200, ("spare", "2"), 1)

    def test_what_is_the_callers_fault_is_told_at_once(
        self, ask: Ask, upstream: MockUpstream, standby: MockUpstream
    ) -> None:
        upstream.mode = "400"
        assert (ask().status_code, standby.requests) == (400, [])

    def test_where_all_fail_the_caller_gets_one_error(
        self, ask: Ask, upstream: MockUpstream, standby: MockUpstream
    ) -> None:
        upstream.mode = standby.mode = "500"
        answer = ask()
        assert (answer.status_code, way(answer)) == (502, ("spare", "6"))
        assert answer.json()["error"]["message"] == "The upstream server failed to answer."
        row = recorded(answer)
        assert (row.status, row.error_code, row.attempts, row.input_tokens) == (502, "upstream_error", 6, 0)

    def test_requests_go_where_the_fewest_are_in_flight(
        self, client: httpx.Client, upstream: MockUpstream, spare: MockUpstream
    ) -> None:
        Deployment.objects.create(model=big(), upstream=at("spare"), weight=3)
        upstream.mode = spare.mode = "hang"

        async def many() -> None:
            async with httpx.AsyncClient(base_url=client.base_url, headers=client.headers) as caller:
                asked = [caller.post(CHAT, json={"model": "big", "messages": HELLO}) for _ in range(12)]
                tasks = [asyncio.ensure_future(each) for each in asked]
                await asyncio.to_thread(upstream.wait_for_requests, 3)
                await asyncio.to_thread(spare.wait_for_requests, 9)
                for task in tasks:
                    task.cancel()

        asyncio.run(many())
        assert (len(upstream.requests), len(spare.requests)) == (3, 9)
        eventually(lambda: not traffic.in_flight(BIG), 20, "nothing is in flight")


class TestFallbacks:
    def test_where_a_model_fails_another_answers_under_its_own_name_and_at_its_own_price(
        self, ask: Ask, upstream: MockUpstream, small: MockUpstream
    ) -> None:
        upstream.mode = "401"
        answers = []
        for path, body in ENDPOINTS:
            breakers.forget()
            answers.append(ask(path, body))
        for answer in answers:
            assert (answer.status_code, way(answer), model_of(answer)) == (200, ("spare", "2"), "small")
            assert small.last.body["model"] == "small"
            row = recorded(answer)
            assert (row.model_asked, row.model, row.upstream, row.attempts) == ("big", "small", "spare", 2)
            assert row.cost_micro == 2000 * (row.input_tokens + row.output_tokens)

    def test_a_model_of_this_process_may_answer_too(self, ask: Ask, upstream: MockUpstream) -> None:
        echo = Model.objects.get(model_id="lukhas-echo-1")
        Model.objects.update(embeddings=False)
        Fallback.objects.create(model=big(), target=echo)
        upstream.mode = "drop"
        for stream in (False, True):
            breakers.forget()
            answer = ask(stream=stream)
            assert (answer.status_code, way(answer), model_of(answer)) == (200, ("echo", "4"), echo.model_id)

    def test_one_of_this_process_that_is_full_is_relieved_by_another(
        self, ask: Ask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def full(*_: Any) -> AsyncGenerator[Delta]:
            raise Overloaded
            yield

        monkeypatch.setattr(EchoBackend, "chat_deltas", full)
        model = Model.objects.get(model_id="lukhas-echo-1")
        assert ask(model=model.model_id).status_code == 503
        Fallback.objects.create(model=model, target=big())
        Model.objects.update(vector_space="a")
        catalog.forget()
        answer = ask(model=model.model_id)
        assert (answer.status_code, way(answer), model_of(answer)) == (200, ("gpu", "2"), "big")
        assert breakers.troubled == {}

    def test_what_stands_in_and_refuses_is_not_the_callers_mistake(self, ask: Ask, upstream: MockUpstream) -> None:
        Model.objects.update(embeddings=False)
        Fallback.objects.create(model=big(), target=Model.objects.get(model_id="lukhas-echo-1"))
        upstream.mode = "401"
        answer = ask(top_k=5)
        assert (answer.status_code, way(answer)) == (502, ("echo", "1"))
        assert answer.json()["error"]["message"] == (
            "The upstream server failed to answer. Models tried: `big`, `lukhas-echo-1`."
        )

    def test_nobody_gets_a_model_that_their_project_may_not_use(
        self, ask: Ask, upstream: MockUpstream, small: MockUpstream
    ) -> None:
        upstream.mode = "401"
        rule = ModelPermissions(project=Project.objects.get())
        for mode, models, status in (
            ("deny_list", ["small"], 502),
            ("allow_list", ["big"], 502),
            ("allow_list", ["big", "small"], 200),
        ):
            rule.mode, rule.model_ids = mode, models
            rule.save()
            assert (ask().status_code, len(small.requests)) == (status, status == 200)

    def test_a_model_whose_limit_is_reached_does_not_stand_in(
        self, ask: Ask, upstream: MockUpstream, small: MockUpstream
    ) -> None:
        run("set_limit", "--model", "small", "requests/minute", "1")
        upstream.mode = "401"
        assert ask().status_code == 200
        assert (ask().status_code, len(small.requests)) == (502, 1)


class TestBreakers:
    @pytest.fixture(autouse=True)
    def numbers(self, settings: Settings) -> None:
        settings.LUKHAS_BREAKER_FAILURES = 2
        settings.LUKHAS_UPSTREAM_RETRIES = 0

    def test_one_that_keeps_failing_is_left_alone_until_one_request_finds_it_well(
        self, ask: Ask, upstream: MockUpstream, settings: Settings
    ) -> None:
        upstream.mode = "500"
        assert [ask().status_code for _ in range(3)] == [502, 502, 503]
        assert len(upstream.requests) == 2
        answer = ask(stream=True)
        assert (answer.status_code, way(answer)) == (503, (None, None))
        assert answer.json()["error"]["code"] == "upstreams_down"
        assert 1 <= int(answer.headers["retry-after"]) <= settings.LUKHAS_BREAKER_OPEN_SECONDS
        assert "127.0.0.1" not in answer.text
        self.later()
        assert (ask().status_code, ask().status_code) == (502, 503)
        upstream.mode = "normal"
        self.later()
        assert [ask(stream=stream).status_code for stream in (True, False)] == [200, 200]
        assert breakers.troubled == {}

    def later(self) -> None:
        """The time for which the breaker is open is over."""
        breakers.troubled[BIG].until = time.monotonic()

    def test_the_others_answer_meanwhile(self, ask: Ask, upstream: MockUpstream, standby: MockUpstream) -> None:
        upstream.mode = "500"
        assert [way(ask()) for _ in range(3)] == [("spare", "2"), ("spare", "2"), ("spare", "1")]
        assert len(upstream.requests) == 2
        assert len(standby.requests) == 3

    def test_a_caller_who_is_refused_or_hangs_up_gives_the_try_back(
        self, client: httpx.Client, ask: Ask, upstream: MockUpstream
    ) -> None:
        upstream.mode = "500"
        assert [ask().status_code for _ in range(2)] == [502, 502]
        self.later()
        run("set_limit", "--model", "big", "requests/minute", "1")
        assert ask().status_code == 429
        assert breakers.admits(BIG)
        run("set_limit", "--model", "big", "requests/minute", "none")
        upstream.mode = "hang"
        with pytest.raises(httpx.ReadTimeout):
            client.post(CHAT, json={"model": "big", "messages": HELLO}, timeout=1.5)
        eventually(lambda: breakers.admits(BIG), 20, "the next one may try")
        upstream.mode = "400"
        assert ask().status_code == 400
        assert breakers.troubled == {}

    def test_streams_that_break_in_the_middle_open_it_too(self, ask: Ask, upstream: MockUpstream) -> None:
        for mode in ("cut", "error-mid"):
            breakers.forget()
            upstream.mode = mode
            # Each was answered, as far as its first event, before it failed.
            assert [ask(stream=True).status_code for _ in range(3)] == [200, 200, 503]

    def test_one_that_only_has_no_time_is_not_broken(self, ask: Ask, upstream: MockUpstream) -> None:
        for mode in ("429", "409", "400"):
            upstream.mode = mode
            for _ in range(3):
                assert ask().status_code == int(mode)
        assert breakers.troubled == {}


class TestHangingUp:
    @pytest.mark.parametrize("stream", [False, True])
    def test_a_caller_who_hangs_up_during_a_pause_ends_it_and_is_on_the_books(
        self, client: httpx.Client, upstream: MockUpstream, stream: bool
    ) -> None:
        upstream.reply(b"", status=503, headers={"Retry-After": "4"})
        body = {"model": "big", "messages": HELLO, "stream": stream}
        with pytest.raises(httpx.ReadTimeout):
            client.post(CHAT, json=body, timeout=httpx.Timeout(5, read=0.3))
        row: UsageRecord = eventually(lambda: UsageRecord.objects.filter(model="big").first(), 20, "it is recorded")
        assert (row.status, row.error_code, row.attempts, row.input_tokens) == (499, "client_closed_request", 1, 0)
        assert row.duration_us < 3_000_000
        assert len(upstream.requests) == 1

    @pytest.mark.parametrize(("mode", "stream"), [("hang", False), ("silent", True), ("stall", True)])
    def test_so_does_one_who_hangs_up_on_a_later_attempt_and_the_upstream_is_hung_up_on(
        self, client: httpx.Client, upstream: MockUpstream, mode: str, stream: bool
    ) -> None:
        upstream.modes, upstream.mode = ["500"], mode
        with pytest.raises(httpx.ReadTimeout):
            client.post(
                CHAT, json={"model": "big", "messages": HELLO, "stream": stream}, timeout=httpx.Timeout(5, read=0.4)
            )
        upstream.wait_for_hang_up()
        row: UsageRecord = eventually(lambda: UsageRecord.objects.filter(model="big").first(), 20, "it is recorded")
        assert (row.status, row.attempts, row.output_tokens) == (499, 2, 2 if mode == "stall" else 0)
