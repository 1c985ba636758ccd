"""Spend alerts: when a threshold counts as reached, and that it does so once."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.alerts import watching
from accounts.alerts.watching import LOOK, Watch, periods_at
from accounts.audit.restoring import CannotRestore, restore
from accounts.models import AuditEvent, Organization, Project, SpendAlert, SpendNotice
from accounts.models.notices import end_of
from tests.accounts.alerting import ANN, BOB, alert_of, flushed, fresh, hook, nobody_else_watches, spend, today

__all__ = ["hook", "nobody_else_watches"]
pytestmark = pytest.mark.usefixtures("nobody_else_watches")


def queries_of_a_round(watch: Watch) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        watch.round()
    return [each["sql"] for each in captured.captured_queries if "PRAGMA" not in each["sql"]]


# --- Reached ---------------------------------------------------------------------------------------------------


def test_a_threshold_that_is_reached_to_the_cent_is_told_once(project: Project, mailoutbox: list[Any]) -> None:
    alert_of(project, threshold=Decimal("10.01"))
    watch = fresh()
    spend(project, "10.009999")
    watch.round()
    assert mailoutbox == []
    spend(project, "0.000001")
    for each in (watch, fresh(), fresh()):
        each.changes = -1
        each.round()
    assert [mail.to for mail in mailoutbox] == [[ANN]]
    notice = SpendNotice.objects.get()
    assert (notice.state, notice.told, notice.attempts, notice.error) == ("told", [ANN], 1, "")
    assert (notice.spent, notice.start, notice.period) == (Decimal("10.01"), today().replace(day=1), "month")


def test_an_organisation_is_watched_apart_from_its_projects(
    organization: Organization, project: Project, mailoutbox: list[Any]
) -> None:
    alert_of(organization)
    spend(project, 50)
    fresh().round()
    assert mailoutbox == []
    spend(organization, 50)
    fresh().round()
    assert mailoutbox[0].subject.startswith(f"Spend alert: {organization} has reached $10.00 in ")


def test_several_thresholds_and_periods_are_told_each_by_itself(project: Project, mailoutbox: list[Any]) -> None:
    for period, threshold in (("day", 5), ("month", 5), ("month", 20), ("month", 21)):
        alert_of(project, period=period, threshold=threshold)
    spend(project, 20)
    fresh().round()
    assert sorted(mail.subject.split("$")[1].split()[0] for mail in mailoutbox) == ["20.00", "5.00", "5.00"]


def test_a_threshold_of_nothing_is_reached_with_whatever_is_spent_first(
    project: Project, mailoutbox: list[Any]
) -> None:
    alert_of(project, threshold=0)
    fresh().round()
    assert mailoutbox == []
    spend(project, "0.000001")
    fresh().round()
    assert len(mailoutbox) == 1


def test_another_threshold_is_told_again_and_a_former_one_is_not(project: Project, mailoutbox: list[Any]) -> None:
    alert = alert_of(project)
    spend(project, 100)
    watch = fresh()
    for threshold in (10, 50, 10, 200):
        alert.threshold = Decimal(threshold)
        alert.save()
        watch.round()
    assert sorted(SpendNotice.objects.values_list("threshold", flat=True)) == [10, 50]
    assert len(mailoutbox) == 2


def test_a_new_month_is_told_anew(project: Project, mailoutbox: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    alert_of(project)
    spend(project, 10)
    watch = fresh()
    watch.round()
    moment = timezone.now() + timedelta(days=70)
    monkeypatch.setattr("django.utils.timezone.now", lambda: moment)
    watch.changes = -1
    watch.round()
    assert len(mailoutbox) == 1
    spend(project, 10, day=moment.date())
    watch.changes = -1
    watch.round()
    assert len(mailoutbox) == 2
    assert watch.reached == {(SpendAlert.objects.get().pk, "month", moment.date().replace(day=1), 10_000_000)}


def test_what_came_in_before_midnight_and_was_settled_after_it_counts(project: Project, mailoutbox: list[Any]) -> None:
    alert_of(project, period="day")
    SpendAlert.objects.update(changed_at=timezone.now() - timedelta(days=2))
    spend(project, 10, day=today() - timedelta(days=1))
    fresh().round()
    assert f"on {today() - timedelta(days=1)} (UTC)" in mailoutbox[0].subject


def test_what_was_over_when_an_alert_was_set_is_none_of_its_business(project: Project, mailoutbox: list[Any]) -> None:
    alert_of(project, period="day")
    alert_of(project, period="month")
    last_month = today().replace(day=1) - timedelta(days=1)
    spend(project, 50, day=last_month)
    spend(project, 0, day=today())
    fresh().round()
    assert mailoutbox == []


def test_the_days_and_months_that_spending_may_be_booked_on() -> None:
    from datetime import UTC, date, datetime

    assert periods_at(datetime(2026, 3, 1, 0, 0, 1, tzinfo=UTC)) == [
        ("day", date(2026, 3, 1)),
        ("day", date(2026, 2, 28)),
        ("month", date(2026, 3, 1)),
        ("month", date(2026, 2, 1)),
    ]
    assert end_of("day", date(2026, 12, 31)) == date(2027, 1, 1)
    assert end_of("month", date(2026, 12, 1)) == date(2027, 1, 1)
    assert end_of("month", date(2028, 2, 1)) == date(2028, 3, 1)


# --- What it costs -----------------------------------------------------------------------------------------------


def test_without_alerts_a_round_asks_nothing_but_whether_there_are_any_every_ten_seconds(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = fresh()
    clock: Any = watch.clock
    assert len(queries_of_a_round(watch)) == 1
    for _ in range(5):
        clock.seconds += 1
        flushed(watch, monkeypatch, project, 5)
        assert queries_of_a_round(watch) == []
    assert watch.touched == set()
    clock.seconds += LOOK - 5
    assert len(queries_of_a_round(watch)) == 1


def test_with_alerts_a_round_asks_only_where_something_was_spent_that_one_of_them_watches(
    organization: Organization, project: Project, monkeypatch: pytest.MonkeyPatch, mailoutbox: list[Any]
) -> None:
    alert_of(project)
    other = Project.objects.create(organization=organization, name="other")
    watch = fresh()
    watch.round()
    assert queries_of_a_round(watch) == []
    flushed(watch, monkeypatch, other, 50)
    assert queries_of_a_round(watch) == []
    flushed(watch, monkeypatch, project, 5)
    assert len(queries_of_a_round(watch)) == 1
    flushed(watch, monkeypatch, project, 5)
    watch.round()
    assert len(mailoutbox) == 1
    flushed(watch, monkeypatch, project, 5)
    assert len(queries_of_a_round(watch)) == 1


def test_a_change_in_this_process_is_known_at_once_and_one_elsewhere_within_ten_seconds(
    project: Project, mailoutbox: list[Any]
) -> None:
    watch = fresh()
    clock: Any = watch.clock
    spend(project, 10)
    watch.round()
    alert = alert_of(project)
    watch.round()
    assert len(mailoutbox) == 1
    # As another process would: past everything that this one notices.
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_spendalert SET threshold = 9 WHERE id = %s", [alert.pk])
    watch.round()
    assert len(mailoutbox) == 1
    clock.seconds += LOOK
    watch.round()
    assert len(mailoutbox) == 2


@pytest.mark.parametrize("how", ["save", "delete", "update", "delete many", "create many"])
def test_every_way_of_changing_alerts_is_noticed(project: Project, how: str) -> None:
    alert = alert_of(project)
    watch = fresh()
    watch.round()
    {
        "save": alert.save,
        "delete": alert.delete,
        "update": lambda: SpendAlert.objects.update(threshold=5),
        "delete many": lambda: SpendAlert.objects.all().delete(),
        "create many": lambda: SpendAlert.objects.bulk_create([SpendAlert(project=project, threshold=1)]),
    }[how]()
    assert len(queries_of_a_round(watch)) >= 1
    assert [each.threshold for each in watch.alerts] == list(
        SpendAlert.objects.order_by("pk").values_list("threshold", flat=True)
    )


def test_a_look_that_fails_is_made_again_ten_seconds_later_and_what_is_known_stays(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    alert_of(project)
    watch = fresh()
    clock: Any = watch.clock
    watch.round()

    def away(self: object) -> None:
        raise RuntimeError("away")

    clock.seconds += LOOK
    with monkeypatch.context() as patch:
        patch.setattr(type(SpendAlert.objects.all()), "with_scopes", away)
        with pytest.raises(RuntimeError, match="away"):
            watch.round()
        watch.round()
    assert len(watch.alerts) == 1


# --- Once ----------------------------------------------------------------------------------------------------


def test_the_database_itself_holds_a_notice_once(project: Project) -> None:
    alert = alert_of(project)
    fields = {"alert": alert, "period": "month", "start": today(), "threshold": 10, "micro": 1}
    SpendNotice.objects.create(**fields)
    with pytest.raises(IntegrityError), transaction.atomic():
        SpendNotice.objects.create(**fields)
    SpendNotice.objects.create(**{**fields, "threshold": 11})


@pytest.mark.parametrize("how", ["deleted", "changed", "known"])
def test_a_notice_is_not_opened_where_another_process_was_faster(
    project: Project, how: str, mailoutbox: list[Any]
) -> None:
    alert = alert_of(project)
    watch = fresh()
    watch.round()
    known = list(watch.alerts)
    if how == "deleted":
        SpendAlert.objects.all().delete()
    elif how == "changed":
        SpendAlert.objects.update(threshold=99)
    else:
        SpendNotice.objects.open(alert, "month", today().replace(day=1), 10_000_000)
    before = SpendNotice.objects.count()
    spend(project, 10)
    assert watch.compare(known, timezone.now()) == 0
    assert SpendNotice.objects.count() == before
    assert mailoutbox == []


def test_a_watch_that_forgets_tells_nothing_again(project: Project, mailoutbox: list[Any]) -> None:
    alert_of(project)
    spend(project, 10)
    watch = fresh()
    watch.round()
    watch.forget()
    watch.round()
    assert len(mailoutbox) == 1


def test_the_watch_of_a_server_runs_beside_it_until_it_ends(project: Project, mailoutbox: list[Any]) -> None:
    from tests.processes import eventually

    alert_of(project)
    spend(project, 10)
    watch = Watch()
    watch.keeper.start()
    eventually(lambda: mailoutbox, 20, "the mail is sent")
    watch.keeper.stop()
    assert not watch.keeper.started
    assert watching.watch.keeper.work == watching.watch.round


# --- Rows --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"recipients": []}, "Name somebody to be told"),
        ({"recipients": ["ann"]}, "'ann' is no e-mail address"),
        ({"recipients": ["ann@example.com\nBcc: x@example.com"]}, "is no e-mail address"),
        ({"recipients": "ann@example.com"}, "A list of e-mail addresses"),
        ({"recipients": [5]}, "A list of e-mail addresses"),
        ({"recipients": [ANN, ANN.upper()]}, "twice"),
        ({"recipients": [f"{at}@example.com" for at in range(51)]}, "At most 50"),
        ({"threshold": Decimal("-0.01")}, "greater than or equal to 0"),
        ({"threshold": Decimal("0.001")}, "2 decimal places"),
        ({"threshold": Decimal(10**8)}, "8 digits before"),
        ({"period": "week"}, "is not a valid choice"),
        ({"subject_prefix": "a\nb"}, "Characters that can be printed only"),
        ({"webhook_url": "ftp://example.com"}, "must begin with http"),
        ({"webhook_url": "http://169.254.169.254/x"}, "never called"),
        ({"webhook_url": "http://example.com/#x"}, "no fragment"),
        ({"webhook_url": "http://u:p@example.com/"}, "No credentials"),
        ({"project": None}, "either an organisation or a project"),
    ],
)
def test_an_alert_that_cannot_be_is_refused(project: Project, fields: dict[str, Any], complaint: str) -> None:
    alert = SpendAlert(**{"project": project, "threshold": 5, "recipients": [ANN], **fields})
    with pytest.raises(ValidationError, match=complaint):
        alert.full_clean()


def test_an_alert_of_both_or_of_neither_is_refused_by_the_database(
    organization: Organization, project: Project
) -> None:
    for scopes in ({}, {"organization": organization, "project": project}):
        with pytest.raises((IntegrityError, ValueError)), transaction.atomic():
            SpendAlert.objects.bulk_create([SpendAlert(threshold=5, recipients=[ANN], **scopes)])
    with pytest.raises(ValueError, match="watches nothing"):
        SpendAlert().scope  # noqa: B018


def test_alerts_are_written_down_without_the_address_of_the_webhook(project: Project) -> None:
    alert = alert_of(project, webhook_url="https://hooks.example.com/secret-path")
    alert.webhook_url = "https://hooks.example.com/other-path"
    alert.recipients = [BOB]
    alert.save()
    alert.exchange_secret()
    alert.delete()
    events = list(AuditEvent.objects.filter(target_type="accounts.spendalert").order_by("pk"))
    assert [event.type for event in events] == [
        "spend_alert.created",
        "spend_alert.updated",
        "spend_alert.updated",
        "spend_alert.deleted",
    ]
    assert events[1].changed() == ["recipients", "webhook_url"]
    assert events[2].changed() == ["secret_version"]
    for event in events:
        assert (event.organization, event.project_id) == (project.organization.public_id, project.public_id)
        assert event.target_id == alert.public_id
        assert "hooks.example.com" not in f"{event.before}{event.after}"


def test_an_alert_gets_back_what_it_was_but_no_former_secret(project: Project, organization: Organization) -> None:
    alert = alert_of(project)
    alert.threshold = Decimal(99)
    alert.save()
    changed = AuditEvent.objects.latest("pk")
    alert.exchange_secret()
    exchanged = AuditEvent.objects.latest("pk")
    restore(changed)
    alert.refresh_from_db()
    assert (alert.threshold, alert.secret_version) == (10, 2)
    with pytest.raises(CannotRestore, match="changed for good"):
        restore(exchanged)
    alert.delete()
    again: Any = restore(AuditEvent.objects.latest("pk"))
    assert (again.public_id, again.secret_version, again.scope) == (alert.public_id, 2, project)
    of_organization = alert_of(organization)
    assert (of_organization.audited_project(), of_organization.home) == (("", ""), organization)


def test_rows_say_what_they_are(project: Project) -> None:
    alert = alert_of(project, threshold=Decimal("1234.5"))
    notice = SpendNotice(alert=alert, period="month", start=today(), threshold=alert.threshold, micro=1)
    assert (str(alert), str(notice)) == ("$1,234.50 a month", f"$1,234.50 a month, {today()}")
