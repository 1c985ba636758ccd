"""Policies on the running server: what is refused, at which endpoint, and what is left of it."""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import openai
import pytest
import structlog
from django.db import OperationalError
from prometheus_client import REGISTRY
from pytest_django import Settings

from accounts.bootstrap import ensure_defaults
from accounts.models import ApiKey, Organization, Project, RateLimit, ServiceAccount
from analytics import usage
from analytics.models import Refused, UsageRecord
from api import moderation
from api.engines import encodings
from api.guardian import admitting, watching
from api.guardian.rules import Looked, Rule
from api.guardian.watching import watch
from api.models import Alias, Fallback, Model, Policy, Upstream, Veto
from tests.api.commands import run
from tests.api.guarded import SECRET, policy, written
from tests.mock_upstream import MODEL, MockUpstream

LOUD = f"I am going to kill you when I find you in {SECRET.upper()}."
QUIET = "Tell me of the sea, please"
ECHO = "lukhas-echo-1"


def chat(text: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "/v1/chat/completions", {"model": ECHO, "messages": [{"role": "user", "content": text}], **more}


def completion(text: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "/v1/completions", {"model": ECHO, "prompt": text, **more}


def embedding(text: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "/v1/embeddings", {"model": ECHO, "input": text, **more}


def response(text: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "/v1/responses", {"model": ECHO, "input": [{"role": "user", "content": text}], **more}


Asking = Callable[[str], tuple[str, dict[str, Any]]]
WAYS: dict[str, Asking] = {
    "chat": chat,
    "chat stream": lambda text: chat(text, stream=True),
    "completion": completion,
    "completion stream": lambda text: completion(text, stream=True),
    "embedding": embedding,
    "response": response,
    "response stream": lambda text: response(text, stream=True),
}
KINDS: dict[str, dict[str, Any]] = {
    "pattern": {"pattern": f"(?i){SECRET}"},
    "moderation": {"category": "violence", "threshold": 0.5},
    "max_tokens": {"max_tokens": 8},
}
"""By kind: a policy that has something against LOUD, and nothing against QUIET."""


@pytest.fixture
def mocked(upstream: MockUpstream, database: None) -> MockUpstream:
    """Another server as upstream, which knows what it was asked."""
    run("add_upstream", "gpu", upstream.url)
    run("add_model", "big", "--upstream", "gpu", "--upstream-model", MODEL)
    return upstream


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_what_a_policy_has_something_against_is_refused_and_everything_else_answered(
    client: httpx.Client, way: str, kind: str
) -> None:
    row = policy(**KINDS[kind], kind=kind, reason_code="no_islands")
    path, body = WAYS[way](QUIET)
    assert client.post(path, json=body).status_code == 200
    path, body = WAYS[way](LOUD)
    answer = client.post(path, json=body)
    assert answer.status_code == 400
    assert answer.json() == {
        "error": {
            "message": "Your request was refused by a policy of this server: no_islands.",
            "type": "invalid_request_error",
            "param": None,
            "code": "content_policy_violation",
        }
    }
    [veto] = written()
    key = ApiKey.objects.get(name="tests")
    assert key.project is not None
    assert abs(veto.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert (veto.organization_id, veto.project_id) == (key.organization.public_id, key.project.public_id)
    assert (veto.key_id, veto.request_id) == (key.public_id, answer.headers["x-request-id"])
    assert (veto.policy_id, veto.policy, veto.kind) == (row.pk, row.name, kind)
    assert (veto.mode, veto.reason_code, veto.endpoint) == ("enforce", "no_islands", path)
    assert (veto.model_asked, veto.model) == (ECHO, ECHO)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_in_shadow_everything_is_answered_and_what_would_be_refused_is_written_down(
    client: httpx.Client, way: str, kind: str
) -> None:
    policy(**KINDS[kind], kind=kind, mode="shadow")
    answers = {text: client.post(path, json=body) for text in (QUIET, LOUD) for path, body in [WAYS[way](text)]}
    assert [answer.status_code for answer in answers.values()] == [200, 200]
    [veto] = written()
    assert (veto.mode, veto.request_id) == ("shadow", answers[LOUD].headers["x-request-id"])


def limit(unit: str, value: int) -> None:
    RateLimit.objects.create(project=ensure_defaults()[1], unit=unit, period="minute", value=value)


def test_a_veto_comes_before_any_upstream_is_asked_and_gives_back_what_was_reserved(
    client: httpx.Client, mocked: MockUpstream
) -> None:
    limit("requests", 100)
    limit("tokens", 100_000)
    policy()
    for number, ask in enumerate(WAYS.values(), start=1):
        path, body = ask(LOUD)
        refused = client.post(path, json={**body, "model": "big"})
        assert refused.status_code == 400
        assert refused.headers["x-ratelimit-remaining-requests"] == str(100 - number)
    assert mocked.requests == []
    path, body = chat(QUIET)
    assert int(client.post(path, json=body).headers["x-ratelimit-remaining-tokens"]) > 98_900


def test_who_is_over_a_limit_is_not_even_looked_at(client: httpx.Client) -> None:
    limit("requests", 1)
    policy()
    path, body = chat(LOUD)
    assert [client.post(path, json=body).status_code for _ in range(2)] == [400, 429]
    assert len(written()) == 1


def test_the_books_count_a_veto_as_a_refusal_and_no_usage(client: httpx.Client) -> None:
    policy()
    path, body = chat(LOUD)
    client.post(path, json=body)
    usage.flush()
    row = Refused.objects.get(reason="content_policy_violation")
    assert (row.endpoint, row.count, row.project_id) == (path, 1, ensure_defaults()[1].public_id)
    assert not UsageRecord.objects.exists()


def test_nothing_of_the_text_is_in_the_log_the_rows_or_the_metrics(client: httpx.Client, api_key: str) -> None:
    policy(name="islands", pattern=f"(?i){SECRET[:4]}[a-z]+", reason_code="no_islands")
    policy(name="shadow", mode="shadow")
    with structlog.testing.capture_logs() as lines:
        for ask in WAYS.values():
            path, body = ask(LOUD)
            assert SECRET not in client.post(path, json=body).text.lower()
    requests = [line for line in lines if line["event"] == "request"]
    assert [line["vetoed_by"] for line in requests] == ["no_islands"] * len(WAYS)
    assert SECRET not in repr(lines).lower()
    usage.flush()
    rows = [written(), list(Refused.objects.values()), list(Veto.objects.values())]
    assert SECRET not in repr(rows).lower()
    metrics = client.get("/metrics", headers={"Authorization": f"Bearer {api_key}"}).text
    assert 'lukhas_vetoes_total{kind="pattern",mode="enforce",reason="no_islands"}' in metrics
    assert SECRET not in metrics.lower()


# --- Whom a policy is for ----------------------------------------------------------------------------------------


def key_of(project: Project) -> str:
    robot = ServiceAccount.objects.create(project=project, name="robot", role="member")
    return ApiKey.issue(name="robot", organization=project.organization, project=project, service_account=robot)[1]


def status(client: httpx.Client, text: str, key: str = "", **more: Any) -> int:
    path, body = chat(text, **more)
    return client.post(path, json=body, headers={"Authorization": f"Bearer {key}"} if key else {}).status_code


def test_a_policy_of_a_project_is_for_no_other_and_one_of_an_organisation_for_all_its_projects(
    client: httpx.Client,
) -> None:
    organization, project = ensure_defaults()
    colleague = key_of(Project.objects.create(organization=organization, name="Next door"))
    elsewhere = Organization.objects.create(slug="elsewhere", name="Elsewhere")
    stranger = key_of(Project.objects.create(organization=elsewhere, name="Elsewhere"))

    def statuses() -> list[int]:
        return [status(client, LOUD, key) for key in ("", colleague, stranger)]

    row = policy(project=project)
    assert statuses() == [400, 200, 200]
    row.delete()
    row = policy(organization=organization)
    assert statuses() == [400, 400, 200]
    row.delete()
    policy(organization=elsewhere)
    assert statuses() == [200, 200, 400]


def test_a_policy_for_a_model_holds_under_the_name_that_is_asked_for_and_for_the_model_that_answers(
    client: httpx.Client,
) -> None:
    Alias.objects.create(name="fast", target=Model.objects.get(model_id=ECHO))
    row = policy(model="fast")
    assert (status(client, LOUD, model="fast"), status(client, LOUD)) == (400, 200)
    row.delete()
    policy(model=ECHO)
    assert (status(client, LOUD, model="fast"), status(client, LOUD)) == (400, 400)
    assert [(veto.model_asked, veto.model) for veto in written()[1:]] == [("fast", ECHO), (ECHO, ECHO)]


def test_a_model_that_stands_in_is_not_asked_what_a_policy_for_it_refuses(
    client: httpx.Client, mocked: MockUpstream, settings: Settings
) -> None:
    settings.LUKHAS_UPSTREAM_RETRIES = 0
    with MockUpstream() as spare:
        other = Upstream.objects.create(name="spare", base_url=spare.url)
        Model.objects.filter(model_id="big").update(vector_space="a")
        small = Model.objects.create(model_id="small", upstream=other, upstream_model=MODEL, vector_space="a")
        Fallback.objects.create(model=Model.objects.get(model_id="big"), target=small)
        mocked.mode = "500"
        assert status(client, LOUD, model="big") == 200
        everyone = policy(mode="shadow")
        row = policy(model="small", reason_code="not_there")
        assert status(client, QUIET, model="big") == 200
        assert len(spare.requests) == 2
        assert status(client, LOUD, model="big") == 502
        assert len(spare.requests) == 2
        assert [(veto.policy_id, veto.model_asked, veto.model) for veto in written()] == [
            (everyone.pk, "big", "big"),
            (row.pk, "big", "small"),
        ]


def test_what_is_refused_by_one_is_of_no_interest_to_those_behind_it(client: httpx.Client) -> None:
    policy(mode="shadow", reason_code="shadow")
    policy(reason_code="first")
    policy(reason_code="second")
    assert status(client, LOUD) == 400
    assert [veto.reason_code for veto in written()] == ["first"]


def test_a_change_here_holds_for_the_next_request(client: httpx.Client) -> None:
    row = policy(mode="shadow")
    assert status(client, LOUD) == 200
    row.mode = "enforce"
    row.save()
    assert status(client, LOUD) == 400
    row.enabled = False
    row.save()
    assert status(client, LOUD) == 200
    assert watch.policies is watching.NONE


# --- What is looked at -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        {"messages": [{"role": "system", "content": LOUD}, {"role": "user", "content": "Hi"}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": LOUD}]}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": part} for part in ("zanz", "ibar")]}]},
        {"messages": [{"role": "user", "content": "Hi"}], "stop": [SECRET]},
    ],
)
def test_texts_of_every_message_are_looked_at_and_pieces_as_they_are_joined(
    client: httpx.Client, more: dict[str, Any]
) -> None:
    policy()
    assert status(client, "", **more) == 400


def test_results_of_tools_and_what_is_told_of_tools_are_looked_at(sdk: openai.OpenAI) -> None:
    policy()
    call: Any = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    messages: list[Any] = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": LOUD},
    ]
    tool: Any = {
        "type": "function",
        "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}},
    }
    sdk.chat.completions.create(model=ECHO, messages=[*messages[:2], {**messages[2], "content": QUIET}])
    with pytest.raises(openai.BadRequestError, match="reason_1"):
        sdk.chat.completions.create(model=ECHO, messages=messages)
    sdk.chat.completions.create(model=ECHO, messages=messages[:1], tools=[tool])
    tool["function"]["parameters"]["properties"][SECRET] = {"type": "string"}
    with pytest.raises(openai.BadRequestError, match="reason_1"):
        sdk.chat.completions.create(model=ECHO, messages=messages[:1], tools=[tool])


@pytest.mark.parametrize("ask", [completion, embedding])
@pytest.mark.parametrize("kind", KINDS)
def test_token_ids_are_looked_at_as_the_text_that_they_stand_for(
    client: httpx.Client, kind: str, ask: Callable[[Any], tuple[str, dict[str, Any]]]
) -> None:
    policy(**KINDS[kind], kind=kind)
    encoding = encodings.encoding("cl100k_base")
    quiet, loud = encoding.encode(QUIET), encoding.encode(LOUD)
    asked = {"one": quiet, "one loud": loud, "two": [[1], quiet], "two loud": [quiet[:2], loud]}
    found = {name: client.post(path, json=body).status_code for name, ids in asked.items() for path, body in [ask(ids)]}
    assert found == {"one": 200, "one loud": 400, "two": 200, "two loud": 400}
    path, body = ask([999_999])
    answer = client.post(path, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_value")


def test_long_texts_are_looked_at_beside_the_event_loop(
    client: httpx.Client, mocked: MockUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    judge = admitting.judge

    def seen(rules: list[Rule], looked: Looked) -> Any:
        threads.append(threading.current_thread().name)
        return judge(rules, looked)

    monkeypatch.setattr(admitting, "judge", seen)
    policy()
    policy(max_tokens=1_000_000)
    assert status(client, QUIET, model="big") == 200
    assert status(client, "sea " * 250_000, model="big") == 200
    assert status(client, "sea " * 250_000 + SECRET, model="big") == 400
    assert threads[0] == "server"
    assert "server" not in threads[1:]


@pytest.mark.parametrize("pattern", ["(a*)*b", "(a|a)*b", "((a+)+)+b", "(.*a){12}b", "(?s).*.*.*b"])
def test_patterns_that_hang_other_engines_take_their_time_here(client: httpx.Client, pattern: str) -> None:
    policy(pattern=pattern)
    assert status(client, "a" * 100_000) == 200
    assert status(client, "a" * 100_000 + "b") == 400


# --- A guardian that cannot tell ---------------------------------------------------------------------------------


def refused(client: httpx.Client, text: str = QUIET, ask: Callable[[Any], tuple[str, dict[str, Any]]] = chat) -> Any:
    """The code of the error; None for an answer."""
    path, body = ask(text)
    answer = client.post(path, json=body)
    if answer.status_code == 503:
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["error"]["type"] == "service_unavailable_error"
    return answer.json().get("error", {}).get("code")


def failures(kind: str) -> float:
    return REGISTRY.get_sample_value("lukhas_guardian_failures_total", {"kind": kind}) or 0.0


@pytest.fixture(params=[False, True], ids=["closed", "open"])
def code(request: pytest.FixtureRequest, settings: Settings) -> str | None:
    """What requests get that no policy can be asked about."""
    settings.LUKHAS_GUARDIAN_FAIL_OPEN = request.param
    return None if request.param else "guardian_unavailable"


def test_while_policies_cannot_be_read_the_last_ones_go_on_and_without_any_requests_get_what_is_set(
    client: httpx.Client, code: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise OperationalError("no connection to 10.0.0.5")

    row = policy()
    assert refused(client) is None
    monkeypatch.setattr(watching, "read", away)
    row.save()  # so that they are to be read anew
    assert refused(client) is None
    assert refused(client, LOUD) == "content_policy_violation"
    watch.forget()
    before = failures("policies")
    assert refused(client) == code
    assert failures("policies") == before + 1


def test_a_pattern_that_is_good_no_more_refuses_those_whom_it_is_for(client: httpx.Client, code: str | None) -> None:
    row = policy()
    Policy.objects.filter(pk=row.pk).update(pattern="(")
    watch.changed()
    before = failures("pattern")
    with structlog.testing.capture_logs() as lines:
        assert refused(client) == code
    assert failures("pattern") == before + 1
    assert {
        "event": "policy_failed",
        "log_level": "error",
        "policy": row.pk,
        "kind": "pattern",
        "error": "Unreadable",
    } in [dict(line) for line in lines]
    elsewhere = Organization.objects.create(slug="elsewhere", name="Elsewhere")
    assert status(client, QUIET, key_of(Project.objects.create(organization=elsewhere, name="Elsewhere"))) == 200
    Policy.objects.update(mode="shadow")
    watch.changed()
    assert refused(client) is None
    assert written() == []


def test_what_another_policy_refuses_is_refused_whatever_ails_the_first(client: httpx.Client, code: str | None) -> None:
    row = policy()
    policy(reason_code="second")
    Policy.objects.filter(pk=row.pk).update(pattern="(")
    watch.changed()
    assert refused(client, LOUD) == "content_policy_violation"
    assert refused(client) == code


def test_tokens_of_an_encoding_that_is_not_there_are_not_counted(client: httpx.Client, code: str | None) -> None:
    policy(max_tokens=8)
    Model.objects.filter(model_id=ECHO).update(encoding="gone")
    assert refused(client) == code


def test_token_ids_of_an_encoding_that_is_not_there_are_no_crash_of_the_guardian(
    client: httpx.Client, mocked: MockUpstream, code: str | None
) -> None:
    Model.objects.filter(model_id="big").update(encoding="gone")
    policy()
    assert refused(client, "", lambda _: ("/v1/embeddings", {"model": "big", "input": [1, 2]})) == code


def test_where_the_moderation_model_cannot_say_requests_get_what_is_set(
    client: httpx.Client, code: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(texts: Sequence[str]) -> Any:
        raise RuntimeError(f"cannot read {texts}")

    monkeypatch.setattr(moderation, "scores", broken)
    row = policy(**KINDS["moderation"], kind="moderation")
    before = failures("moderation")
    with structlog.testing.capture_logs() as lines:
        assert refused(client, LOUD) == code
    assert failures("moderation") == before + 1
    assert SECRET not in repr(lines).lower()
    Policy.objects.filter(pk=row.pk).update(mode="shadow")
    watch.changed()
    assert refused(client, LOUD) is None
    policy()
    assert refused(client, LOUD) == "content_policy_violation", "the pattern is asked first, and the model not at all"


def test_more_than_can_be_moderated_is_the_callers_to_make_less(
    client: httpx.Client, mocked: MockUpstream, code: str | None
) -> None:
    policy(**KINDS["moderation"], kind="moderation")
    told = refused(client, "", lambda _: chat("sea " * 300_001, model="big"))
    assert told == (code and "max_tokens_per_request")


def test_what_is_sent_to_be_moderated_is_asked_of_no_policy(client: httpx.Client) -> None:
    policy()
    answer = client.post("/v1/moderations", json={"model": "lukhas-moderation-1", "input": LOUD})
    assert answer.status_code == 200
    assert written() == []


# --- What is told of it ------------------------------------------------------------------------------------------


def test_health_tells_whether_policies_refuse_requests_and_which_refusal_was_the_last(client: httpx.Client) -> None:
    def guardian() -> Any:
        return client.get("/healthz").json()["guardian"]

    assert guardian() == {"enabled": False, "last_veto_ts": None, "last_reason_code": None}
    row = policy(mode="shadow")
    assert status(client, LOUD) == 200
    assert guardian() == {"enabled": False, "last_veto_ts": None, "last_reason_code": None}
    row.mode, row.reason_code = "enforce", "no_islands"
    row.save()
    assert status(client, LOUD) == 400
    told = guardian()
    at = datetime.fromisoformat(told.pop("last_veto_ts"))
    assert at == written()[-1].at
    assert told == {"enabled": True, "last_reason_code": "no_islands"}


def test_health_asks_nothing_and_says_where_the_policies_could_never_be_read(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise OperationalError("no connection to 10.0.0.5")

    monkeypatch.setattr(watching, "read", away)
    watch.forget()
    assert refused(client) == "guardian_unavailable"
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "healthy")
    assert answer.json()["guardian"] == {
        "enabled": False,
        "last_veto_ts": None,
        "last_reason_code": None,
        "error": "Failed to get guardian state",
    }


def test_what_another_process_refused_last_is_known_once_it_is_read(client: httpx.Client) -> None:
    policy()
    assert status(client, LOUD) == 400
    written()
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=5)
    Veto.objects.update(at=at, reason_code="elsewhere")
    watch.look()
    told = client.get("/healthz").json()["guardian"]
    assert told == {"enabled": True, "last_veto_ts": at.isoformat(), "last_reason_code": "elsewhere"}


def test_without_policies_a_request_is_not_looked_at(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert status(client, LOUD) == 200
    assert watch.policies is watching.NONE

    def never(*_: Any) -> Any:
        raise AssertionError("it was asked")

    monkeypatch.setattr("api.inference.admit", never)
    for ask in WAYS.values():
        path, body = ask(LOUD)
        assert client.post(path, json=body).status_code == 200
