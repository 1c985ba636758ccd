"""Experiments on the staff pages: made, started, stopped, looked at."""

import html
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent
from analytics.models import Experiment
from features.bootstrap import ensure_environment
from features.models import Flag
from tests.analytics.experimental import answer as store
from tests.analytics.experimental import asked, expose, happen, make, make_flag, names, running
from tests.features.staff import as_role

__all__ = ["as_role"]
pytestmark = pytest.mark.usefixtures("database")
LIST = "/admin/analytics/experiment/"


@pytest.fixture
def admin(as_role: Any) -> Client:
    return as_role("admin")


def page(experiment: Experiment, part: str = "change") -> str:
    return f"{LIST}{experiment.pk}/{part}/"


def text(answer: Any) -> str:
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def posted(experiment: Experiment, **fields: Any) -> dict[str, Any]:
    shown = {name: getattr(experiment, name) for name in ("name", "hypothesis", "metric", "event", "control")}
    return {**shown, "flag": experiment.flag_id, "environment": experiment.environment_id, **fields}


def act(client: Client, action: str, *rows: Experiment) -> list[str]:
    """Answers yes; the messages that follow."""
    sent = {"action": action, "_selected_action": [row.pk for row in rows], "post": "yes"}
    return [str(message) for message in client.post(LIST, sent, follow=True).context["messages"]]


def test_one_is_made_and_found_by_its_status(admin: Client) -> None:
    flag = make_flag()
    sent = {"name": "Green", "flag": flag.pk, "environment": ensure_environment().pk, "metric": "event_rate",
            "event": "cta_clicked", "control": "off"}  # fmt: skip
    wrong = admin.post(f"{LIST}add/", {**sent, "control": "blue"})
    assert wrong.context["adminform"].form.errors["control"] == ["It is no variant of the flag."]
    assert admin.post(f"{LIST}add/", sent).status_code == 302
    made = Experiment.objects.get()
    assert made.created_by == "admin@example.com"
    running(make_flag("blue"), name="Blue")
    for query, found in {"": {"Green", "Blue"}, "?status=draft": {"Green"}, "?status=running": {"Blue"},
                         "?status=nonsense": {"Green", "Blue"}, "?q=blue": {"Blue"}}.items():  # fmt: skip
        rows = admin.get(f"{LIST}{query}").context["cl"].result_list
        assert {str(row) for row in rows} == found, query


def test_only_what_was_changed_is_saved_and_what_is_for_good_cannot_be(admin: Client) -> None:
    experiment = make()
    opened = posted(experiment, name="Greener")
    experiment.start()
    assert admin.post(page(experiment), opened).status_code == 302
    experiment.refresh_from_db()
    assert (experiment.name, experiment.status.value) == ("Greener", "running")
    admin.post(page(experiment), posted(experiment, control="on", planned_end_0="2099-01-01", planned_end_1="00:00"))
    experiment.refresh_from_db()
    assert (experiment.control, experiment.planned_end is not None) == ("off", True)
    experiment.stop()
    readonly = admin.get(page(experiment)).context["adminform"].readonly_fields
    assert set(readonly) == {"flag", "environment", "metric", "event", "control", "planned_end"}


def test_a_button_asks_and_starts_or_stops(admin: Client) -> None:
    experiment = make()
    assert "which unit got which variant" in text(admin.get(page(experiment, "start")))
    assert admin.get(page(experiment, "stop")).status_code == 404, "it does not run"
    assert act(admin, "start_selected", experiment) == ["Started: 1."]
    assert Flag.objects.get().raw_exposures
    assert admin.get(page(experiment, "start")).status_code == 404
    assert "for good?" in text(admin.get(page(experiment, "stop")))
    assert act(admin, "stop_selected", experiment) == ["Stopped: 1."]
    assert not Flag.objects.get().raw_exposures
    assert AuditEvent.objects.filter(type="experiment.updated", source="admin").count() == 2


def test_all_are_started_or_none_and_it_is_said_why(admin: Client) -> None:
    flag = make_flag()
    pair = make(flag, name="One"), make(flag, name="Two")
    assert act(admin, "start_selected", *pair)[0].startswith("Nothing was changed. Two: The experiment ")
    assert not Experiment.objects.exclude(started_at=None).exists()
    Experiment.objects.update(control="gone")
    assert act(admin, "start_selected", pair[0]) == ["Nothing was changed. One: It is no variant of the flag."]


def test_one_that_runs_is_not_deleted(admin: Client) -> None:
    experiment = running()
    assert admin.post(page(experiment, "delete"), {"post": "yes"}).status_code == 403
    sent = {"action": "delete_selected", "_selected_action": [experiment.pk], "post": "yes"}
    assert admin.post(LIST, sent).status_code == 403
    assert Experiment.objects.exists()
    experiment.stop()
    assert admin.post(page(experiment, "delete"), {"post": "yes"}).status_code == 302
    assert not Experiment.objects.exists()


def test_results_are_drawn_with_a_table_and_what_to_know(admin: Client) -> None:
    experiment = running(hypothesis="Green is go.")
    began = timezone.now() - timedelta(hours=1)
    for variant, hits in (("on", 60), ("off", 40)):
        expose(experiment, variant, names(variant, 200), began)
        happen(names(variant, 200)[:hits], began)
    shown = text(admin.get(page(experiment, "results")))
    for told in (
        "Green is go.", "Difference from off", "on: +10.00 points, 95 % interval +1.51 to +18.32 points",
        "<td>30.0 %</td>", "beyond chance", "They are split as they should be", "no end is planned",
    ):  # fmt: skip
        assert told in shown, told
    expose(experiment, "on", names("more", 200), began)
    assert "not split as they should be" in text(admin.get(page(experiment, "results")))


def test_where_there_is_nothing_the_page_says_what_to_do(admin: Client) -> None:
    shown = text(admin.get(page(make(), "results")))
    assert "It has not been started" in shown
    assert "There is nothing to compare yet." in shown
    assert "cannot be judged yet" in shown


def test_what_models_were_asked_is_not_for_viewers(as_role: Any) -> None:
    experiment = running(metric="error_rate")
    store([asked("on", status=500)])
    told = "your role is too low"
    viewer, member = as_role("viewer"), as_role("member")
    assert told in text(viewer.get(page(experiment, "results")))
    assert 'id="difference"' not in text(viewer.get(page(experiment, "results")))
    assert told not in text(member.get(page(experiment, "results")))
    Experiment.objects.update(metric="event_rate", event="cta_clicked")
    assert told not in text(viewer.get(page(experiment, "results")))
