"""manage.py flag rollout --ramp, and manage.py flag ramp."""

import pytest
from django.core.management.base import CommandError

from features.models import Flag, FlagState, Ramp
from tests.features.commands import as_json, flag
from tests.features.conftest import MakeFlag
from tests.features.ramped import STEPS, share, two_models


@pytest.fixture(autouse=True)
def model(make_flag: MakeFlag) -> Flag:
    return two_models(make_flag)


def test_a_ramp_is_set_up_shown_paused_resumed_and_taken_away() -> None:
    first, *steps = flag("rollout", "model", "next", "--ramp", STEPS).splitlines()
    assert first == "Ramp of model in production is running: next, the others current"
    assert [step.endswith(" done") for step in steps] == [True, False, False, False]
    assert share() == 5
    assert "is running" in flag("ramp", "model")
    assert "is paused (Wait.): next" in flag("ramp", "model", "--pause", "--reason", "Wait.")
    assert "is running" in flag("ramp", "model", "--resume")
    told = as_json("ramp", "model")
    assert (told["status"], told["percent"], len(told["steps"])) == ("running", 5, 4)
    assert flag("ramp", "model", "--remove") == "Ramp of model in production is gone.\n"
    assert (Ramp.objects.count(), share()) == (0, 5)


def test_a_dry_run_says_what_would_be_and_changes_nothing() -> None:
    assert flag("rollout", "model", "next", "--ramp", STEPS, "--dry-run").startswith("Would be: Ramp of model")
    assert (Ramp.objects.count(), FlagState.objects.get().rules) == (0, [])
    flag("rollout", "model", "next", "--ramp", STEPS, "--verbosity", "0")
    assert flag("ramp", "model", "--pause", "--dry-run").startswith("Would be: Ramp of model in production is paused")
    assert flag("ramp", "model", "--remove", "--dry-run") == "Ramp of model in production would be gone.\n"
    assert Ramp.objects.get().status == "running"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("rollout", "model", "next"), "Give either PERCENT or --ramp"),
        (("rollout", "model", "next", "5", "--ramp", STEPS), "Give either PERCENT or --ramp"),
        (("rollout", "model", "next", "--ramp", "5@noon"), r"steps\[0\]: is not of the form"),
        (("rollout", "model", "next", "--ramp", "5@now,4@\\+1h"), r"steps\[1\]: "),
        (("rollout", "model", "next", "--ramp", "50@now,40@+1h"), "a ramp only grows"),
        (("ramp", "model"), "There is no ramp of model in production"),
        (("ramp", "gone"), "There is no flag"),
    ],
)
def test_what_makes_no_ramp_is_refused(arguments: tuple[str, ...], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        flag(*arguments)
    assert not Ramp.objects.exists()


def test_what_stands_is_not_paused() -> None:
    flag("rollout", "model", "next", "--ramp", STEPS)
    flag("ramp", "model", "--pause")
    with pytest.raises(CommandError, match="The ramp is paused, and not running"):
        flag("ramp", "model", "--pause")
