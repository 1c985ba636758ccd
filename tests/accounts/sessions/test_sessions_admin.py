"""The staff page of sessions."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEvent, Membership, Organization, Role, Session, User
from tests.accounts.sessions.conftest import make_person
from tests.accounts.test_admin import staff_as

LIST = "/admin/accounts/session/"


def opened(user: User, **fields: Any) -> Session:
    begun = Session.begin(User.objects.get(pk=user.pk), device="Firefox on Linux", address="203.0.113.0/24")
    assert begun is not None
    Session.objects.filter(pk=begun[0].pk).update(**fields)
    return begun[0]


def listed(client: Client, **query: str) -> set[int]:
    answer = client.get(LIST, query)
    assert answer.status_code == 200
    return {row.pk for row in answer.context["cl"].result_list}


def end(client: Client, *sessions: Session, **more: str) -> Any:
    data = {"action": "end_selected", "_selected_action": [each.pk for each in sessions], **more}
    return client.post(LIST, data)


def test_sessions_are_listed_searched_and_filtered(staff: Client, ann: User, bob: User) -> None:
    now = timezone.now()
    works = opened(ann)
    ended = opened(bob, ended_at=now, end_reason="logout")
    idle = opened(bob, last_seen_at=now - timedelta(hours=9))
    expired = opened(bob, expires_at=now)
    everything = {each.pk for each in (works, ended, idle, expired)}
    assert listed(staff) == everything
    assert listed(staff, q="ann@example") == listed(staff, q=works.public_id) == {works.pk}
    assert listed(staff, state="open") == {works.pk}
    assert listed(staff, state="ended") == listed(staff, end_reason__exact="logout") == {ended.pk}
    assert listed(staff, state="run_out") == {idle.pk, expired.pk}
    text = staff.get(LIST).content.decode()
    for state in ("open", "ended", "idle", "expired"):
        assert state in text
    assert works.digest not in text


def test_a_row_can_be_read_and_neither_changed_nor_made_nor_deleted(staff: Client, ann: User) -> None:
    session = opened(ann)
    page = staff.get(f"{LIST}{session.pk}/change/")
    assert page.status_code == 200
    assert session.digest not in page.content.decode()
    staff.post(f"{LIST}{session.pk}/change/", {"device": "Another", "expires_at_0": "2099-01-01", "user": "1"})
    after = Session.objects.get()
    assert (after.device, after.expires_at, after.user) == (session.device, session.expires_at, ann)
    assert staff.get(f"{LIST}add/").status_code == 403
    assert staff.post(f"{LIST}{session.pk}/delete/", {"post": "yes"}).status_code == 403


def test_ending_asks_and_then_ends_what_works(staff: Client, ann: User) -> None:
    session, other, over = opened(ann), opened(ann), opened(ann, ended_at=timezone.now(), end_reason="logout")
    question = end(staff, session, over)
    assert "Whoever uses them has to sign in again" in question.content.decode()
    session.refresh_from_db()
    assert session.ended_at is None
    assert end(staff, session, over, post="yes").status_code == 302
    for row, reason in ((session, "staff"), (over, "logout"), (other, "")):
        row.refresh_from_db()
        assert row.end_reason == reason
    event = AuditEvent.objects.filter(type="session.ended").latest("pk")
    assert (event.source, event.actor_name, event.target_id) == ("admin", "root@example.com", session.public_id)
    assert LogEntry.objects.get().change_message == "Ended."


def test_staff_see_and_end_sessions_of_their_own_organisations_only(ann: User, organization: Organization) -> None:
    elsewhere = Organization.objects.create(slug="elsewhere", name="Elsewhere")
    eve = make_person("eve", None)
    Membership.objects.create(user=eve, organization=elsewhere, role=Role.OWNER)
    mine, theirs = opened(ann), opened(eve)
    client = staff_as("admin", organization)
    assert listed(client) == {mine.pk}
    assert client.get(f"{LIST}{theirs.pk}/change/").status_code == 302
    end(client, theirs, post="yes")
    theirs.refresh_from_db()
    assert theirs.ended_at is None


@pytest.mark.parametrize("role", ["member", "viewer"])
def test_staff_with_a_low_role_see_none(ann: User, organization: Organization, role: str) -> None:
    session = opened(ann)
    client = staff_as(role, organization)
    assert client.get(LIST).status_code == 403
    end(client, session, post="yes")
    session.refresh_from_db()
    assert session.ended_at is None


@pytest.mark.parametrize(
    ("role", "of", "superuser", "ends"),
    [
        ("admin", "admin", False, True),
        ("admin", "owner", False, False),
        ("owner", "owner", False, True),
        ("owner", "member", True, False),
    ],
)
def test_staff_end_the_sessions_of_nobody_above_them(
    ann: User, organization: Organization, role: str, of: str, superuser: bool, ends: bool
) -> None:
    Membership.objects.update_or_create(user=ann, organization=organization, defaults={"role": of})
    User.objects.filter(pk=ann.pk).update(is_superuser=superuser)
    session = opened(ann)
    client = staff_as(role, organization)
    assert listed(client) == {session.pk}
    end(client, session, post="yes")
    session.refresh_from_db()
    assert (session.ended_at is not None) is ends


def test_the_list_costs_the_same_number_of_queries_however_long_it_is(staff: Client, ann: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert staff.get(LIST).status_code == 200
        return len(captured)

    opened(ann)
    staff.get(LIST)
    few = queries()
    for number in range(5):
        opened(make_person(f"person{number}"))
    assert queries() == few


@pytest.mark.parametrize("path", [LIST, f"{LIST}1/change/"])
def test_strangers_see_nothing(path: str, ann: User) -> None:
    opened(ann)
    client = Client()
    client.force_login(ann)
    assert client.get(path).status_code == 302
