"""The rollout guard as callers meet it: a variant whose upstream fails is turned back, and callers get the control."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone

from accounts.models import AuditEvent
from analytics import usage
from analytics.models import Refused, TurnBack, UsageRecord
from analytics.rollout_guard import Guarding
from features.models import FlagState
from tests.accounts.alerting import later
from tests.analytics.guarded import make_guard
from tests.api.commands import run
from tests.api.rollouts import FLAG, make_flag, make_models, split
from tests.mock_upstream import MODEL, MockUpstream

CHAT: dict[str, Any] = {"model": "chat", "messages": [{"role": "user", "content": "Hi"}]}
PEOPLE = 130
"""So many that each half is enough, in whichever of two minutes they come."""


def answers(client: httpx.Client) -> set[tuple[str | None, int]]:
    """Which variants people get, and with which status."""
    found = [client.post("/v1/chat/completions", json={**CHAT, "user": f"person-{number}"}) for number in range(PEOPLE)]
    return {(answer.headers.get("x-lukhas-variant"), answer.status_code) for answer in found}


def test_a_variant_whose_upstream_fails_is_turned_back_and_callers_get_the_control(
    client: httpx.Client, upstream: MockUpstream, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    make_models()
    run("add_upstream", "gpu", upstream.url)
    run("add_model", "big", "--upstream", "gpu", "--upstream-model", MODEL, "--vector-space", "echo")
    variants = {"current": "lukhas-echo-1", "next": "big"}
    state = make_flag(variants, rules=split(50), default_variant="current").states.get()
    make_guard(state, since=timezone.now() - timedelta(hours=1), minutes=1, min_requests=30)
    assert answers(client) == {("current", 200), ("next", 200)}

    def passes(seconds: float) -> bool:
        """Whether the flag is on after so long, once the minute is over and was looked at."""
        usage.flush()
        with monkeypatch.context() as patch:
            later(patch, seconds=seconds)
            Guarding().round()
        return FlagState.objects.get().enabled

    assert passes(75)
    upstream.mode = "500"
    settings.LUKHAS_UPSTREAM_RETRIES = 0
    assert answers(client) == {("current", 200), ("next", 502), ("next", 503)}, "at last nobody is sent there any more"
    assert not passes(90)
    assert answers(client) == {(None, 200)}
    turned = TurnBack.objects.get()
    assert (turned.variant, turned.metric) == ("next", "error_rate")
    assert turned.guard.state.flag.key == FLAG
    down = UsageRecord.objects.filter(error_code="upstreams_down")
    assert {(row.variant, row.model, row.upstream, row.attempts, row.status) for row in down} == {
        ("next", "big", "gpu", 0, 503)
    }
    assert not Refused.objects.filter(reason="upstreams_down").exists(), (
        "what is on record is not counted as refused, too"
    )
    event = AuditEvent.objects.filter(type="flag.state.updated").latest("pk")
    assert (event.actor_name, (event.after or {})["reason"]) == ("rollout guard", turned.reason)
