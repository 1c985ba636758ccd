"""manage.py guard_rollouts."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from accounts.models import AuditEvent
from analytics.models import RolloutGuard, TurnBack
from features.models import FlagState, Ramp
from tests.analytics.guarded import CURRENT, KEY, NEXT, NOON, NOW, make_guard, make_state, used
from tests.features.ramped import ramped


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def run(*arguments: str) -> list[str]:
    out = StringIO()
    call_command("guard_rollouts", *arguments, stdout=out)
    return out.getvalue().splitlines()


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


def test_it_turns_back_what_does_harm_once_and_tells(database: None, mailoutbox: list[Any]) -> None:
    make_guard(recipients=["ann@example.com"])
    used(NEXT, 30, failed=30)
    why = f"{KEY} in production is turned back: the error rate of next was 100.0 % in 150 requests; the limit is 5.0 %."
    assert [line.startswith(why) for line in run()] == [True]
    assert run() == [f"{KEY} in production stays: {KEY} is off."]
    assert (TurnBack.objects.count(), len(mailoutbox)) == (1, 1)


def test_a_dry_run_says_what_would_be_done_and_changes_nothing(database: None) -> None:
    guard = make_guard()
    ramped(guard.state.flag, "60@now,70@+1h", now=NOON - timedelta(hours=1))
    used(NEXT, 30, failed=30)
    before = [list(rows.order_by("pk").values()) for rows in EVERYTHING]
    said = run("--dry-run")
    assert said[0].startswith(f"{KEY} in production would be turned back: the error rate of next")
    assert said[1:] == [f"Ramp of {KEY} in production is due."]
    assert [list(rows.order_by("pk").values()) for rows in EVERYTHING] == before


EVERYTHING: list[Any] = [
    model.objects.all() for model in (RolloutGuard, TurnBack, FlagState, Ramp, AuditEvent)
]  # read anew each time


def test_a_ramp_goes_on_unless_the_guard_halts_it_first(database: None) -> None:
    guard = make_guard()
    ramped(guard.state.flag, "60@now,70@+1h,80@+2h", now=NOON - timedelta(hours=1))
    used(CURRENT, 30)
    used(NEXT, 30)
    assert run() == [
        f"{KEY} in production stays: next is within its thresholds in 150 requests.",
        f"Ramp of {KEY} in production: 70 %",
    ]
    Ramp.objects.update(next_at=NOON)
    used(NEXT, 60, failed=60)
    assert len(run()) == 1
    ramp = Ramp.objects.get()
    assert (ramp.status, ramp.reached) == ("halted", 2)
    assert ramp.why.startswith("Rollout guard: the error rate of next was")


def test_a_ramp_that_is_halted_says_why(database: None) -> None:
    state = make_state()
    ramped(state.flag, "60@now,70@+1h", now=NOON - timedelta(hours=1))
    FlagState.objects.get().kill("It hurts.")
    assert run() == [f"Ramp of {KEY} in production: The flag is off."]


def test_with_nothing_to_guard_it_says_so_and_can_be_silent(database: None) -> None:
    assert run() == ["There is nothing to guard."]
    assert run("--verbosity", "0") == []


def test_a_terminal_shows_how_far_it_is_unless_it_is_to_be_silent(database: None) -> None:
    make_guard()
    shown, silent = Terminal(), Terminal()
    call_command("guard_rollouts", stdout=StringIO(), stderr=shown)
    call_command("guard_rollouts", "--verbosity", "0", stdout=StringIO(), stderr=silent)
    assert ("1/1" in shown.getvalue(), silent.getvalue()) == (True, "")
