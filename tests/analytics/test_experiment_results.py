"""What came of an experiment: what is planted is found, for each metric; and what has to be known before believing."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Organization, Project
from accounts.models.organizations import ProjectRetention, Retention
from analytics.experiments.drawing import Drawing
from analytics.experiments.hints import hints
from analytics.experiments.results import Arm, results_of
from analytics.models import AnalyticsPolicy, Experiment
from analytics.records import Record
from features.models import Environment, Flag, FlagState, ProjectEnvironment
from tests.analytics.experimental import (
    HALVES,
    NOW,
    START,
    answer,
    asked,
    expose,
    happen,
    home,
    make,
    make_flag,
    names,
    running,
)

pytestmark = pytest.mark.usefixtures("database")
HOUR = timedelta(hours=1)


def arms(experiment: Experiment, project: str = "") -> dict[str, Arm]:
    found = results_of(experiment, NOW, project)
    return {arm.variant: arm for arm in (found.control, *found.others)}


def planted(experiment: Experiment, on: tuple[int, int], off: tuple[int, int]) -> None:
    """So many of so many units clicked."""
    for variant, (hits, count) in {"on": on, "off": off}.items():
        units = names(variant, count)
        expose(experiment, variant, units)
        happen(units[:hits])


def test_a_planted_difference_of_rates_is_found_within_the_interval() -> None:
    experiment = running()
    planted(experiment, (150, 500), (100, 520))
    found = results_of(experiment, NOW)
    assert [arm.variant for arm in (found.control, *found.others)] == ["off", "on"]
    on = found.others[0]
    assert (on.units, on.count, on.hits, on.value) == (500, 500, 150, 0.3)
    assert on.comparison is not None
    assert on.comparison.difference == pytest.approx(0.3 - 100 / 520)
    assert on.comparison.low < 0.1 < on.comparison.high
    assert on.comparison.p_value < 0.001
    assert found.control.comparison is None
    assert found.unit == "share"


def test_units_that_are_split_wrongly_are_told_and_others_are_not() -> None:
    experiment = running()
    planted(experiment, (40, 400), (40, 410))
    fair = results_of(experiment, NOW)
    assert fair.split is not None
    assert not fair.split.mismatch
    expose(experiment, "off", names("more", 120))
    lossy = results_of(experiment, NOW)
    assert lossy.split is not None
    assert lossy.split.mismatch
    assert any(hint.startswith("The units are not split") for hint in hints(lossy, NOW))


def requests(chance: random.Random, variant: str, count: int, **fields: Callable[[], Any]) -> list[Record]:
    """Requests of twenty hours, each with what these give."""
    return [
        asked(variant, START + timedelta(minutes=chance.randrange(1200)), **{name: of() for name, of in fields.items()})
        for _ in range(count)
    ]


def test_planted_differences_of_errors_latency_first_tokens_and_cost_are_found() -> None:
    chance = random.Random(3)
    flag = make_flag()
    experiment = running(flag, metric="error_rate")
    for variant, slower, failing in (("on", 1.2, 0.08), ("off", 1.0, 0.02)):
        answer(
            requests(
                chance,
                variant,
                700,
                status=lambda failing=failing: 500 if chance.random() < failing else 200,
                duration_us=lambda slower=slower: int(chance.lognormvariate(13, 0.3) * slower),
                first_token_us=lambda slower=slower: int(chance.lognormvariate(12, 0.3) * slower),
                cost_micro=lambda slower=slower: int(chance.lognormvariate(7, 0.3) * slower),
            )
        )
    answer([asked("", status=500), asked("on", flag="blue", status=500)])
    units = {"error_rate": "share", "latency": "seconds", "first_token": "seconds", "cost": "dollars"}
    for metric, unit in units.items():
        Experiment.objects.update(metric=metric)
        experiment.refresh_from_db()
        with CaptureQueriesContext(connection) as queries:
            found = results_of(experiment, NOW)
        assert len(queries) <= 6, "however many requests there are"
        off, on = found.control, found.others[0]
        assert found.unit == unit
        assert (off.count, on.count) == (700, 700)
        assert off.value is not None
        assert on.comparison is not None
        truth = 0.06 if metric == "error_rate" else off.value * 0.2
        assert on.comparison.low < truth < on.comparison.high
        assert on.comparison.p_value < 0.001
        assert on.value == pytest.approx(off.value + on.comparison.difference)
    assert 0.0009 < off.value < 0.0013, "about a tenth of a cent"


@pytest.mark.parametrize("days", [1, 4])
def test_requests_of_whole_minutes_or_hours_of_the_projects_in_the_environment_count(days: int) -> None:
    organization, project = home()
    staging = Environment.objects.create(organization=organization, key="staging")
    other = Project.objects.create(organization=organization, name="Other")
    ProjectEnvironment.objects.create(project=other, environment=staging)
    flag = make_flag()
    FlagState.objects.create(flag=flag, environment=staging)
    here, there = make(flag, metric="error_rate"), make(flag, metric="error_rate", environment=staging)
    width = timedelta(minutes=1) if days == 1 else HOUR
    for each in (here, there):
        each.start(START - timedelta(days=days - 1) - width / 2)
        each.stop(NOW + width / 2)
    began = here.started_at
    assert began is not None
    first, last = began + width / 2, NOW - width
    answer([asked("on", at) for at in (first - width / 4, first, last, NOW)])
    answer([asked("on", first, project_id=other.public_id), asked("on", first, project_id="proj_gone")])
    assert arms(here)["on"].count == 2
    assert arms(there)["on"].count == 1
    assert arms(here, other.public_id)["on"].count == 1
    assert arms(here, project.public_id)["on"].count == 2


def test_variants_that_should_have_units_or_have_some_are_shown_by_name() -> None:
    flag = make_flag()
    Flag.objects.update(variants={"blue": True, "on": True, "off": False})
    flag.refresh_from_db()
    experiment = running(flag)
    assert list(arms(experiment)) == ["off", "on"]
    expose(experiment, "gone", ["ann"])
    expose(experiment, "blue", ["bob"])
    assert list(arms(experiment)) == ["off", "blue", "gone", "on"]
    FlagState.objects.update(rules=[])
    assert list(arms(make(flag))) == ["off", "blue", "on"]


# --- What there is to say --------------------------------------------------------------------------------------------


def told(experiment: Experiment, now: Any = NOW) -> list[str]:
    fresh = Experiment.objects.with_flags().get(pk=experiment.pk)
    return hints(results_of(fresh, now), now)


def test_of_a_draft_it_is_said_that_it_is_to_be_started() -> None:
    assert told(make()) == ["It has not been started: nothing is counted yet."]


def test_where_all_is_well_nothing_is_said_at_the_planned_end_and_after_it() -> None:
    experiment = running(planned_end=NOW)
    planted(experiment, (20, 100), (20, 100))
    assert told(experiment) == []
    assert told(experiment, NOW - HOUR) == [
        "It is running until 2026-03-20 12:00 UTC. Decide then: a p-value is of one look."
    ]
    Experiment.objects.update(planned_end=None)
    assert [hint[:44] for hint in told(experiment)] == ["It is running, and no end is planned. Plan o"]
    Experiment.objects.update(ended_at=NOW)
    assert told(experiment) == []


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("event_rate", ["No unit has got a variant."]),
        ("latency", ["No unit has got a variant.", "No request was answered"]),
        ("first_token", ["No unit has got a variant.", "No stream was answered"]),
    ],
)
def test_where_there_is_nothing_it_is_said_what_to_do(metric: str, expected: list[str]) -> None:
    found = told(running(metric=metric, planned_end=NOW))
    assert [hint[: len(begins)] for hint, begins in zip(found, expected, strict=True)] == expected


def test_where_nobody_sent_the_event_it_is_said_how_to() -> None:
    experiment = running(planned_end=NOW)
    planted(experiment, (0, 20), (0, 20))
    assert [hint[:48] for hint in told(experiment)] == ["No unit has sent the event “cta_clicked” after i"]


@pytest.mark.parametrize(("metric", "least"), [("latency", "at least 30."), ("cost", "at least 20 minutes")])
def test_where_there_are_too_few_requests_it_is_said_how_many_it_takes(metric: str, least: str) -> None:
    experiment = running(metric=metric, planned_end=NOW)
    expose(experiment, "on", ["ann"])
    answer([asked("on"), asked("off")])
    found = told(experiment)
    assert len(found) == 1
    assert least in found[0]
    assert arms(experiment)["on"].value is None


def test_what_was_changed_since_the_start_is_told_until_the_end() -> None:
    flag = make_flag()
    experiment = running(flag, planned_end=NOW)
    planted(experiment, (2, 20), (2, 20))
    state = flag.states.get()
    state.rules = [{"split": {"weights": [{"variant": "on", "weight": 9}, {"variant": "off", "weight": 1}]}}]
    state.save()
    Flag.objects.update(raw_exposures=False)
    assert [hint[:30] for hint in told(experiment)] == [
        "The flag no longer keeps raw e",
        "The shares of the variants hav",
    ]
    state.rules, state.enabled = HALVES, False
    state.save()
    Flag.objects.update(raw_exposures=True)
    assert [hint[:30] for hint in told(experiment)] == [
        "The flag is switched off in pr",
        "The shares of the variants hav",
    ]
    experiment.stop(NOW)
    assert told(experiment) == []


def test_where_the_rule_does_not_split_everybody_it_is_said_that_this_cannot_be_judged() -> None:
    experiment = running(make_flag(rules=[]), planned_end=NOW)
    planted(experiment, (2, 20), (2, 20))
    assert results_of(experiment, NOW).split is None
    assert [hint[:30] for hint in told(experiment)] == ["Whether the units are split as"]


def test_projects_that_keep_nobody_are_counted() -> None:
    organization, project = home()
    experiment = running(planned_end=NOW)
    planted(experiment, (2, 20), (2, 20))
    AnalyticsPolicy.objects.create(project=project, keeps_raw=False)
    assert [hint[-11:] for hint in told(experiment)] == ["counted: 1."]
    Project.objects.create(organization=organization, name="Z", data_retention=ProjectRetention.NOTHING)
    assert [hint[-11:] for hint in told(experiment)] == ["counted: 2."]
    Project.objects.create(organization=organization, name="Y")
    Organization.objects.update(data_retention=Retention.NOTHING)
    assert [hint[-11:] for hint in told(experiment)] == ["counted: 3."]


@pytest.mark.parametrize(("metric", "days"), [("event_rate", 30), ("latency", 90)])
def test_what_may_be_deleted_by_age_is_told(metric: str, days: int) -> None:
    experiment = running(metric=metric)
    begins = f"It was started more than {days} days ago"
    for later, expected in ((days - 1.5, False), (days, True)):
        assert any(hint.startswith(begins) for hint in told(experiment, NOW + timedelta(days=later))) is expected


# --- How it is drawn -------------------------------------------------------------------------------------------------


def test_a_drawing_has_each_interval_where_its_numbers_are_and_says_them() -> None:
    experiment = running()
    planted(experiment, (60, 200), (40, 200))
    expose(experiment, "a-variant-with-a-very-long-name", names("long", 50))
    drawn = Drawing(results_of(experiment, NOW))
    zero = drawn.x(0)
    assert zero == (drawn.left + drawn.right) / 2
    long, on = drawn.bars()
    assert zero < on.low + 5 < on.at < on.high <= drawn.right
    assert drawn.left <= long.low < long.at < zero
    assert (on.name, long.name) == ("on", "a-variant-with-a-ve…")
    assert long.y < on.y < drawn.ground < drawn.down
    assert on.told == "on: +10.00 points, 95 % interval +1.51 to +18.32 points"
    assert drawn.told.startswith("Differences from off. a-variant-with-a-very-long-name: −20.00 points")
    texts = [mark.text for mark in drawn.marks()]
    assert texts == ["−30 points", "−20 points", "−10 points", "0", "+10 points", "+20 points", "+30 points"]
    assert [row.verdict for row in drawn.rows()] == ["", "beyond chance", "beyond chance"]
    assert [row.sure for row in drawn.rows()] == [False, True, True]
    assert drawn.rows()[0].cells == ("200", "40", "20.0 %", "", "", "")
    assert drawn.rows()[2].cells[:4] == ("200", "60", "30.0 %", "+10.00 points")
    assert drawn.headers[:3] == ("Units", "Converted", "Rate")


def test_where_nothing_can_be_compared_nothing_is_drawn() -> None:
    experiment = running(metric="latency")
    drawn = Drawing(results_of(experiment, NOW))
    assert drawn.bars() == []
    assert drawn.headers[:3] == ("Units", "Requests", "Mean")
    assert [row.cells[:3] for row in drawn.rows()] == [("0", "0", "–"), ("0", "0", "–")]


def test_times_are_marked_in_their_own_unit() -> None:
    experiment = running(metric="latency")
    answer([asked(variant, duration_us=us) for variant, us in (("on", 300_000), ("off", 200_000)) for _ in range(30)])
    drawn = Drawing(results_of(experiment, NOW))
    assert [mark.text for mark in drawn.marks()] == ["−100 ms", "−50 ms", "0", "+50 ms", "+100 ms"]
    assert drawn.rows()[1].cells == ("0", "30", "300 ms", "+100 ms", "+100 ms to +100 ms", "< 0.0001")
