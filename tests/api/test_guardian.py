"""Policies on the running server: what is refused, at which endpoint, and what is left of it."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import openai
import pytest
import structlog
from opentelemetry import trace
from django.db import DatabaseError, connection

from accounts.bootstrap import ensure_defaults
from accounts.limits.gate import gate
from accounts.models import ApiKey, Organization, Project, ServiceAccount, User
from analytics import usage
from analytics.models import Refused, UsageRecord
from api.engines import encodings
from api.guardian import admitting, watching
from api.guardian.watching import watch
from api.models import Alias, Fallback, Model, Policy, Upstream, Veto
from lukhas_site.metrics.gauges import look
from tests.api.commands import run
from tests.api.guarded import SECRET, policy, written
from tests.conftest import MakeKey
from tests.mock_upstream import MODEL, MockUpstream
from tests.processes import eventually

LOUD = f"Tell me of {SECRET.upper()}, please"
QUIET = "Tell me of the sea, please"
ECHO = "lukhas-echo-1"


def chat(text: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "/v1/chat/completions", {"model": ECHO, "messages": [{"role": "user", "content": text}], **more}


def completion(text: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "/v1/completions", {"model": ECHO, "prompt": text, **more}


def embedding(text: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "/v1/embeddings", {"model": ECHO, "input": text, **more}


Asking = Callable[[str], tuple[str, dict[str, Any]]]
WAYS: dict[str, Asking] = {
    "chat": chat,
    "chat stream": lambda text: chat(text, stream=True),
    "completion": completion,
    "completion stream": lambda text: completion(text, stream=True),
    "embedding": embedding,
}
KINDS: dict[str, dict[str, Any]] = {"pattern": {"pattern": f"(?i){SECRET}"}, "max_tokens": {"max_tokens": 8}}
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


def test_a_veto_comes_before_anything_is_reserved_or_asked(
    client: httpx.Client, mocked: MockUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("something was reserved")

    monkeypatch.setattr(gate, "reserve", never)
    policy()
    for ask in WAYS.values():
        path, body = ask(LOUD)
        assert client.post(path, json={**body, "model": "big"}).status_code == 400
    assert mocked.requests == []


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
    assert f'lukhas_vetoes_total{{kind="pattern",mode="enforce",reason="no_islands"}}' in metrics
    assert SECRET not in metrics.lower()
