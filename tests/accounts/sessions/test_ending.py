"""Sessions end with the password, the activity and the roles that they were opened with, whichever way these change."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.audit.restoring import restore
from accounts.models import (
    AuditEvent,
    EndReason,
    Membership,
    Organization,
    Project,
    ProjectMembership,
    Role,
    Session,
    User,
)
from accounts.sessions import tokens
from tests.accounts.sessions.conftest import PASSWORD, SignIn, check_over, check_works

Change = Callable[[User, Client, pytest.MonkeyPatch], Any]


def change_password_in_admin(ann: User, staff: Client, _: pytest.MonkeyPatch) -> None:
    data = {"password1": "four other words here", "password2": "four other words here", "usable_password": "true"}
    assert staff.post(f"/admin/accounts/user/{ann.pk}/password/", data).status_code == 302


def change_password_by_command(ann: User, _: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda *args, **kwargs: "four other words here")
    call_command("changepassword", "ann", stdout=StringIO())


def change_password_in_code(ann: User, *_: Any) -> None:
    ann.set_password("four other words here")
    ann.save()


def role_in_admin(ann: User, staff: Client, _: pytest.MonkeyPatch) -> None:
    member = ann.memberships.get()
    home = member.organization
    inline = "memberships"
    data: dict[str, Any] = {"name": home.name, "slug": home.slug}
    rows = list(home.memberships.order_by("pk"))
    data |= {f"{inline}-TOTAL_FORMS": len(rows), f"{inline}-INITIAL_FORMS": len(rows)}
    for at, row in enumerate(rows):
        data |= {
            f"{inline}-{at}-id": row.pk,
            f"{inline}-{at}-organization": home.pk,
            f"{inline}-{at}-user": row.user_id,
        }
        data[f"{inline}-{at}-role"] = "viewer" if row == member else row.role
    assert staff.post(f"/admin/accounts/organization/{home.pk}/change/", data).status_code == 302
    member.refresh_from_db()
    assert member.role == "viewer"


def role_in_code(ann: User, *_: Any) -> None:
    member = ann.memberships.get()
    member.role = Role.ADMIN
    member.save()


def restored_role(ann: User, *_: Any) -> None:
    Membership.objects.filter(user=ann).update(role=Role.VIEWER)
    Session.objects.filter(user=ann).update(ended_at=None, end_reason="")
    restore(AuditEvent.objects.filter(type="user.updated").latest("pk"))


def bulk_update_of_users(ann: User, *_: Any) -> None:
    ann.is_active = False
    User.objects.bulk_update([ann], ["is_active"])


def role_in_project(ann: User, *_: Any) -> None:
    project = Project.objects.create(organization=Organization.objects.get(), name="Another")
    ProjectMembership.objects.create(membership=ann.memberships.get(), project=project, role=Role.ADMIN)


CHANGES: dict[str, tuple[Change, str]] = {
    "password in the admin": (change_password_in_admin, "password"),
    "password by command": (change_password_by_command, "password"),
    "password in code": (change_password_in_code, "password"),
    "password by queryset": (lambda ann, *_: User.objects.filter(pk=ann.pk).update(password="!x"), "password"),
    "inactive by queryset": (lambda ann, *_: User.objects.filter(pk=ann.pk).update(is_active=False), "deactivated"),
    "inactive in bulk": (bulk_update_of_users, "deactivated"),
    "staff": (lambda ann, *_: User.objects.filter(pk=ann.pk).update(is_staff=True), "role"),
    "superuser": (lambda ann, *_: User.objects.filter(pk=ann.pk).update(is_superuser=True), "role"),
    "role in the admin": (role_in_admin, "role"),
    "role in code": (role_in_code, "role"),
    "role by queryset": (lambda ann, *_: Membership.objects.filter(user=ann).update(role=Role.ADMIN), "role"),
    "role restored": (restored_role, "role"),
    "role taken away": (lambda ann, *_: ann.memberships.get().delete(), "role"),
    "roles taken away by queryset": (lambda ann, *_: Membership.objects.filter(user=ann).delete(), "role"),
    "role in a project": (role_in_project, "role"),
}


@pytest.mark.parametrize(("change", "reason"), CHANGES.values(), ids=CHANGES)
def test_the_sessions_of_the_user_end_and_nobody_elses(
    change: Change, reason: str, ann: User, bob: User, sign_in: SignIn, staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, also, theirs = sign_in(ann), sign_in(ann), sign_in(bob)
    change(ann, staff, monkeypatch)
    for each in (mine, also):
        check_over(each)
        each.session.refresh_from_db()
        assert each.session.end_reason == reason
    check_works(theirs)
    ended = AuditEvent.objects.filter(type="session.ended").values_list("target_id", flat=True)
    assert {mine.session.public_id, also.session.public_id} <= set(ended)


@pytest.mark.parametrize("name", ["email", "first_name"])
def test_other_changes_end_nothing(name: str, ann: User, sign_in: SignIn) -> None:
    mine = sign_in(ann)
    setattr(ann, name, "other@example.com")
    ann.save()
    Organization.objects.update(name="Renamed")
    check_works(mine)


def test_a_password_that_is_only_hashed_anew_is_no_new_password(
    ann: User, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django stores a right password anew when the way of hashing has changed: nobody has changed it."""
    mine = sign_in(ann)
    before = User.objects.get(pk=ann.pk).password
    monkeypatch.setattr(MD5PasswordHasher, "must_update", lambda *_: True)
    also = sign_in(ann)
    assert User.objects.get(pk=ann.pk).password != before
    check_works(mine)
    check_works(also)


def test_with_the_user_the_sessions_are_gone(ann: User, sign_in: SignIn) -> None:
    mine = sign_in(ann)
    ann.delete()
    check_over(mine)
    assert not Session.objects.exists()
    assert AuditEvent.objects.filter(type="session.deleted").count() == 1


def test_a_session_that_ran_out_does_not_come_back_with_a_longer_timeout_after_the_password_changed(
    ann: User, sign_in: SignIn, settings: Any
) -> None:
    mine = sign_in(ann)
    Session.objects.update(last_seen_at=timezone.now() - timedelta(hours=9))
    check_over(mine)
    change_password_in_code(ann)
    settings.LUKHAS_SESSION_IDLE = "2d"
    check_over(mine)


def test_the_timeouts_are_those_of_the_settings(ann: User, sign_in: SignIn, settings: Any) -> None:
    settings.LUKHAS_SESSION_IDLE, settings.LUKHAS_SESSION_ABSOLUTE = "30m", "2h"
    session = sign_in(ann).session
    opened = session.created_at
    minute, almost = timedelta(minutes=1), timedelta(seconds=1)
    assert session.state(opened + 30 * minute - almost) == "open"
    assert session.state(session.last_seen_at + 30 * minute) == "idle"
    session.last_seen_at = opened + 119 * minute
    assert session.state(session.expires_at - almost) == "open"
    assert session.state(session.expires_at) == "expired"
    assert abs(session.expires_at - opened - 120 * minute) < timedelta(seconds=5)


def test_what_has_ended_cannot_be_ended_again_nor_brought_back(ann: User, sign_in: SignIn) -> None:
    mine = sign_in(ann)
    assert mine.session.end(EndReason.STAFF) is True
    when = mine.session.ended_at
    assert mine.session.end(EndReason.LOGOUT) is False
    assert (mine.session.ended_at, mine.session.end_reason) == (when, "staff")
    from accounts.audit.restoring import CannotRestore

    with pytest.raises(CannotRestore):
        restore(AuditEvent.objects.get(type="session.ended"))
    check_over(mine)


def test_a_session_from_before_a_change_of_the_secret_key_works_and_is_stored_anew(
    ann: User, sign_in: SignIn, settings: Any
) -> None:
    mine = sign_in(ann)
    old = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new secret " * 5, [old]
    check_works(mine)
    settings.SECRET_KEY_FALLBACKS = []
    assert Session.objects.get().digest == tokens.digest(mine.token)
    check_works(mine)
    settings.SECRET_KEY = "yet another " * 5
    check_over(mine)


def test_a_use_that_cannot_be_written_down_fails_nobody(
    ann: User, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from django.db import OperationalError, models

    mine = sign_in(ann)
    Session.objects.update(last_seen_at=timezone.now() - timedelta(minutes=2))

    def fails(*_: Any, **__: Any) -> int:
        raise OperationalError("read only")

    monkeypatch.setattr(models.QuerySet, "update", fails)
    with caplog.at_level("WARNING"):
        assert Session.find(mine.token) == mine.session
    assert mine.session.public_id in caplog.text
    assert mine.token not in caplog.text


def test_a_session_is_named_after_its_user_and_device(ann: User, sign_in: SignIn) -> None:
    assert str(sign_in(ann).session) == "ann, Firefox on Linux"
    assert PASSWORD not in str(list(Session.objects.values()))
