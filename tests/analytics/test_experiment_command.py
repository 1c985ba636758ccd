"""manage.py experiment."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import AuditEvent, Organization
from analytics.models import Experiment
from features.models import Environment, Flag
from tests.analytics.asking import everything
from tests.analytics.experimental import expose, happen, make, make_flag, names, running

pytestmark = pytest.mark.usefixtures("database")


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("experiment", *arguments, stdout=out)
    return out.getvalue()


def listed(*arguments: str) -> list[str]:
    return [each["name"] for each in json.loads(command("list", "--json", *arguments))]


def test_it_lists_by_organisation_and_status() -> None:
    away = Organization.objects.create(slug="away", name="Away")
    there = Environment.objects.create(organization=away, key="production")
    make(make_flag(environment=there), name="Theirs", environment=there)
    experiment = running(name="Ours")
    assert listed() == ["Ours", "Theirs"]
    assert listed("--organization", "away") == listed("--organization", away.public_id) == ["Theirs"]
    assert listed("--status", "running") == ["Ours"]
    table = command("list").splitlines()
    assert table[0].split() == ["id", "name", "flag", "environment", "metric", "status"]
    assert table[1].split() == [experiment.public_id, "Ours", "green", "production", "event_rate", "running"]
    assert command("list", "--status", "ended") == "There is no such experiment.\n"


def test_it_shows_what_came_of_one() -> None:
    experiment = running()
    began = timezone.now() - timedelta(hours=1)
    for variant, hits in (("on", 60), ("off", 40)):
        expose(experiment, variant, names(variant, 200), began)
        happen(names(variant, 200)[:hits], began)
    shown = command("show", experiment.public_id)
    assert "on       200    60         30.0 %  +10.00 points  +1.51 to +18.32 points  0.0209" in shown
    assert "It is running, and no end is planned." in shown
    found = json.loads(command("show", experiment.public_id, "--json"))
    assert (found["name"], found["results"]["variants"][1]["hits"]) == ("Green", 60)


def test_it_starts_and_stops_and_that_is_on_the_log() -> None:
    experiment = make()
    assert command("start", experiment.public_id) == f"{experiment.public_id} is running.\n"
    assert Flag.objects.get().raw_exposures
    assert json.loads(command("stop", experiment.public_id, "--json"))["status"] == "ended"
    assert not Flag.objects.get().raw_exposures
    own = AuditEvent.objects.filter(target_id=experiment.public_id, source="command")
    assert [event.type for event in own] == ["experiment.updated"] * 2


@pytest.mark.parametrize("action", ["start", "stop"])
def test_a_dry_run_changes_nothing(action: str) -> None:
    experiment = make() if action == "start" else running()
    before: Any = everything()
    would = "running" if action == "start" else "ended"
    assert command(action, experiment.public_id, "--dry-run") == f"{experiment.public_id} would be {would}.\n"
    assert everything() == before


def test_it_can_be_quiet() -> None:
    assert command("start", make().public_id, "--verbosity", "0") == ""


def test_what_cannot_be_is_said() -> None:
    experiment = make()
    with pytest.raises(CommandError, match="There is no experiment 'exp_1'"):
        command("show", "exp_1")
    with pytest.raises(CommandError, match="not running"):
        command("stop", experiment.public_id)
    Experiment.objects.update(control="gone")
    with pytest.raises(CommandError, match="no variant of the flag"):
        command("start", experiment.public_id)
