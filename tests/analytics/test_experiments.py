"""What an experiment is, what starting and stopping it does, and what cannot be."""

from copy import copy
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from accounts.audit.context import Actor, acting
from accounts.audit.restoring import CannotRestore, restore
from accounts.exceptions import Conflicting
from accounts.models import AuditEvent, Organization
from analytics.models import Experiment
from features.bootstrap import ensure_environment
from features.models import Environment, Flag, FlagState
from tests.analytics.experimental import NOW, START, home, make, make_flag, running

pytestmark = pytest.mark.usefixtures("database")


def keeps() -> bool:
    return Flag.objects.get().raw_exposures


@pytest.fixture
def staging() -> Environment:
    return Environment.objects.create(organization=home()[0], key="staging")


def test_while_it_runs_its_flag_keeps_raw_exposures_and_not_before_or_after() -> None:
    experiment = make()
    assert (experiment.status.value, keeps()) == ("draft", False)
    experiment.start(START)
    assert (experiment.status.value, keeps()) == ("running", True)
    assert experiment.weights == {"on": 1, "off": 1}
    experiment.stop(NOW)
    assert (experiment.status.value, keeps()) == ("ended", False)
    stored = Experiment.objects.get()
    assert (stored.started_at, stored.ended_at, str(stored)) == (START, NOW, "Green")


def test_a_flag_that_kept_them_before_keeps_them_afterwards() -> None:
    flag = make_flag()
    flag.raw_exposures = True
    flag.save()
    experiment = running(flag)
    experiment.stop()
    assert keeps()
    assert not experiment.switched


@pytest.mark.parametrize("first_stops_first", [True, False])
def test_of_two_that_run_in_different_environments_the_last_switches_them_off(
    staging: Environment, first_stops_first: bool
) -> None:
    flag = make_flag()
    FlagState.objects.create(flag=flag, environment=staging)
    pair = [running(flag), running(flag, environment=staging)]
    assert [each.switched for each in pair] == [True, False]
    if not first_stops_first:
        pair.reverse()
    pair[0].stop()
    assert keeps()
    pair[1].stop()
    assert not keeps()


def test_of_three_the_one_that_switches_them_off_is_told_once(staging: Environment) -> None:
    flag = make_flag()
    third = Environment.objects.create(organization=flag.organization, key="third")
    trio = [running(flag, environment=place) for place in (ensure_environment(), staging, third)]
    for each in trio:
        assert keeps()
        each.stop()
    assert not keeps()
    other = [running(flag, environment=place) for place in (ensure_environment(), staging)]
    Experiment.objects.filter(pk=other[1].pk).update(switched=True)
    events = AuditEvent.objects.filter(target_id=other[1].public_id).count()
    other[0].stop()
    assert AuditEvent.objects.filter(target_id=other[1].public_id).count() == events


def test_how_units_are_to_be_split_is_that_of_the_start() -> None:
    flag = make_flag()
    state = flag.states.get()
    experiment = running(flag)
    state.rules = [{"split": {"weights": [{"variant": "on", "weight": 3}, {"variant": "off", "weight": 1}]}}]
    state.save()
    experiment.refresh_from_db()
    assert experiment.weights == {"on": 1, "off": 1}
    assert running(make_flag("blue", rules=[])).weights == {}


def test_one_runs_at_a_time_for_each_flag_and_environment(staging: Environment) -> None:
    flag = make_flag()
    experiment, other = running(flag), make(flag)
    with pytest.raises(Conflicting, match=f"The experiment '{experiment.public_id}' of this flag is running there"):
        other.start()
    assert Experiment.objects.get(pk=other.pk).started_at is None
    with pytest.raises(IntegrityError), transaction.atomic():
        Experiment.objects.filter(pk=other.pk).update(started_at=NOW)
    experiment.stop()
    other.start()
    assert other.status.value == "running"


def test_what_was_started_is_not_started_again_and_what_does_not_run_is_not_stopped() -> None:
    experiment = make()
    with pytest.raises(Conflicting, match="not running"):
        experiment.stop()
    experiment.start()
    with pytest.raises(Conflicting, match="has started already"):
        experiment.start()
    experiment.stop()
    with pytest.raises(Conflicting, match="not running"):
        experiment.stop()
    with pytest.raises(Conflicting, match="has ended already"):
        experiment.start()


def test_what_no_longer_fits_its_flag_is_not_started() -> None:
    flag = make_flag()
    experiment = make(flag, control="on")
    flag.states.all().delete()
    Flag.objects.update(variants={"off": False, "new": True})
    with pytest.raises(ValidationError, match="no variant of the flag"):
        experiment.start()
    assert not keeps()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name"),
    ({"control": "blue"}, "control"),
    ({"metric": "clicks"}, "metric"),
    ({"event": ""}, "event"),
    ({"event": "no name"}, "event"),
    ({"metric": "latency", "event": "cta_clicked"}, "event"),
    ({"planned_end": START - timedelta(days=2)}, "planned_end"),
    ({"hypothesis": "x" * 2001}, "hypothesis"),
    ({"flag": None}, "flag"),
]


def test_what_is_wrong_is_told_at_its_field() -> None:
    draft = make()
    for fields, field in WRONG:
        experiment = copy(draft)
        for name, value in fields.items():
            setattr(experiment, name, value)
        with pytest.raises(ValidationError) as caught:
            experiment.full_clean()
        assert field in caught.value.message_dict


def test_a_flag_of_one_variant_and_an_environment_of_others_are_told() -> None:
    away = Environment.objects.create(
        organization=Organization.objects.create(slug="away", name="Away"), key="production"
    )
    experiment = make(environment=away)
    Flag.objects.get().states.all().delete()
    Flag.objects.update(variants={"off": False})
    experiment.refresh_from_db()
    with pytest.raises(ValidationError) as caught:
        experiment.full_clean()
    assert set(caught.value.message_dict) == {"flag", "environment"}


def test_the_database_takes_nothing_else_either() -> None:
    experiment = running()
    nonsense = ({"metric": "clicks"}, {"event": ""}, {"metric": "cost"}, {"ended_at": START - timedelta(days=9)})
    for change in nonsense:
        with pytest.raises(IntegrityError), transaction.atomic():
            Experiment.objects.filter(pk=experiment.pk).update(**change)


@pytest.mark.parametrize(
    ("change", "ended", "fixed"),
    [
        ({"metric": "cost", "event": ""}, False, {"metric", "event"}),
        ({"control": "on"}, False, {"control"}),
        ({"planned_end": NOW}, True, {"planned_end"}),
    ],
)
def test_once_it_is_started_the_question_is_for_good(change: dict[str, Any], ended: bool, fixed: set[str]) -> None:
    experiment = running()
    if ended:
        experiment.stop(NOW)
    for name, value in change.items():
        setattr(experiment, name, value)
    with pytest.raises(ValidationError) as caught:
        experiment.full_clean()
    assert set(caught.value.message_dict) == fixed
    assert all("for good" in message for message in caught.value.messages)


@pytest.mark.parametrize("ended", [False, True])
def test_its_words_may_change_and_its_planned_end_while_it_runs(ended: bool) -> None:
    experiment = running()
    if ended:
        experiment.stop(NOW)
    experiment.name = "Greener"
    experiment.planned_end = None if ended else NOW
    experiment.full_clean()


def test_a_running_one_is_not_deleted_and_others_are() -> None:
    experiment = running()
    with pytest.raises(Conflicting, match="Stop it first"):
        experiment.delete()
    experiment.stop()
    experiment.delete()
    assert not Experiment.objects.exists()


def test_a_flag_and_an_environment_stay_while_an_experiment_tells_of_them() -> None:
    experiment = make()
    for row in (experiment.flag, experiment.environment):
        with pytest.raises(ProtectedError):
            row.delete()


def test_every_change_is_on_the_log_with_who_made_it() -> None:
    with acting(Actor("user", "user-1", "ada@example.com"), "api"):
        experiment = running()
    assert experiment.created_by == "ada@example.com"
    assert make(experiment.flag).created_by == "system"
    own = AuditEvent.objects.filter(target_id=experiment.public_id).order_by("pk")
    assert [event.type for event in own] == ["experiment.created", "experiment.updated"]
    assert {event.organization for event in own} == {home()[0].public_id}
    started = own.last()
    assert started is not None
    with pytest.raises(CannotRestore, match="for good"):
        restore(started)


def test_words_are_put_back_from_the_log() -> None:
    experiment = make()
    experiment.hypothesis = "Blue is better."
    experiment.save()
    restore(AuditEvent.objects.latest("pk"))
    experiment.refresh_from_db()
    assert experiment.hypothesis == ""
    assert Experiment.audit_action({}, ()) == "organization.flags.update"
