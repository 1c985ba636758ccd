"""Telling: by mail and webhook, once each, whatever fails or dies in between."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError
from django.utils import timezone

from accounts.alerts import telling, webhooks
from accounts.alerts.telling import CLAIM, PAUSES, Teller
from accounts.models import Organization, Project, SpendAlert, SpendNotice
from tests.accounts.alerting import ANN, BOB, alert_of, fresh, hook, later, mailbox, nobody_else_watches, spend, today
from tests.receivers import Hook, Mailbox

__all__ = ["hook", "mailbox", "nobody_else_watches"]
pytestmark = pytest.mark.usefixtures("nobody_else_watches")


@pytest.fixture
def reached(project: Project, hook: Hook) -> SpendNotice:
    """A threshold that was just reached, to be told to ann, to bob, and to the hook."""
    alert = alert_of(project, recipients=[ANN, BOB], webhook_url=hook.url)
    SpendNotice.objects.open(alert, "month", today().replace(day=1), 10_500_000)
    return SpendNotice.objects.get()


def tell() -> SpendNotice:
    """What another process that has just begun makes of it."""
    Teller().tell_due()
    return SpendNotice.objects.get()


# --- What is told ----------------------------------------------------------------------------------------------


def test_people_are_told_over_smtp_in_a_mail_to_each(mailbox: Mailbox, reached: SpendNotice, project: Project) -> None:
    assert tell().state == "told"
    assert mailbox.envelopes == [("lukhas@localhost", [ANN]), ("lukhas@localhost", [BOB])]
    first, second = mailbox.messages
    assert first["subject"] == f"Spend alert: {project} has reached $10.00 in {today():%B %Y} (UTC)"
    assert (first["from"], first["to"], first["auto-submitted"]) == ("lukhas@localhost", ANN, "auto-generated")
    assert first["message-id"].startswith(f"<{reached.public_id}.")
    assert first["message-id"].endswith("@localhost>")
    assert first["message-id"] != second["message-id"]
    text = first.get_content()
    assert f"Project {project} has spent $10.50 in {today():%B %Y} (UTC)." in text
    assert "set for $10.00 a month" in text
    assert reached.alert.public_id in text
    assert project.public_id in text


def test_the_subject_begins_with_what_was_chosen_and_is_one_line(
    organization: Organization, mailoutbox: list[Any], settings: Any
) -> None:
    settings.DEFAULT_FROM_EMAIL = "LUKHAS <alerts@example.org>"
    organization.name = "Two\r\nBcc: lines@example.com"
    organization.save()
    alert_of(organization, period="day", subject_prefix="Über 10")
    spend(organization, 10)
    fresh().round()
    assert mailoutbox[0].subject == f"Über 10: Two Bcc: lines@example.com has reached $10.00 on {today()} (UTC)"
    assert mailoutbox[0].extra_headers["Message-ID"].endswith("@example.org>")
    assert mailoutbox[0].bcc == []


# --- What fails --------------------------------------------------------------------------------------------------


def test_one_that_refuses_keeps_nobody_else_from_being_told_and_alone_is_tried_again(
    mailbox: Mailbox, hook: Hook, reached: SpendNotice, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox.refuses.add(ANN)
    notice = tell()
    assert (notice.told, notice.attempts, notice.state) == ([BOB, hook.url], 1, "to be tried again")
    assert notice.error == f"{ANN}: not sent: SMTPRecipientsRefused"
    mailbox.refuses.clear()
    assert tell().told == [BOB, hook.url]  # not yet
    later(monkeypatch, seconds=PAUSES[0].total_seconds() + 1)
    notice = tell()
    assert (notice.state, notice.error, notice.attempts) == ("told", "", 2)
    assert mailbox.recipients() == [BOB, ANN]
    assert len(hook.posts) == 1


def test_a_webhook_that_fails_is_posted_again_under_the_same_id_with_the_same_body(
    mailbox: Mailbox, hook: Hook, reached: SpendNotice, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook.status = 500
    notice = tell()
    assert (notice.told, notice.error) == ([ANN, BOB], "webhook: answered 500")
    hook.status = 200
    later(monkeypatch, minutes=10)
    assert tell().state == "told"
    (_, first, body), (_, second, again) = hook.posts
    assert (first["webhook-id"], body) == (second["webhook-id"], again)
    assert first["webhook-id"] == reached.public_id
    assert first["webhook-timestamp"] != second["webhook-timestamp"]
    assert first["webhook-signature"] != second["webhook-signature"]
    assert mailbox.recipients() == [ANN, BOB]


def test_pauses_grow_until_it_is_given_up_and_staff_can_have_it_tried_again(
    hook: Hook, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook.status = 503
    alert = alert_of(project, recipients=[], webhook_url=hook.url)
    SpendNotice.objects.open(alert, "month", today().replace(day=1), 10_500_000)
    for pause in PAUSES:
        notice = tell()
        waits = notice.next_try_at - timezone.now()
        assert pause - timedelta(seconds=5) < waits <= pause
        later(monkeypatch, seconds=pause.total_seconds())
    notice = tell()
    assert (notice.state, notice.attempts) == ("given up", len(PAUSES) + 1)
    later(monkeypatch, days=30)
    tell()
    assert len(hook.posts) == len(PAUSES) + 1
    hook.status = 204
    assert SpendNotice.objects.try_again() == 1
    assert tell().state == "told"
    assert SpendNotice.objects.try_again() == 0


def test_an_address_that_is_put_right_is_used_from_the_next_try_on(
    mailbox: Mailbox, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox.refuses.add("amn@example.com")
    alert = alert_of(project, recipients=["amn@example.com"])
    SpendNotice.objects.open(alert, "month", today().replace(day=1), 10_500_000)
    assert tell().error
    SpendAlert.objects.update(recipients=[ANN])
    later(monkeypatch, minutes=1)
    assert tell().state == "told"
    assert mailbox.recipients() == [ANN]


def test_without_a_mail_server_it_is_kept_and_told_why(project: Project, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    alert = alert_of(project)
    SpendNotice.objects.open(alert, "month", today().replace(day=1), 10_500_000)
    assert tell().error == f"{ANN}: not sent: ConnectionRefusedError"


# --- What dies ---------------------------------------------------------------------------------------------------


class Crash(BaseException):
    """The end of a process."""


def test_a_crash_between_claim_and_send_leaves_a_retry(
    mailoutbox: list[Any], hook: Hook, reached: SpendNotice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(telling, "hand_over", die)
        with pytest.raises(Crash):
            Teller().tell_due()
    notice = tell()
    assert (notice.told, notice.attempts, notice.state, len(mailoutbox)) == ([], 1, "being told", 0)
    later(monkeypatch, seconds=CLAIM.total_seconds() + 1)
    assert tell().state == "told"
    assert (len(mailoutbox), len(hook.posts)) == (2, 1)


def test_a_crash_after_some_were_told_tells_only_the_others_again(
    mailoutbox: list[Any], hook: Hook, reached: SpendNotice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(webhooks, "post", die)
        with pytest.raises(Crash):
            Teller().tell_due()
    assert tell().told == [ANN, BOB]
    later(monkeypatch, seconds=CLAIM.total_seconds() + 1)
    assert tell().told == [ANN, BOB, hook.url]
    assert (len(mailoutbox), len(hook.posts)) == (2, 1)


def test_what_could_not_be_written_down_is_not_told_again_and_written_when_the_database_is_there(
    mailoutbox: list[Any], hook: Hook, reached: SpendNotice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> bool:
        raise DatabaseError("away")

    teller = Teller()
    with monkeypatch.context() as patch:
        patch.setattr(SpendNotice, "renew", away)
        for _ in range(2):
            with pytest.raises(DatabaseError):
                teller.tell_due()
    assert (len(mailoutbox), SpendNotice.objects.get().told) == (1, [])
    teller.tell_due()
    assert SpendNotice.objects.get().told == [ANN, BOB, hook.url]
    assert [mail.to for mail in mailoutbox] == [[ANN], [BOB]]
    assert teller.unwritten == {}


def test_a_claim_that_another_process_has_taken_over_is_left_to_it(
    mailoutbox: list[Any], hook: Hook, reached: SpendNotice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(notice: SpendNotice, destination: str) -> None:
        """So slow that the claim has lapsed and somebody else has told everybody."""
        SpendNotice.objects.update(next_try_at=timezone.now() + timedelta(hours=1), told=[ANN, BOB, hook.url])

    monkeypatch.setattr(telling, "hand_over", slow)
    notice = tell()
    assert (notice.told, notice.told_at) == ([ANN, BOB, hook.url], None)


def test_only_one_of_two_processes_that_see_the_same_notice_claims_it(reached: SpendNotice) -> None:
    one, other = SpendNotice.objects.get(), SpendNotice.objects.get()
    until = timezone.now() + CLAIM
    assert one.claim(until)
    assert not other.claim(until)
    assert other.attempts == 0
    assert not SpendNotice.objects.due(timezone.now()).exists()
    assert Teller().tell_due() is None
    assert not other.end(told_at=timezone.now())


def test_one_that_was_claimed_by_another_in_the_meantime_is_passed_over(
    mailoutbox: list[Any], reached: SpendNotice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SpendNotice, "claim", lambda self, until: False)
    assert tell().told == []
    assert mailoutbox == []


def test_a_notice_goes_with_its_alert(reached: SpendNotice) -> None:
    reached.alert.delete()
    assert not SpendNotice.objects.exists()


def test_amounts_of_money_are_exact(reached: SpendNotice) -> None:
    assert reached.spent == Decimal("10.5")
