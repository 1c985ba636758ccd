"""Who counts for a variant of an experiment, and who does not."""

from datetime import timedelta

import pytest

from accounts.models import Project
from analytics.experiments.counting import Units, units
from analytics.models import Experiment
from features.models import Environment
from tests.analytics.experimental import NOW, START, expose, happen, home, make_flag, running

pytestmark = pytest.mark.usefixtures("database")
HOUR = timedelta(hours=1)


@pytest.fixture
def experiment() -> Experiment:
    return running()


def counted(experiment: Experiment, project: str = "") -> Units:
    return units(experiment, START, NOW, project)


def test_a_unit_converts_that_sent_the_event_after_its_first_exposure(experiment: Experiment) -> None:
    expose(experiment, "on", ["ann", "bob", "cleo", "dan"], START + HOUR)
    expose(experiment, "off", ["eve"], START + HOUR)
    happen(["ann"], START + 2 * HOUR)
    happen(["ann"], START + 3 * HOUR)  # once is enough
    happen(["bob"], START + HOUR)  # at that moment
    happen(["cleo"], START)  # before it
    happen(["dan"], START + 2 * HOUR, name="page_view")  # something else
    happen(["stranger"], START + 2 * HOUR)
    found = counted(experiment)
    assert (found.exposed, found.converted) == ({"on": 4, "off": 1}, {"on": 2, "off": 0})
    assert (found.several, found.earlier) == (0, 0)


def test_a_unit_is_known_as_its_session_too_and_counts_once(experiment: Experiment) -> None:
    expose(experiment, "on", ["visit", "both"])
    happen(["visit", "both"], who="session")
    happen(["both"], who="person")
    assert counted(experiment).converted == {"on": 2}


def test_who_sent_it_before_and_after_converts(experiment: Experiment) -> None:
    expose(experiment, "on", ["ann"], START + HOUR)
    happen(["ann"], START)
    happen(["ann"], START + 2 * HOUR)
    assert counted(experiment).converted == {"on": 1}


def test_what_is_before_the_start_or_after_the_end_is_not_of_it(experiment: Experiment) -> None:
    expose(experiment, "on", ["early"], START - HOUR)
    expose(experiment, "on", ["late"], NOW)
    expose(experiment, "on", ["ann", "bob"], START)
    happen(["ann"], NOW)
    happen(["bob"], NOW - timedelta(microseconds=1))
    found = counted(experiment)
    assert (found.exposed, found.converted) == ({"on": 2}, {"on": 1})
    assert (found.several, found.earlier) == (0, 1)


def test_a_unit_of_two_variants_is_left_out_and_counted_as_such(experiment: Experiment) -> None:
    for variant in ("on", "off"):
        expose(experiment, variant, ["twice"], START + HOUR)
        expose(experiment, variant, ["long ago"], START - HOUR)
    expose(experiment, "off", ["before and during"], START - HOUR)
    expose(experiment, "on", ["before and during"], START + HOUR)
    happen(["twice"], START + 2 * HOUR)
    found = counted(experiment)
    assert (found.exposed, found.converted) == ({}, {})
    assert (found.several, found.earlier) == (2, 1)


def test_other_flags_environments_and_projects_do_not_count(experiment: Experiment) -> None:
    organization, project = home()
    other = Project.objects.create(organization=organization, name="Other")
    staging = Environment.objects.create(organization=organization, key="staging")
    expose(running(make_flag("blue")), "on", ["ann"])
    expose(running(make_flag("red", staging), environment=staging), "on", ["ann"])
    expose(experiment, "on", ["ann"])
    expose(experiment, "on", ["ann", "bob"], project=other)
    happen(["ann"])
    assert (counted(experiment).exposed, counted(experiment).converted) == ({"on": 3}, {"on": 1})
    only = counted(experiment, other.public_id)
    assert (only.exposed, only.converted) == ({"on": 2}, {"on": 0})
    assert counted(experiment, project.public_id).converted == {"on": 1}
