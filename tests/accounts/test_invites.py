"""Invites: made, mailed and accepted, or not."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.signals import pre_save
from django.test import Client
from django.utils import timezone

from accounts import invitations, keys
from accounts.invitations import Unusable
from accounts.models import AuditEvent, Invite, Membership, Organization, Project, ProjectMembership, Role, User
from accounts.models.invites import PURPOSE, CannotInvite
from tests.accounts.test_models import refused_by_the_database

PASSWORD = "correct horse battery staple"
EMAIL = "grace@example.com"
PAGE = "/invites/accept"


@pytest.fixture
def browser(database: None) -> Client:
    return Client()


@pytest.fixture
def invited(organization: Organization, project: Project) -> tuple[Invite, str]:
    """An invite to the organisation as a viewer, and to the default project as a member."""
    return Invite.issue(organization, EMAIL, Role.VIEWER, [{"id": project.public_id, "role": "member"}])


def text(response: Any) -> str:
    return str(response.content.decode())


def problem(response: Any) -> str:
    assert response.status_code == 400
    found = re.search(r"<(p|ul) role=\"alert\">(.*?)</\1>", text(response))
    assert found
    return re.sub("<.*?>", "", found[2])


def state() -> list[Any]:
    """Everything that accepting could change."""
    tables = (User, Membership, ProjectMembership, Invite, AuditEvent)
    return [list(table._default_manager.order_by("pk").values()) for table in tables]


def accept(browser: Client, token: str, password: str = PASSWORD, again: str | None = PASSWORD) -> Any:
    return browser.post(PAGE, {"token": token, "password": password, **({} if again is None else {"again": again})})


# --- Made --------------------------------------------------------------------------------------------------------


def test_what_is_stored_of_an_invite_does_not_tell_the_token(invited: tuple[Invite, str]) -> None:
    invite, token = invited
    assert len(set(token)) > 10
    assert len(token) == 43  # of 62 letters and digits: 256 bits
    assert token not in repr(Invite.objects.values().get())
    assert token not in repr(list(AuditEvent.objects.values()))
    assert invite.digest not in repr(list(AuditEvent.objects.values()))
    assert keys.digest(token) != invite.digest == keys.digest(token, purpose=PURPOSE)
    assert str(invite) == f"{EMAIL}, viewer of {invite.organization}"


def test_an_invite_lasts_as_many_days_as_are_set(organization: Organization, settings: Any) -> None:
    settings.LUKHAS_INVITE_DAYS = 3
    invite = Invite.issue(organization, EMAIL, Role.VIEWER)[0]
    assert invite.expires_at - invite.created_at == timedelta(days=3)
    assert invite.status(invite.created_at) == "pending"
    assert invite.status(invite.expires_at) == "expired"


def test_a_member_is_not_invited(organization: Organization, user: User) -> None:
    Membership.objects.create(user=user, organization=organization)
    with pytest.raises(CannotInvite, match="a member") as refusal:
        Invite.issue(organization, user.email.upper(), Role.VIEWER)
    assert refusal.value.code == "already_member"


def test_nobody_has_two_invites_that_work(invited: tuple[Invite, str], organization: Organization) -> None:
    with pytest.raises(CannotInvite, match="an invite already") as refusal:
        Invite.issue(organization, EMAIL.upper(), Role.OWNER)
    assert refusal.value.code == "already_invited"
    fields = {"organization": organization, "email": EMAIL, "role": "owner", "expires_at": timezone.now()}
    assert refused_by_the_database(Invite, **fields, digest="b")
    other = Organization.objects.create(slug="other", name="Other")
    assert Invite.issue(other, EMAIL, Role.VIEWER)


def test_an_expired_invite_makes_room_for_another(invited: tuple[Invite, str], organization: Organization) -> None:
    first, token = invited
    models.QuerySet(Invite).update(expires_at=timezone.now())
    second = Invite.issue(organization, EMAIL, Role.MEMBER)[0]
    assert list(Invite.objects.standing()) == [second]
    assert AuditEvent.objects.filter(type="invite.deleted", target_id=first.public_id).count() == 1
    with pytest.raises(Unusable, match="withdrawn"):
        invitations.find(token)


@pytest.mark.parametrize(
    ("email", "role", "projects"),
    [
        ("nobody", Role.VIEWER, []),
        ("", Role.VIEWER, []),
        (f"{'x' * 150}@example.com", Role.VIEWER, []),
        (EMAIL, "emperor", []),
        (EMAIL, Role.VIEWER, "proj_1"),
        (EMAIL, Role.VIEWER, ["proj_1"]),
        (EMAIL, Role.VIEWER, [{"id": "proj_1"}]),
        (EMAIL, Role.VIEWER, [{"id": "proj_1", "role": "emperor"}]),
        (EMAIL, Role.VIEWER, [{"id": "proj_1", "role": "owner"}, {"id": "proj_1", "role": "member"}]),
    ],
)
def test_what_is_no_invite_is_not_made(organization: Organization, email: str, role: Any, projects: Any) -> None:
    with pytest.raises(ValidationError):
        Invite.issue(organization, email, role, projects)
    assert not Invite.objects.exists()


def test_projects_are_a_list_of_objects(organization: Organization) -> None:
    invite = Invite(organization=organization, email=EMAIL, role="viewer", expires_at=timezone.now(), projects="x")
    with pytest.raises(ValidationError, match="list of objects"):
        invite.clean_fields(exclude=["digest"])


# --- Mailed ------------------------------------------------------------------------------------------------------


def test_the_mail_holds_the_link_and_the_end(invited: tuple[Invite, str], settings: Any) -> None:
    settings.LUKHAS_PUBLIC_URL = "https://llm.example.com/"
    invite, token = invited
    invite.organization.name = "Acme & Sons\r\nBcc: all@example.com"
    invitations.send(invite, token)
    [sent] = mail.outbox
    assert (sent.to, sent.bcc, sent.subject) == ([EMAIL], [], "Join Acme & Sons Bcc: all@example.com")
    assert f"https://llm.example.com/invites/accept#{token}" in sent.body
    assert "Acme & Sons" in sent.body
    assert "as Viewer" in sent.body
    assert f"until {invite.expires_at:%Y-%m-%d %H:%M} UTC" in sent.body


# --- Accepted ----------------------------------------------------------------------------------------------------


def test_a_newcomer_accepts_with_a_password_of_their_choice(
    browser: Client, invited: tuple[Invite, str], organization: Organization, project: Project
) -> None:
    invite, token = invited
    assert "The code behind the # of your link" in text(browser.get(PAGE))
    offer = text(browser.post(PAGE, {"token": f" {token} "}))
    assert "Choose a password" in offer
    assert EMAIL in offer
    done = accept(browser, token)
    assert done.status_code == 200
    user = User.objects.get(email=EMAIL)
    assert f"<strong>{EMAIL}</strong>" in text(done)
    assert (user.username, user.is_active, user.is_staff, user.check_password(PASSWORD)) == (EMAIL, True, False, True)
    member = Membership.objects.get(user=user)
    assert (member.organization, member.role) == (organization, "viewer")
    assigned = ProjectMembership.objects.get(membership=member)
    assert (assigned.project, assigned.role) == (project, "member")
    invite.refresh_from_db()
    assert invite.status(timezone.now()) == "accepted"


def test_who_has_an_account_here_accepts_with_its_password(browser: Client, invited: tuple[Invite, str]) -> None:
    user = User.objects.create_user("grace", EMAIL, PASSWORD)
    offer = text(browser.post(PAGE, {"token": invited[1]}))
    assert "You have an account here" in offer
    assert "Choose a password" not in offer
    before = state()
    assert "not your password" in problem(accept(browser, invited[1], "wrong password entirely", None))
    assert state() == before
    assert "user name is <strong>grace</strong>" in text(accept(browser, invited[1], PASSWORD, None))
    assert Membership.objects.get().user == user
    assert User.objects.count() == 1


def test_who_may_not_sign_in_does_not_accept(browser: Client, invited: tuple[Invite, str]) -> None:
    User.objects.create_user("grace", EMAIL, PASSWORD, is_active=False)
    before = state()
    assert "may not sign in" in problem(accept(browser, invited[1], PASSWORD, None))
    assert state() == before


@pytest.mark.parametrize(
    ("password", "again", "said"),
    [
        ("short", "short", "too short"),
        ("password1234", "password1234", "too common"),
        ("grace@example.com", "grace@example.com", "too similar"),
        ("", "", "too short"),
        (PASSWORD, f"{PASSWORD}!", "not the same"),
        (PASSWORD, None, "not the same"),
    ],
)
def test_a_password_that_is_weak_or_mistyped_changes_nothing(
    browser: Client, invited: tuple[Invite, str], password: str, again: str | None, said: str
) -> None:
    before = state()
    response = accept(browser, invited[1], password, again)
    assert said in problem(response)
    assert state() == before
    assert accept(browser, invited[1]).status_code == 200


def replayed(browser: Client, invite: Invite, token: str) -> None:
    assert accept(browser, token).status_code == 200


def expired(browser: Client, invite: Invite, token: str) -> None:
    models.QuerySet(Invite).update(expires_at=timezone.now())


def deleted(browser: Client, invite: Invite, token: str) -> None:
    invite.withdraw()


def changed_key(browser: Client, invite: Invite, token: str) -> None:
    models.QuerySet(Invite).update(digest="0" * 64)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [(replayed, "accepted already"), (expired, "has expired"), (deleted, "withdrawn"), (changed_key, "no such invite")],
)
def test_an_invite_that_is_of_no_use_says_so_and_changes_nothing(
    browser: Client, invited: tuple[Invite, str], spoil: Any, said: str
) -> None:
    spoil(browser, *invited)
    before = state()
    for answer in (browser.post(PAGE, {"token": invited[1]}), accept(browser, invited[1], "another long password")):
        assert said in problem(answer)
    assert state() == before


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "\x00", "é" * 43, "'; drop table--", "x" * 100_000])
def test_a_token_that_is_none_accepts_nothing(browser: Client, invited: tuple[Invite, str], token: str) -> None:
    before = state()
    for data in ({"token": token}, {"token": token, "password": PASSWORD, "again": PASSWORD}, {}):
        assert "no such invite" in problem(browser.post(PAGE, data))
    assert state() == before


def test_parts_of_a_token_and_a_token_with_more_after_it_accept_nothing(
    browser: Client, invited: tuple[Invite, str]
) -> None:
    token = invited[1]
    for near in (token[:-1], token[1:], f"{token}x", token.swapcase()):
        assert "no such invite" in problem(accept(browser, near))


def test_an_invite_from_before_a_change_of_the_secret_key_works(
    browser: Client, invited: tuple[Invite, str], settings: Any
) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-" + "y" * 40
    assert accept(browser, invited[1]).status_code == 200


def test_who_was_faster_with_the_same_token_wins(browser: Client, invited: tuple[Invite, str]) -> None:
    token = invited[1]
    found = invitations.find(token)
    assert accept(browser, token).status_code == 200
    before = state()
    with pytest.raises(Unusable, match="accepted already"), transaction.atomic():
        invitations.join(browser.get(PAGE).wsgi_request, found, User(username="eve", email="eve@example.com"), new=True)
    assert state() == before


def test_who_gets_an_account_at_the_same_time_is_told_to_come_back(
    browser: Client, invited: tuple[Invite, str]
) -> None:
    def rival(sender: Any, instance: User, **_: Any) -> None:
        """As another process does, between the look for the account and its making."""
        if instance.username == EMAIL and instance.pk is None:
            pre_save.disconnect(rival, sender=User)
            User(username="rival", email=EMAIL, password=make_password("x")).save()

    pre_save.connect(rival, sender=User)
    before = state()
    assert "at the same time" in problem(accept(browser, invited[1]))
    assert state() == before
    assert not pre_save.disconnect(rival, sender=User)


def test_who_goes_by_a_name_that_is_taken_gets_another(browser: Client, invited: tuple[Invite, str]) -> None:
    User.objects.create_user(EMAIL, "other@example.com")
    assert accept(browser, invited[1]).status_code == 200
    user = User.objects.get(email=EMAIL)
    assert user.username.startswith(f"{EMAIL}-")
    assert user.username != EMAIL


def test_roles_that_somebody_has_already_stay(browser: Client, organization: Organization, project: Project) -> None:
    _, token = Invite.issue(organization, EMAIL, Role.OWNER, [{"id": project.public_id, "role": "owner"}])
    user = User.objects.create_user("grace", EMAIL, PASSWORD)
    member = Membership.objects.create(user=user, organization=organization, role=Role.VIEWER)
    ProjectMembership.objects.create(membership=member, project=project, role=Role.VIEWER)
    assert accept(browser, token, PASSWORD, None).status_code == 200
    assert Membership.objects.get().role == "viewer"
    assert ProjectMembership.objects.get().role == "viewer"


def test_projects_that_were_archived_or_are_elsewhere_are_left_out(browser: Client, organization: Organization) -> None:
    old = Project.objects.create(organization=organization, name="Old")
    theirs = Project.objects.create(organization=Organization.objects.create(slug="o", name="O"), name="Theirs")
    promised = [{"id": each.public_id, "role": "owner"} for each in (old, theirs)]
    _, token = Invite.issue(organization, EMAIL, Role.VIEWER, promised)
    old.archive()
    assert accept(browser, token).status_code == 200
    assert not ProjectMembership.objects.exists()


def test_a_form_from_elsewhere_is_refused(invited: tuple[Invite, str]) -> None:
    browser = Client(enforce_csrf_checks=True)
    before = state()
    assert accept(browser, invited[1]).status_code == 403
    assert state() == before


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_the_page_is_only_read_and_posted_to(browser: Client, method: str) -> None:
    assert getattr(browser, method)(PAGE).status_code == 405


# --- Written down ------------------------------------------------------------------------------------------------


def test_what_becomes_of_invites_is_on_the_audit_log(browser: Client, invited: tuple[Invite, str]) -> None:
    invite, token = invited
    other = Invite.issue(invite.organization, "other@example.com", Role.VIEWER)[0]
    other.withdraw()
    accept(browser, token)
    events = AuditEvent.objects.filter(organization=invite.organization.public_id)
    assert list(events.filter(target_id=invite.public_id).order_by("sequence").values_list("type", flat=True)) == [
        "invite.sent",
        "invite.accepted",
    ]
    assert list(events.filter(target_id=other.public_id).order_by("sequence").values_list("type", flat=True)) == [
        "invite.sent",
        "invite.deleted",
    ]
    user = User.objects.get(email=EMAIL)
    for event in events.filter(type__in=["user.added", "role.assignment.created", "invite.accepted"]):
        assert (event.actor_kind, event.actor_id, event.actor_name) == ("user", user.public_id, EMAIL)
        assert (event.source, event.address) == ("page", "127.0.0.1")
    assert token not in repr(list(AuditEvent.objects.values()))


def test_an_invite_that_is_changed_otherwise_is_written_down_too(invited: tuple[Invite, str]) -> None:
    Invite.objects.update(expires_at=timezone.now())
    assert AuditEvent.objects.latest("pk").type == "invite.updated"
