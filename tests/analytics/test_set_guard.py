"""manage.py set_guard."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.alerts.signing import secret_of
from accounts.models import AuditEvent
from analytics.management.commands.set_guard import HELP
from analytics.models import RolloutGuard
from analytics.thresholds import THRESHOLDS
from features.models import Environment
from tests.analytics.guarded import KEY, make_state

HOOK = "https://hooks.example.com/x"


@pytest.fixture(autouse=True)
def state(database: None) -> None:
    make_state()


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("set_guard", KEY, *arguments, stdout=out)
    return out.getvalue()


def test_a_guard_is_set_changed_and_taken_away() -> None:
    assert run("--error-rate-above", "2", "--minutes", "10", "--mail", "ann@example.com") == (
        f"{KEY} in production is guarded: error_rate_above 2, for 10 minutes.\n"
    )
    run("--cost-times", "1.5", "--min-requests", "50", "--control", "current", "--subject-prefix", "Ours")
    run("--error-rate-above", "none")
    guard = RolloutGuard.objects.get()
    assert guard.limits().thresholds == {"cost_times": 1.5}
    assert (guard.minutes, guard.min_requests, guard.control, guard.recipients, guard.subject_prefix) == (
        10, 50, "current", ["ann@example.com"], "Ours",
    )  # fmt: skip
    assert AuditEvent.objects.filter(type="rollout_guard.updated").latest("pk").actor_kind == "command"
    assert run("--remove") == f"{KEY} in production is not guarded.\n"
    assert not RolloutGuard.objects.exists()


def test_a_dry_run_says_what_would_be_and_changes_nothing() -> None:
    assert run("--cost-most", "1", "--webhook", HOOK, "--dry-run").startswith(f"Would be: {KEY} in production")
    assert not RolloutGuard.objects.exists()
    assert run("--cost-most", "1", "--verbosity", "0") == ""


def test_the_secret_of_a_webhook_is_printed_when_it_is_new_and_when_it_is_exchanged() -> None:
    said = run("--cost-most", "1", "--webhook", HOOK).splitlines()
    assert said[1:] == [secret_of(RolloutGuard.objects.get())]
    assert len(run("--webhook", HOOK).splitlines()) == 1
    assert run("--exchange-secret").splitlines()[1:] == [secret_of(RolloutGuard.objects.get())] != said[1:]
    run("--webhook", "none")
    assert RolloutGuard.objects.get().webhook_url == ""


REFUSED: list[tuple[tuple[str, ...], str]] = [
    ((), "Set a threshold"),
    (("--cost-most", "much"), "not a number"),
    (("--cost-most", "NaN"), "must be a decimal number"),
    (("--cost-most", "1", "--minutes", "-1"), "greater than or equal to 1"),
    (("--cost-most", "1", "--control", "gone"), "one of the flag's variants"),
    (("--cost-most", "1", "--exchange-secret"), "There is no webhook whose secret"),
    (("--remove",), f"There is no guard of {KEY} in production"),
    (("--cost-most", "1", "--environment", "staging"), "has no state in staging"),
    (("--remove", "--environment", "staging"), "There is no guard"),
]


def test_what_makes_no_guard_is_refused() -> None:
    Environment.objects.create(organization=Environment.objects.get().organization, key="staging")
    for arguments, why in REFUSED:
        with pytest.raises(CommandError, match=why):
            run(*arguments)
    assert not RolloutGuard.objects.exists()


def test_each_threshold_has_an_option() -> None:
    assert set(HELP) == set(THRESHOLDS)
