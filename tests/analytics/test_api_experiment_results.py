"""GET /api/experiments/{id}/results."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Project
from analytics.models import Experiment
from tests import openapi
from tests.analytics.asking import ask, error_of
from tests.analytics.experimental import expose, happen, home, make, make_flag, names, running
from tests.analytics.test_api_experiments_access import token_of
from tests.analytics.test_api_privacy import key, person, unhurried

__all__ = ["unhurried"]
pytestmark = pytest.mark.usefixtures("database")
OPERATION = openapi.document()["paths"]["/api/experiments/{id}/results"]["get"]


@pytest.fixture
def project() -> Project:
    return home()[1]


@pytest.fixture
def admin(project: Project) -> str:
    return person(project, "admin")


def path(experiment: Experiment, query: str = "") -> str:
    return f"/{experiment.public_id}/results{query}"


def results(token: str, experiment: Experiment, query: str = "") -> Any:
    answer = ask(token, "get", path(experiment, query))
    assert answer.status_code == 200, answer.content
    assert answer.headers["Cache-Control"] == "no-store"
    found = answer.json()
    openapi.check(found, OPERATION["responses"]["200"]["content"]["application/json"]["schema"])
    return found


def test_it_says_what_each_variant_came_to_and_how_it_differs(admin: str) -> None:
    experiment = running()
    began = timezone.now() - timedelta(hours=2)
    for variant, count, hits in (("on", 200, 60), ("off", 210, 42)):
        units = names(variant, count)
        expose(experiment, variant, units, began)
        happen(units[:hits], began + timedelta(hours=1))
    for variant in ("on", "off"):
        expose(experiment, variant, ["twice"], began)
    found = results(admin, experiment)
    off, on = found["variants"]
    assert off == {"variant": "off", "units": 210, "count": 210, "hits": 42, "value": 0.2, "comparison": None}
    compared = on.pop("comparison")
    assert on == {"variant": "on", "units": 200, "count": 200, "hits": 60, "value": 0.3}
    assert compared["difference"] == pytest.approx(0.1)
    assert compared["relative"] == pytest.approx(0.5)
    assert compared["low"] < 0.1 < compared["high"]
    assert (compared["p_value"] < 0.05, compared["method"]) == (True, "two-proportion z-test")
    assert found["left_out"] == {"several_variants": 1, "seen_before": 0}
    ratio = found["sample_ratio"]
    assert (ratio["expected"], ratio["mismatch"]) == ({"on": 205.0, "off": 205.0}, False)
    assert (found["status"], found["metric"], found["unit"], found["control"]) == (
        "running",
        "event_rate",
        "share",
        "off",
    )
    assert found["hints"][0].startswith("It is running, and no end is planned.")


def test_of_a_draft_there_is_nothing_but_a_hint(admin: str) -> None:
    found = results(admin, make())
    assert (found["since"], found["sample_ratio"]) == (None, None)
    assert [arm["value"] for arm in found["variants"]] == [None, None]
    assert found["hints"] == ["It has not been started: nothing is counted yet."]


def test_units_of_a_variant_that_should_have_none_are_a_mismatch_beyond_numbers(admin: str) -> None:
    experiment = running()
    now = timezone.now() - timedelta(minutes=1)
    for variant in ("on", "off", "gone"):
        expose(experiment, variant, names(variant, 20), now)
    found = results(admin, experiment)
    ratio = found["sample_ratio"]
    assert (ratio["chi_square"], ratio["p_value"], ratio["mismatch"]) == (None, 0, True)
    compared = [arm["comparison"] for arm in found["variants"][1:]]
    assert [each["relative"] for each in compared] == [None, None], "of nothing there is no share"


def test_a_projects_key_is_told_of_its_project_alone_and_people_of_the_one_they_name(
    admin: str, project: Project
) -> None:
    other = Project.objects.create(organization=project.organization, name="Other")
    experiment = running()
    now = timezone.now() - timedelta(minutes=1)
    expose(experiment, "on", ["ann"], now)
    expose(experiment, "on", ["ann", "bob"], now, project=other)

    def units(token: str, query: str = "") -> int:
        found: int = results(token, experiment, query)["variants"][1]["units"]
        return found

    assert units(admin) == 3
    assert units(admin, f"?project={other.public_id}") == 2
    assert units(key(project)) == 1
    assert units(key(other)) == 2
    error_of(ask(key(other), "get", path(experiment, f"?project={project.public_id}")), 404, "not_found")
    error_of(ask(admin, "get", path(experiment, "?project=proj_unknown")), 404, "not_found")
    error_of(ask(admin, "get", path(experiment, "?colour=1")), 400, "unknown_parameter", "colour")
    error_of(ask(admin, "get", "/exp_unknown/results"), 404, "not_found")


USAGE = {
    "owner": 200,
    "member": 200,
    "viewer": 403,
    "owner's admin key": 200,
    "reading key": 403,
    "owner elsewhere": 404,
}


def test_what_models_were_asked_is_for_whoever_may_read_usage(project: Project) -> None:
    experiment = running(make_flag(), metric="latency")
    found = {caller: ask(token_of(caller, project), "get", path(experiment)).status_code for caller in USAGE}
    assert found == USAGE
    both = key(project, scopes=["flags.read", "usage.read"])
    assert ask(both, "get", path(experiment)).status_code == 200


def test_it_is_only_read(admin: str) -> None:
    for method in ("post", "put", "patch", "delete"):
        assert ask(admin, method, path(make(make_flag(method))), {}).status_code == 405
