"""GET, PATCH and DELETE /api/experiments/{id}."""

from typing import Any

import pytest

from accounts.models import AuditEvent, Project
from analytics.models import Experiment
from features.models import Environment, Flag, ProjectEnvironment
from tests import openapi
from tests.analytics.asking import ask, error_of, everything
from tests.analytics.experimental import home, make, make_flag, running
from tests.analytics.test_api_privacy import key, person, unhurried

__all__ = ["unhurried"]
pytestmark = pytest.mark.usefixtures("database")
OPERATIONS = openapi.document()["paths"]["/api/experiments/{id}"]


@pytest.fixture
def project() -> Project:
    return home()[1]


@pytest.fixture
def admin(project: Project) -> str:
    return person(project, "admin")


def path(experiment: Experiment) -> str:
    return f"/{experiment.public_id}"


def good(answer: Any, method: str) -> Any:
    assert answer.status_code == 200, answer.content
    openapi.check(answer.json(), OPERATIONS[method]["responses"]["200"]["content"]["application/json"]["schema"])
    return answer.json()


def test_it_is_read_by_its_id(admin: str, project: Project) -> None:
    experiment = running()
    shown = good(ask(admin, "get", path(experiment)), "get")
    assert (shown["id"], shown["status"]) == (experiment.public_id, "running")
    assert shown["created_by"] == "system"
    assert good(ask(key(project), "get", path(experiment)), "get")["created_by"] is None


def test_a_patch_starts_and_stops_it_and_that_is_on_the_log(admin: str) -> None:
    experiment = make()
    for status, kept in (("draft", False), ("running", True), ("running", True), ("ended", False), ("ended", False)):
        assert good(ask(admin, "patch", path(experiment), {"status": status}), "patch")["status"] == status
        assert Flag.objects.get().raw_exposures is kept
    own = AuditEvent.objects.filter(target_id=experiment.public_id, source="api")
    assert [event.type for event in own] == ["experiment.updated"] * 2
    assert {event.actor_kind for event in own} == {"user"}


def test_it_is_started_by_a_key_where_the_environment_is_protected_for_that_changes_no_answer(project: Project) -> None:
    experiment = make()
    Environment.objects.update(protected=True)
    ours = key(project, scopes=["flags.read", "flags.write"])
    for status in ("running", "ended"):
        assert good(ask(ours, "patch", path(experiment), {"status": status}), "patch")["status"] == status


def test_what_is_not_named_stays_and_what_is_the_same_is_no_change(admin: str) -> None:
    experiment = make(hypothesis="h")
    make_flag("blue")
    shown = good(ask(admin, "patch", path(experiment), {"name": "Blue", "flag": "blue", "control": "on"}), "patch")
    assert [shown[name] for name in ("name", "flag", "control", "hypothesis")] == ["Blue", "blue", "on", "h"]
    before = everything(), AuditEvent.objects.count()
    good(ask(admin, "patch", path(experiment), {"name": "Blue", "planned_end": None}), "patch")
    good(ask(admin, "patch", path(experiment), {}), "patch")
    assert (everything(), AuditEvent.objects.count()) == before


REFUSED: list[tuple[dict[str, Any], int, str, str | None]] = [
    ({"control": "on"}, 400, "invalid_value", "control"),
    ({"metric": "cost", "event": None}, 400, "invalid_value", "metric"),
    ({"name": ""}, 400, "invalid_value", "name"),
    ({"flag": "blue"}, 400, "invalid_value", "flag"),
    ({"status": "draft"}, 409, "experiment_started", None),
    ({"id": "exp_1"}, 400, "unknown_parameter", "id"),
    ({"started_at": 1}, 400, "unknown_parameter", "started_at"),
]


def test_what_is_for_good_or_makes_no_sense_is_refused_and_nothing_changes(admin: str) -> None:
    experiment = running()
    before = everything()
    for change, status, code, param in REFUSED:
        error_of(ask(admin, "patch", path(experiment), {"hypothesis": "new", **change}), status, code, param)
    assert everything() == before


def test_what_no_longer_fits_is_not_started_and_says_why(admin: str) -> None:
    experiment = make(control="on")
    experiment.flag.states.all().delete()
    Flag.objects.update(variants={"off": False, "new": True})
    error_of(ask(admin, "patch", path(experiment), {"status": "running"}), 400, "invalid_value", "control")


def test_of_two_only_one_runs(admin: str) -> None:
    flag = make_flag()
    other, experiment = running(flag), make(flag)
    message = error_of(ask(admin, "patch", path(experiment), {"status": "running"}), 409, "experiment_running")
    assert other.public_id in message


def test_a_draft_and_what_is_over_are_deleted_and_what_runs_is_not(admin: str) -> None:
    experiment = running()
    error_of(ask(admin, "delete", path(experiment)), 409, "experiment_running")
    experiment.stop()
    assert good(ask(admin, "delete", path(experiment)), "delete")["deleted"] is True
    error_of(ask(admin, "delete", path(experiment)), 404, "not_found")
    assert AuditEvent.objects.filter(type="experiment.deleted").count() == 1


def test_a_key_sees_the_environment_that_its_project_is_in(project: Project) -> None:
    experiment = make()
    ours = key(project)
    assert ask(ours, "get", path(experiment)).status_code == 200
    staging = Environment.objects.create(organization=experiment.flag.organization, key="staging")
    ProjectEnvironment.objects.create(project=project, environment=staging)
    for method in ("get", "patch", "delete"):
        error_of(ask(ours, method, path(experiment), {} if method == "patch" else None), 404, "not_found")
    assert Experiment.objects.exists()


def test_what_is_not_there_is_404(admin: str) -> None:
    for id in ("exp_unknown", "%00", "%F0%9F%90%8D"):
        error_of(ask(admin, "get", f"/{id}"), 404, "not_found")


def test_it_takes_no_parameters(admin: str) -> None:
    experiment = make()
    for method in ("get", "patch", "delete"):
        answer = ask(admin, method, f"{path(experiment)}?colour=1", {} if method == "patch" else None)
        error_of(answer, 400, "unknown_parameter", "colour")
    assert Experiment.objects.exists()
