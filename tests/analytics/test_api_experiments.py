"""GET and POST /api/experiments."""

from typing import Any

import pytest
from hypothesis import given

from accounts.models import Organization, Project
from analytics.models import Experiment
from features.models import Environment, Flag, FlagState, ProjectEnvironment
from tests import openapi
from tests.analytics.asking import ask, error_of, everything
from tests.analytics.experimental import home, make, make_flag, running
from tests.analytics.test_api_privacy import key, person, unhurried
from tests.contract.test_fuzz import bodies, bounded

__all__ = ["unhurried"]
pytestmark = pytest.mark.usefixtures("database")
OPERATIONS = openapi.document()["paths"]["/api/experiments"]
GOOD = {"name": "Green", "flag": "green", "metric": "event_rate", "event": "cta_clicked", "control": "off"}
LATER = 4_070_908_800


@pytest.fixture
def project() -> Project:
    return home()[1]


@pytest.fixture
def admin(project: Project) -> str:
    return person(project, "admin")


@pytest.fixture
def flag() -> Flag:
    return make_flag()


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    openapi.check(answer.json(), OPERATIONS["get"]["responses"]["200"]["content"]["application/json"]["schema"])
    return [each["name"] for each in answer.json()["data"]]


# --- Making ----------------------------------------------------------------------------------------------------------


def test_a_draft_is_made_of_what_is_needed(admin: str, flag: Flag) -> None:
    answer = ask(admin, "post", body=GOOD)
    assert answer.status_code == 201, answer.content
    made = answer.json()
    openapi.check(made, OPERATIONS["post"]["responses"]["201"]["content"]["application/json"]["schema"])
    assert made["id"].startswith("exp_")
    assert {name: made[name] for name in GOOD} == GOOD
    assert (made["status"], made["environment"], made["hypothesis"]) == ("draft", "production", "")
    assert [made[name] for name in ("planned_end", "weights", "started_at", "ended_at")] == [None] * 4
    assert made["created_by"].endswith("@example.com")
    assert not Flag.objects.get().raw_exposures


def test_one_that_is_to_run_is_started_at_once(admin: str, flag: Flag) -> None:
    body = {**GOOD, "metric": "cost", "event": None, "planned_end": LATER, "status": "running", "hypothesis": "Cheap."}
    made = ask(admin, "post", body=body).json()
    assert (made["status"], made["planned_end"], made["weights"]) == ("running", LATER, {"on": 1, "off": 1})
    assert Flag.objects.get().raw_exposures
    before = everything()
    error_of(ask(admin, "post", body=body), 409, "experiment_running")
    assert everything() == before


def test_where_it_is_for_is_said_by_the_body_or_the_url_or_else_is_production(
    admin: str, flag: Flag, project: Project
) -> None:
    staging = Environment.objects.create(organization=flag.organization, key="staging")
    for path, body in (("", {"environment": "staging"}), ("?environment=staging", {})):
        assert ask(admin, "post", path, {**GOOD, **body}).json()["environment"] == "staging"
    ours = key(project, scopes=["flags.read", "flags.write"])
    assert ask(ours, "post", body=GOOD).json()["environment"] == "production"
    error_of(ask(ours, "post", body={**GOOD, "environment": "staging"}), 400, "invalid_value", "environment")
    ProjectEnvironment.objects.create(project=project, environment=staging)
    made = ask(ours, "post", body=GOOD).json()
    assert (made["environment"], made["created_by"]) == ("staging", None), "programs are told of no people"


def test_production_is_there_where_nobody_made_it(admin: str, flag: Flag) -> None:
    FlagState.objects.all().delete()
    Environment.objects.all().delete()
    assert ask(admin, "post", body=GOOD).status_code == 201


REFUSED: list[tuple[dict[str, Any], str, str | None]] = [
    ({"name": None}, "invalid_value", "name"),
    ({"name": 7}, "invalid_value", "name"),
    ({"name": "x" * 201}, "invalid_value", "name"),
    ({"name": "a\x00b"}, "invalid_value", "name"),
    ({"hypothesis": "x" * 2001}, "invalid_value", "hypothesis"),
    ({"flag": "blue"}, "invalid_value", "flag"),
    ({"flag": "\x00"}, "invalid_value", "flag"),
    ({"flag": ["green"]}, "invalid_value", "flag"),
    ({"environment": "nowhere"}, "invalid_value", "environment"),
    ({"environment": 3}, "invalid_value", "environment"),
    ({"metric": "clicks"}, "invalid_value", "metric"),
    ({"metric": "latency"}, "invalid_value", "event"),
    ({"event": None}, "invalid_value", "event"),
    ({"event": "no name"}, "invalid_value", "event"),
    ({"event": "e" * 101}, "invalid_value", "event"),
    ({"control": "blue"}, "invalid_value", "control"),
    ({"control": None}, "invalid_value", "control"),
    ({"planned_end": 1}, "invalid_value", "planned_end"),
    ({"planned_end": -1}, "invalid_value", "planned_end"),
    ({"planned_end": 10**30}, "invalid_value", "planned_end"),
    ({"planned_end": "tomorrow"}, "invalid_value", "planned_end"),
    ({"status": "ended"}, "experiment_not_running", None),
    ({"status": "paused"}, "invalid_value", "status"),
    ({"colour": "green"}, "unknown_parameter", "colour"),
]


def test_what_cannot_be_is_refused_with_its_place(admin: str, flag: Flag) -> None:
    before = everything()
    for change, code, param in REFUSED:
        error_of(ask(admin, "post", body={**GOOD, **change}), 409 if param is None else 400, code, param)
    assert everything() == before


def test_what_is_needed_and_missing_is_told(admin: str, flag: Flag) -> None:
    for name in ("name", "flag", "metric", "control"):
        body = {each: value for each, value in GOOD.items() if each != name}
        error_of(ask(admin, "post", body=body), 400, "missing_required_parameter", name)


def test_flags_of_others_are_not_there(admin: str) -> None:
    away = Organization.objects.create(slug="away", name="Away")
    make_flag("green", Environment.objects.create(organization=away, key="production"))
    error_of(ask(admin, "post", body=GOOD), 400, "invalid_value", "flag")


def test_whatever_comes_in_is_refused_whole_or_honoured(admin: str, flag: Flag) -> None:
    outcomes: list[int] = []

    @bounded(40)
    @given(body=bodies([GOOD, {**GOOD, "planned_end": LATER, "status": "running", "hypothesis": "h"}]))
    def attack(body: bytes) -> None:
        before = everything()
        answer = ask(admin, "post", body=body)
        outcomes.append(answer.status_code)
        if answer.status_code == 201:
            Experiment.objects.filter(ended_at=None, started_at__isnull=False).update(ended_at="2099-01-01T00:00Z")
        else:
            assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
            assert everything() == before

    attack()
    assert outcomes.count(400) > 10
    assert max(outcomes) < 500


# --- Listing ---------------------------------------------------------------------------------------------------------


def test_the_newest_is_first_and_a_page_goes_on_after_the_one_before(admin: str, flag: Flag) -> None:
    for number in range(5):
        make(flag, name=f"e{number}")
    first = ask(admin, "get", "?limit=2")
    assert ids(first) == ["e4", "e3"]
    assert first.json()["has_more"]
    assert ids(ask(admin, "get", f"?limit=2&after={first.json()['last_id']}")) == ["e2", "e1"]


def test_a_list_is_narrowed_down_by_status_flag_and_environment(admin: str, flag: Flag, project: Project) -> None:
    staging = Environment.objects.create(organization=flag.organization, key="staging")
    make(flag, name="draft")
    running(flag, name="runs")
    running(make_flag("blue"), name="over").stop()
    make(flag, name="staged", environment=staging)
    for query, found in {
        "": ["staged", "over", "runs", "draft"],
        "?status=draft": ["staged", "draft"],
        "?status=running": ["runs"],
        "?status=ended": ["over"],
        "?flag=blue": ["over"],
        "?environment=staging": ["staged"],
        f"?project={project.public_id}": ["over", "runs", "draft"],
    }.items():
        assert ids(ask(admin, "get", query)) == found, query
    assert "staged" not in ids(ask(key(project, scopes=["flags.read"]), "get"))


def test_a_query_that_makes_no_sense_is_refused(admin: str) -> None:
    for query, code, param in (
        ("?status=paused", "invalid_value", "status"),
        ("?colour=1", "unknown_parameter", "colour"),
        ("?limit=0", "invalid_value", "limit"),
        ("?after=exp_unknown", "invalid_value", "after"),
        ("?flag=%00", "invalid_value", "flag"),
    ):
        error_of(ask(admin, "get", query), 400, code, param)


def test_it_lists_and_makes_and_no_more(admin: str) -> None:
    for method in ("put", "patch", "delete"):
        assert ask(admin, method, body={}).status_code == 405
