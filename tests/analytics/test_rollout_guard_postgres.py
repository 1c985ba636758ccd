"""The rollout guard and ramps on PostgreSQL: of many processes one turns back, one tells, and one takes a step."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from accounts.bootstrap import ensure_defaults
from accounts.models import AuditEvent
from analytics.models import RolloutGuard, TurnBack
from analytics.rollout_guard import Guarding, look, turn
from features.models import FlagState
from features.ramping import advance
from tests.accounts.server_postgres import migrated, postgres, server_of_postgres
from tests.analytics.guarded import NEXT, NOON, NOW, make_guard, make_state, used
from tests.features.ramped import ramped

__all__ = ["migrated", "postgres", "server_of_postgres"]
MANY = 8


def in_threads(*works: Any) -> list[Any]:
    """What these return that begin together, each in a thread of its own."""
    together = threading.Barrier(len(works))
    results: list[Any] = []

    def run(work: Any) -> None:
        try:
            together.wait()
            results.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_of_many_that_see_the_same_one_turns_back_and_one_tells(
    postgres: None, mailoutbox: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    ensure_defaults()
    guard = make_guard(recipients=["ann@example.com"])
    used(NEXT, 30, failed=30)
    rows = [RolloutGuard.objects.with_flags().get(pk=guard.pk) for _ in range(MANY)]
    found = look(rows[0], NOW)
    assert found.turn is not None
    why = found.turn
    done = in_threads(*((lambda row=row: turn(row, found, why, NOW)) for row in rows))
    assert sorted(done) == [False] * (MANY - 1) + [True]
    assert len(in_threads(*(Guarding().round for _ in range(MANY)))) == MANY
    assert not FlagState.objects.get().enabled
    assert TurnBack.objects.get().state == "told"
    assert AuditEvent.objects.filter(type="flag.state.updated").count() == 1
    assert len(mailoutbox) == 1


def test_of_many_that_find_a_step_due_one_takes_it(postgres: None) -> None:
    ensure_defaults()
    ramped(make_state(rules=[]).flag)
    events = AuditEvent.objects.filter(type="flag.state.updated")
    before = events.count()
    found = in_threads(*[lambda: advance(NOON + timedelta(days=1))] * MANY)
    assert sorted(taken.percent for each in found for taken in each) == ["50"]
    assert FlagState.objects.get().rules[-1]["split"]["weights"][0]["weight"] == 50_000
    assert events.count() == before + 1
