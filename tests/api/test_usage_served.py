"""What is recorded of requests on the running server: whole, streamed, failed, cut, and refused."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from django.db import OperationalError

from accounts.models import ApiKey
from analytics import usage
from analytics.journal import ALWAYS, Journal
from analytics.models import Refused, UsageRecord
from analytics.records import Record, decode
from api import work
from api.backends import registry
from api.backends.echo import EchoBackend
from api.models import Model
from features.models import FlagState
from lukhas_site.asgi import application
from lukhas_site.http.sse import opened
from tests.api.commands import run
from tests.api.rollouts import FLAG, make_flag, make_models
from tests.api.streams import events_of
from tests.mock_upstream import MODEL, MockUpstream
from tests.processes import eventually

HELLO: list[Any] = [{"role": "user", "content": "one two three"}]
ECHO = {"model": "lukhas-echo-1", "messages": HELLO}
CHAT = "/v1/chat/completions"


@pytest.fixture
def added(upstream: MockUpstream, database: None) -> MockUpstream:
    """The mock, added as a user would add it, at a dollar per thousand tokens each way."""
    run("add_upstream", "gpu", upstream.url)
    prices = ("--input-price", "1000", "--output-price", "1000", "--cached-input-price", "500")
    run("add_model", "big", "--upstream", "gpu", "--upstream-model", MODEL, *prices)
    run("alias_model", "fast", "big")
    return upstream


def recorded(answer: httpx.Response | str) -> UsageRecord:
    """The record of an answer, by its request id, once it is in the database."""
    request_id = answer if isinstance(answer, str) else answer.headers["x-request-id"]
    found: UsageRecord = eventually(
        lambda: UsageRecord.objects.filter(request_id=request_id).first(), 10, "the request is visible"
    )
    return found


class TestRecords:
    def test_a_whole_answer_is_recorded_with_all_that_is_known_of_it(
        self, client: httpx.Client, api_key: str, added: MockUpstream
    ) -> None:
        before = datetime.now(UTC)
        answer = client.post(
            CHAT,
            json={"model": "fast", "messages": HELLO},
            headers={"X-Stainless-Lang": "js", "X-Stainless-Package-Version": "5.1.0", "User-Agent": "node/22"},
        )
        assert answer.status_code == 200
        row = recorded(answer)
        key = ApiKey.objects.get(name="tests")
        assert key.project is not None
        assert key.service_account is not None
        told = {name: getattr(row, name) for name in Record._fields}
        assert before - timedelta(seconds=1) < told.pop("at") < datetime.now(UTC) + timedelta(seconds=1)
        assert 0 < told.pop("duration_us") < 60_000_000
        assert told == {
            "request_id": answer.headers["x-request-id"],
            "organization_id": key.organization.public_id,
            "project_id": key.project.public_id,
            "key_id": key.public_id,
            "user_id": key.service_account.public_id,
            "endpoint": CHAT,
            "model_asked": "fast",
            "model": "big",
            "upstream": "gpu",
            "attempts": 1,
            "flag": "",
            "variant": "",
            "stream": False,
            "status": 200,
            "error_code": "",
            "input_tokens": 7,
            "cached_tokens": 2,
            "output_tokens": 3,
            "reasoning_tokens": 0,
            "estimated": False,
            "cost_micro": 5 * 1000 + 2 * 500 + 3 * 1000,
            "first_token_us": None,
            "cache_hit": True,
            "client_language": "js",
            "client_version": "5.1.0",
        }

    def test_a_stream_is_recorded_with_the_time_to_its_first_token(self, client: httpx.Client) -> None:
        with client.stream("POST", CHAT, json={**ECHO, "stream": True}) as answer:
            assert answer.read().endswith(b"data: [DONE]\n\n")
        row = recorded(answer)
        assert (row.stream, row.status, row.attempts, row.estimated) == (True, 200, 1, False)
        assert (row.input_tokens, row.output_tokens) == (3, 3)
        assert row.first_token_us is not None
        assert 0 < row.first_token_us <= row.duration_us
        assert row.client_language == "python-httpx"
        assert row.client_version == httpx.__version__

    def test_the_official_sdk_tells_its_language_and_version(self, sdk: openai.OpenAI) -> None:
        answer = sdk.chat.completions.with_raw_response.create(model="lukhas-echo-1", messages=HELLO)
        row = recorded(answer.headers["x-request-id"])
        assert (row.client_language, row.client_version) == ("python", openai.__version__)

    @pytest.mark.parametrize(
        ("path", "body", "tokens"),
        [
            ("/v1/responses", {"input": "one two"}, (2, 2)),
            ("/v1/responses", {"input": "one two", "stream": True}, (2, 2)),
            ("/v1/completions", {"prompt": "one two"}, (2, 2)),
            ("/v1/completions", {"prompt": "one two", "stream": True}, (2, 2)),
            ("/v1/embeddings", {"input": ["one two", "three"]}, (3, 0)),
            ("/v1/moderations", {"input": ["one two", "three"]}, (3, 0)),
        ],
    )
    def test_every_endpoint_is_recorded(
        self, client: httpx.Client, path: str, body: dict[str, Any], tokens: tuple[int, int]
    ) -> None:
        Model.objects.filter(model_id="lukhas-echo-1").update(moderations=True)
        row = recorded(client.post(path, json={"model": "lukhas-echo-1", **body}))
        assert (row.endpoint, row.stream) == (path, body.get("stream", False))
        assert (row.input_tokens, row.output_tokens) == tokens

    def test_reasoning_is_a_part_of_what_an_upstream_wrote(self, client: httpx.Client, added: MockUpstream) -> None:
        details = {"completion_tokens_details": {"reasoning_tokens": 4}}
        used = {"prompt_tokens": 1, "completion_tokens": 9, **details}
        added.reply(json.dumps({"model": MODEL, "choices": [], "usage": used}).encode())
        row = recorded(client.post(CHAT, json={"model": "fast", "messages": HELLO}))
        assert (row.output_tokens, row.reasoning_tokens, row.cache_hit) == (9, 4, False)

    def test_counts_that_no_database_keeps_are_recorded_as_far_as_it_does(
        self, client: httpx.Client, added: MockUpstream
    ) -> None:
        used = {"prompt_tokens": 2**64 - 1, "completion_tokens": 1}
        added.reply(json.dumps({"model": MODEL, "choices": [], "usage": used}).encode())
        row = recorded(client.post(CHAT, json={"model": "fast", "messages": HELLO}))
        assert (row.input_tokens, row.cost_micro) == (2**63 - 1, 2**63 - 1)

    def test_where_nobody_tells_the_usage_it_is_estimated_and_says_so(
        self, client: httpx.Client, added: MockUpstream
    ) -> None:
        added.mode = "no-usage"
        row = recorded(client.post(CHAT, json={"model": "fast", "messages": HELLO, "max_tokens": 50}))
        assert (row.estimated, row.output_tokens) == (True, 50)
        assert row.input_tokens > 0

    def test_the_price_is_the_one_then_in_force(self, client: httpx.Client, added: MockUpstream) -> None:
        first = recorded(client.post(CHAT, json={"model": "fast", "messages": HELLO}))
        run(
            "add_model",
            "big",
            "--upstream",
            "gpu",
            "--input-price",
            "0",
            "--output-price",
            "0",
            "--cached-input-price",
            "0",
        )
        second = recorded(client.post(CHAT, json={"model": "fast", "messages": HELLO}))
        first.refresh_from_db()
        assert (first.cost_micro, second.cost_micro) == (9000, 0)

    def test_a_rollout_is_recorded_with_its_flag_and_variant(self, client: httpx.Client) -> None:
        make_models()
        state = FlagState.objects.filter(flag=make_flag(default_variant="next"))
        row = recorded(client.post(CHAT, json={"model": "chat", "messages": HELLO}))
        assert (row.model_asked, row.model, row.flag, row.variant) == ("chat", "lukhas-echo-2", FLAG, "next")
        state.update(enabled=False)
        row = recorded(client.post(CHAT, json={"model": "chat", "messages": HELLO}))
        assert (row.model, row.flag, row.variant) == ("lukhas-echo-1", FLAG, "")


class TestFailures:
    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize(
        ("mode", "status", "code", "attempts"),
        [("400", 400, "hot", 1), ("429", 429, "rate_limit_exceeded", 1), ("500", 502, "upstream_error", 3)],
    )
    def test_what_an_upstream_refuses_is_recorded_and_used_nothing(
        self,
        client: httpx.Client,
        added: MockUpstream,
        mode: str,
        status: int,
        code: str,
        attempts: int,
        stream: bool,
    ) -> None:
        added.mode = mode
        answer = client.post(CHAT, json={"model": "fast", "messages": HELLO, "stream": stream})
        assert answer.status_code == status
        row = recorded(answer)
        assert (row.status, row.error_code, row.stream, row.attempts) == (status, code, stream, attempts)
        assert (row.input_tokens, row.output_tokens, row.cost_micro, row.first_token_us) == (0, 0, 0, None)
        assert not Refused.objects.exists()

    @pytest.mark.parametrize("mode", ["cut", "error-mid"])
    def test_a_stream_that_breaks_off_is_recorded_with_its_error_and_what_was_passed_on(
        self, client: httpx.Client, added: MockUpstream, mode: str
    ) -> None:
        added.mode = mode
        answer = client.post(CHAT, json={"model": "fast", "messages": HELLO, "stream": True})
        assert answer.status_code == 200
        row = recorded(answer)
        assert (row.status, row.estimated, row.output_tokens) == (502, True, 2)
        assert row.error_code == ("upstream_error" if mode == "cut" else "oom")
        assert row.cost_micro == (row.input_tokens + 2) * 1000
        assert row.first_token_us is not None

    def test_a_code_of_an_upstream_is_kept_as_far_as_a_database_keeps_texts(
        self, client: httpx.Client, added: MockUpstream
    ) -> None:
        error = {"message": "Bad.", "code": "a\0" + "b" * 100}
        added.reply(json.dumps({"error": error}).encode(), status=400)
        row = recorded(client.post(CHAT, json={"model": "fast", "messages": HELLO}))
        assert row.error_code == "a" + "b" * 63

    def test_a_crash_is_recorded(self, client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
        def crash(*arguments: Any) -> Any:
            raise RuntimeError("secret")

        monkeypatch.setattr(EchoBackend, "chat_deltas", crash)
        row = recorded(client.post(CHAT, json=ECHO))
        assert (row.status, row.error_code) == (500, "server_error")

    @pytest.mark.parametrize("stream", [False, True])
    def test_a_caller_who_hangs_up_before_anything_came_is_499(
        self, client: httpx.Client, added: MockUpstream, stream: bool
    ) -> None:
        added.mode = "hang"
        with pytest.raises(httpx.ReadTimeout):
            client.post(CHAT, json={"model": "fast", "messages": HELLO, "stream": stream}, timeout=1.5)
        row = eventually(UsageRecord.objects.first, 20, "it is visible")
        assert (row.status, row.error_code, row.stream) == (499, "client_closed_request", stream)
        assert row.cost_micro == 0

    def test_a_caller_who_hangs_up_on_a_stream_is_499_and_pays_for_what_was_written(
        self, client: httpx.Client, added: MockUpstream
    ) -> None:
        added.mode, added.delay = "slow", 0.3
        with client.stream("POST", CHAT, json={"model": "fast", "messages": HELLO, "stream": True}) as answer:
            next(answer.iter_bytes())
        row = recorded(answer)
        assert (row.status, row.error_code, row.estimated) == (499, "client_closed_request", True)
        assert row.output_tokens >= 1
        assert row.cost_micro == (row.input_tokens + row.output_tokens) * 1000

    def test_a_stream_that_the_end_of_the_server_cuts_is_the_servers_doing(
        self, client: httpx.Client, added: MockUpstream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        added.mode, added.delay = "slow", 0.3
        monkeypatch.setattr(opened, "stopping", True)
        with client.stream("POST", CHAT, json={"model": "fast", "messages": HELLO, "stream": True}) as answer:
            next(answer.iter_bytes())
        row = recorded(answer)
        assert (row.status, row.error_code) == (503, "server_stopping")


class TestRefusals:
    def test_what_never_reached_a_model_is_counted_by_reason_and_not_recorded(
        self, client: httpx.Client, anonymous: httpx.Client, api_key: str
    ) -> None:
        project = ApiKey.objects.get(name="tests").project
        assert project is not None
        for _ in range(2):
            assert client.post(CHAT, json={**ECHO, "model": "nobody"}).status_code == 404
        assert client.post(CHAT, json={"model": "lukhas-echo-1"}).status_code == 400
        assert client.post(CHAT, json={**ECHO, "modalities": ["audio"]}).status_code == 400, "the backend refuses"
        assert client.post(CHAT, json={**ECHO, "modalities": ["audio"], "stream": True}).status_code == 400
        assert client.post("/v1/embeddings", content=b"{").status_code == 415
        assert client.get("/v1/completions").status_code == 405
        assert anonymous.post(CHAT, json=ECHO).status_code == 401
        assert client.get("/v1/models/nobody").status_code == 404, "no inference"
        expected = {
            (project.public_id, CHAT, "model_not_found"): 2,
            (project.public_id, CHAT, "missing_required_parameter"): 1,
            (project.public_id, CHAT, "unsupported_value"): 2,
            (project.public_id, "/v1/embeddings", "unsupported_content_type"): 1,
            ("", "/v1/completions", "method_not_allowed"): 1,
            ("", CHAT, "invalid_request_error"): 1,
        }

        def counted() -> dict[Any, int]:
            rows = Refused.objects.values_list("project_id", "endpoint", "reason", "count")
            return {tuple(kind): count for *kind, count in rows}

        eventually(lambda: counted() == expected, 20, "all are counted")
        assert not UsageRecord.objects.exists()


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    """A journal of the test's own in place of the process's, and nobody who drains it."""
    journal = Journal(tmp_path / "usage")
    monkeypatch.setattr(usage, "journal", journal)
    yield journal
    journal.close()


class TestFullDisk:
    @pytest.mark.parametrize("stream", [False, True])
    def test_a_journal_that_is_full_is_503_before_a_model_is_asked(
        self, client: httpx.Client, added: MockUpstream, journal: Journal, stream: bool
    ) -> None:
        journal.refusing = "No space left on device"
        answer = client.post(CHAT, json={"model": "fast", "messages": HELLO, "stream": stream})
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["error"]["code"] == "server_is_overloaded"
        assert added.requests == []
        journal.refusing = ""
        assert client.post(CHAT, json={"model": "fast", "messages": HELLO}).status_code == 200

    def test_an_answer_that_cannot_be_recorded_is_not_given_and_not_forgotten(
        self, client: httpx.Client, journal: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        owed: list[bytes] = []
        monkeypatch.setattr(journal, "append", lambda line: False)
        monkeypatch.setattr(journal, "owe", owed.append)
        answer = client.post(CHAT, json=ECHO)
        assert answer.status_code == 503
        told = decode(owed[0].rstrip())
        assert (told.request_id, told.status) == (answer.headers["x-request-id"], 503)
        assert (told.error_code, told.output_tokens) == ("server_is_overloaded", 3)

    def test_a_stream_that_cannot_be_recorded_ends_with_an_error_and_not_with_done(
        self, client: httpx.Client, journal: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        owed: list[bytes] = []
        monkeypatch.setattr(journal, "append", lambda line: False)
        monkeypatch.setattr(journal, "owe", owed.append)
        text = client.post(CHAT, json={**ECHO, "stream": True}).text
        assert "[DONE]" not in text
        assert '"code":"server_is_overloaded"' in text.strip().rpartition("\n\n")[2]
        assert len(owed) == 1

    def test_so_does_a_response_with_every_event_in_its_order(
        self, client: httpx.Client, journal: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(journal, "append", lambda line: False)
        monkeypatch.setattr(journal, "owe", lambda line: None)
        asked = {"model": "lukhas-echo-1", "input": "one two three", "stream": True}
        *_, done, error, failed = events_of(client.post("/v1/responses", json=asked))
        assert (done["type"], error["code"]) == ("response.output_item.done", "server_is_overloaded")
        assert (failed["type"], failed["response"]["output"]) == ("response.failed", [done["item"]])

    def test_a_failure_that_cannot_be_recorded_is_still_the_failure(
        self, client: httpx.Client, added: MockUpstream, journal: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        owed: list[bytes] = []
        monkeypatch.setattr(journal, "append", lambda line: False)
        monkeypatch.setattr(journal, "owe", owed.append)
        added.mode = "500"
        assert client.post(CHAT, json={"model": "fast", "messages": HELLO}).status_code == 502
        assert decode(owed[0].rstrip()).status == 502


class Seen:
    """One request in this task, and at which message of its answer its record was in the journal."""

    def __init__(self, key: str, body: dict[str, Any], journal: Journal) -> None:
        self.key, self.body, self.journal = key, body, journal
        self.pieces: list[tuple[bytes, bool]] = []

    async def ask(self) -> None:
        headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {self.key}".encode())]
        headers.append((b"content-type", b"application/json"))
        scope = {"type": "http", "method": "POST", "path": CHAT, "raw_path": CHAT.encode(), "query_string": b""}
        scope |= {"headers": headers, "scheme": "http", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}
        scope |= {"root_path": "", "http_version": "1.1"}
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if asked:
                await asyncio.Event().wait()
            asked = True
            return {"type": "http.request", "body": json.dumps(self.body).encode()}

        async def send(message: Any) -> None:
            if body := message.get("body"):
                path, size = self.journal.live()
                self.pieces.append((body, bool(path and size and path.stat().st_size == size)))

        await application(scope, receive, send)
        await registry.backend("openai").close()  # the connections of this loop


class TestOrder:
    async def test_a_whole_answer_is_in_the_file_before_its_first_byte(self, api_key: str, journal: Journal) -> None:
        seen = Seen(api_key, ECHO, journal)
        await seen.ask()
        assert [there for _, there in seen.pieces] == [True]

    async def test_a_stream_is_in_the_file_before_done_and_not_sooner(self, api_key: str, journal: Journal) -> None:
        seen = Seen(api_key, {**ECHO, "stream": True}, journal)
        await seen.ask()
        assert seen.pieces[-1] == (b"data: [DONE]\n\n", True)
        assert {there for _, there in seen.pieces[:-1]} == {False}

    async def test_a_stream_that_fails_is_in_the_file_before_its_error(
        self, api_key: str, added: MockUpstream, journal: Journal
    ) -> None:
        added.mode = "cut"
        seen = Seen(api_key, {"model": "fast", "messages": HELLO, "stream": True}, journal)
        await seen.ask()
        last, there = seen.pieces[-1]
        assert b"error" in last
        assert there

    @pytest.mark.parametrize("stream", [False, True])
    async def test_with_always_it_is_on_the_disk_before(
        self, api_key: str, journal: Journal, monkeypatch: pytest.MonkeyPatch, stream: bool
    ) -> None:
        synced: list[int] = []
        journal.fsync = ALWAYS
        monkeypatch.setattr("analytics.journal.os.fdatasync", lambda segment: synced.append(journal.live()[1]))
        seen = Seen(api_key, {**ECHO, "stream": stream}, journal)
        before: list[Any] = []
        monkeypatch.setattr(seen, "pieces", Watched(synced, before))
        await seen.ask()
        assert before[-1] == [journal.live()[1]]


class Watched(list[Any]):
    """Notes what had been synced whenever a piece was sent."""

    def __init__(self, synced: list[int], before: list[Any]) -> None:
        super().__init__()
        self.synced, self.before = synced, before

    def append(self, piece: Any) -> None:
        self.before.append(list(self.synced))


def test_a_database_that_is_away_keeps_nobody_from_being_recorded(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(batch: Any) -> Any:
        raise OperationalError("gone")

    with monkeypatch.context() as patch:
        patch.setattr("analytics.draining.store", away)
        answers = [client.post(CHAT, json=ECHO) for _ in range(3)]
        eventually(lambda: usage.drainer.away, 20, "it was noticed")
    for answer in answers:
        assert recorded(answer).status == 200


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({}, ("", "")),
        ({"HTTP_USER_AGENT": "curl/8.5.0"}, ("curl", "8.5.0")),
        ({"HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux) Gecko/1"}, ("mozilla", "5.0")),
        ({"HTTP_USER_AGENT": "tool"}, ("tool", "")),
        ({"HTTP_USER_AGENT": " /x"}, ("", "x")),
        ({"HTTP_USER_AGENT": "a" * 5000}, ("a" * 64, "")),
        ({"HTTP_X_STAINLESS_LANG": "python", "HTTP_USER_AGENT": "curl/8"}, ("python", "")),
        ({"HTTP_X_STAINLESS_LANG": "js\0" * 99, "HTTP_X_STAINLESS_PACKAGE_VERSION": "1\0"}, (("js" * 22)[:43], "1")),
    ],
)
def test_what_a_caller_says_of_its_program_is_cut_to_a_word(headers: dict[str, str], told: tuple[str, str]) -> None:
    assert work.client_of(headers) == told
