"""The staff pages of spend alerts."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.alerts.signing import secret_of
from accounts.models import AuditEvent, Organization, Project, SpendAlert, SpendNotice
from tests.accounts.alerting import ANN, BOB, alert_of, nobody_else_watches, today
from tests.accounts.test_admin import staff_as, text

__all__ = ["nobody_else_watches"]
pytestmark = pytest.mark.usefixtures("nobody_else_watches")
HOOK = "https://hooks.example.com/x"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")


def path(page: str, *parts: object) -> str:
    return "/admin/" + "".join(f"{part}/" for part in ("accounts", page, *parts))


def fields(home: Project, **other: Any) -> dict[str, Any]:
    return {
        "project": home.pk,
        "organization": "",
        "period": "day",
        "threshold": "12.50",
        "recipients": f"{ANN}\n{BOB}\n",
        "subject_prefix": "",
        "webhook_url": "",
        **other,
    }


def secrets_in(answer: Any) -> list[str]:
    return [each.replace("&#x2B;", "+") for each in SECRET.findall(answer.content.decode().replace("&#x2B;", "+"))]


def test_an_alert_is_added_changed_and_deleted_by_hand(staff: Client, project: Project) -> None:
    assert staff.get(path("spendalert", "add")).status_code == 200
    assert staff.post(path("spendalert", "add"), fields(project)).status_code == 302
    alert = SpendAlert.objects.get()
    assert (alert.scope, alert.period, alert.recipients, str(alert.threshold)) == (project, "day", [ANN, BOB], "12.50")
    page = staff.get(path("spendalert", alert.pk, "change"))
    assert f"{ANN}\n{BOB}" in page.content.decode()
    answer = staff.post(path("spendalert", alert.pk, "change"), fields(project, recipients=BOB, project=""))
    assert answer.status_code == 302
    alert.refresh_from_db()
    assert (alert.recipients, alert.scope) == ([BOB], project)
    assert f"project {project}" in text(staff.get(path("spendalert")))
    assert staff.post(path("spendalert", alert.pk, "delete"), {"post": "yes"}).status_code == 302
    types = AuditEvent.objects.filter(target_type="accounts.spendalert").order_by("pk").values_list("type", flat=True)
    assert list(types) == ["spend_alert.created", "spend_alert.updated", "spend_alert.deleted"]


@pytest.mark.parametrize(
    "bad",
    [
        {"recipients": ""},
        {"recipients": "ann"},
        {"project": ""},
        {"threshold": "-1"},
        {"threshold": "0.001"},
        {"webhook_url": "http://169.254.169.254/"},
        {"period": "week"},
    ],
)
def test_what_is_no_alert_is_refused_with_a_message(staff: Client, project: Project, bad: dict[str, str]) -> None:
    answer = staff.post(path("spendalert", "add"), fields(project, **bad))
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors
    assert not SpendAlert.objects.exists()


def test_the_secret_is_shown_once_when_there_is_a_webhook_for_the_first_time(staff: Client, project: Project) -> None:
    shown = staff.post(path("spendalert", "add"), fields(project, webhook_url=HOOK))
    alert = SpendAlert.objects.get()
    assert secrets_in(shown) == [secret_of(alert)]
    assert shown.headers["Cache-Control"].startswith("no-store")
    change = path("spendalert", alert.pk, "change")
    for again in (
        staff.get(change),
        staff.get(path("spendalert")),
        staff.post(change, fields(project, webhook_url=HOOK + "y")),
    ):
        assert secrets_in(again) == []
    assert staff.post(change, fields(project)).status_code == 302
    assert secrets_in(staff.post(change, fields(project, webhook_url=HOOK))) == [secret_of(alert)]


def test_the_secret_is_exchanged_after_a_question_and_shown_once(staff: Client, project: Project) -> None:
    alert = alert_of(project, webhook_url=HOOK)
    former = secret_of(alert)
    choice = {"action": "exchange_secret", "_selected_action": [alert.pk]}
    asked = staff.post(path("spendalert"), choice)
    assert "the former one goes on signing" in text(asked)
    assert secrets_in(asked) == []
    shown = staff.post(path("spendalert"), {**choice, "post": "yes"})
    alert.refresh_from_db()
    assert alert.secret_version == 2
    assert secrets_in(shown) == [secret_of(alert)] != [former]


def test_only_one_alert_with_a_webhook_is_given_another_secret_at_a_time(staff: Client, project: Project) -> None:
    alerts = [alert_of(project), alert_of(project, webhook_url=HOOK), alert_of(project, webhook_url=HOOK)]
    for chosen in (alerts[:1], alerts[1:]):
        choice = {"action": "exchange_secret", "_selected_action": [alert.pk for alert in chosen], "post": "yes"}
        assert "Nothing was changed" in text(staff.post(path("spendalert"), choice, follow=True))
    assert set(SpendAlert.objects.values_list("secret_version", flat=True)) == {1}


def failed(alert: SpendAlert) -> SpendNotice:
    SpendNotice.objects.open(alert, "month", today().replace(day=1), 10_500_000)
    SpendNotice.objects.update(error="webhook: answered 500", attempts=99, given_up_at=timezone.now())
    return SpendNotice.objects.get()


def test_what_became_of_telling_is_shown_and_can_be_tried_again_and_is_never_written_by_hand(
    staff: Client, project: Project
) -> None:
    notice = failed(alert_of(project, webhook_url=HOOK))
    page = text(staff.get(path("spendnotice")))
    assert "given up" in page
    assert "webhook: answered 500" in page
    assert HOOK not in page
    assert staff.get(path("spendnotice", "add")).status_code == 403
    assert staff.post(path("spendnotice", notice.pk, "change"), {"micro": 0}).status_code == 403
    assert staff.post(path("spendnotice", notice.pk, "delete"), {"post": "yes"}).status_code == 403
    assert staff.get(path("spendnotice", notice.pk, "change")).status_code == 200
    choice = {"action": "try_again", "_selected_action": [notice.pk]}
    assert "Tried again within ten seconds: 1." in text(staff.post(path("spendnotice"), choice, follow=True))
    notice.refresh_from_db()
    assert (notice.attempts, notice.state) == (0, "to be tried again")


def test_whoever_may_only_look_may_not_have_it_tried_again(project: Project) -> None:
    notice = failed(alert_of(project))
    client = staff_as("member", project.organization, project=project, project_role="viewer")
    assert client.get(path("spendnotice")).status_code == 200
    client.post(path("spendnotice"), {"action": "try_again", "_selected_action": [notice.pk]}, follow=True)
    notice.refresh_from_db()
    assert notice.attempts == 99


@pytest.mark.parametrize("page", ["spendalert", "spendnotice"])
def test_a_list_costs_the_same_number_of_queries_however_long_it_is(
    page: str, staff: Client, organization: Organization
) -> None:
    def grow(number: int) -> int:
        for at in range(number):
            home = Project.objects.create(organization=organization, name=f"p{at}")
            SpendNotice.objects.open(alert_of(home), "month", today(), 10_000_000)
        staff.get(path(page))
        with CaptureQueriesContext(connection) as queries:
            assert staff.get(path(page)).status_code == 200
        return len(queries)

    assert grow(2) == grow(20)
