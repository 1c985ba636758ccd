"""/v1/organization/invites."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest
from django.core import mail
from django.db import models
from django.utils import timezone

from accounts.models import AuditEvent, Invite, Membership, Project, User
from accounts.roles import Role
from tests.api.organization.conftest import Http, Sdk, World, error_of

PASSWORD = "correct horse battery staple"
EMAIL = "grace@example.com"


@pytest.fixture(autouse=True)
def _only_what_a_test_sends(world: World) -> None:
    Invite.objects.all().delete()


def mailed_token() -> str:
    """The token of the last mail."""
    found = re.search(r"/invites/accept#(\w+)", str(mail.outbox[-1].body))
    assert found
    return found[1]


def accept(http: Http, token: str, password: str = PASSWORD) -> httpx.Response:
    """What a browser does with the link."""
    with httpx.Client(base_url=str(http("").base_url), timeout=30) as browser:
        form = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get("/invites/accept").text)
        assert form
        sent = {"csrfmiddlewaretoken": form[1], "token": token, "password": password, "again": password}
        return browser.post("/invites/accept", data=sent)


def default_project(world: World) -> Project:
    return Project.objects.get(organization=world.organization, is_default=True)


def test_an_invite_is_sent_shown_and_accepted(admin: openai.OpenAI, world: World, http: Http) -> None:
    invites = admin.admin.organization.invites
    sent = invites.create(
        email="Grace@Example.com", role="reader", projects=[{"id": world.project.public_id, "role": "owner"}]
    )
    assert (sent.object, sent.email, sent.role, sent.status) == ("organization.invite", EMAIL, "reader", "pending")
    assert [(each.id, each.role) for each in sent.projects] == [(world.project.public_id, "owner")]
    assert sent.accepted_at is None
    assert sent.expires_at is not None
    assert sent.expires_at - sent.created_at == 7 * 24 * 3600
    assert invites.retrieve(sent.id) == sent
    assert list(invites.list()) == [sent]
    assert [message.to for message in mail.outbox] == [[EMAIL]]
    assert accept(http, mailed_token()).status_code == 200
    accepted = invites.retrieve(sent.id)
    assert accepted.status == "accepted"
    assert accepted.accepted_at is not None
    user = next(each for each in admin.admin.organization.users.list() if each.email == EMAIL)
    assert user.role == "viewer"
    [in_project] = admin.admin.organization.projects.users.list(world.project.public_id)
    assert (in_project.id, in_project.role) == (user.id, "owner")


def test_the_token_is_in_the_mail_and_nowhere_else(api: httpx.Client, world: World) -> None:
    response = api.post("/invites", json={"email": EMAIL, "role": "reader"})
    token = mailed_token()
    assert len(token) >= 22  # 62 ** 22 is more than 2 ** 128
    shown = [response.text, api.get("/invites").text, api.get(f"/invites/{response.json()['id']}").text]
    shown += [api.get("/audit_logs").text, repr(list(AuditEvent.objects.values())), repr(list(Invite.objects.values()))]
    digest = Invite.objects.get().digest
    for each in shown:
        assert token not in each
    for each in shown[:-1]:
        assert digest not in each


def test_without_a_word_on_projects_it_is_to_the_default_one(admin: openai.OpenAI, world: World) -> None:
    invites = admin.admin.organization.invites
    sent = invites.create(email=EMAIL, role="owner")
    assert [(each.id, each.role) for each in sent.projects] == [(default_project(world).public_id, "member")]
    assert invites.create(email="a@example.com", role="owner", projects=[]).projects == []


def test_an_organisation_without_a_default_project_invites_to_none(http: Http, world: World) -> None:
    models.QuerySet(Project).update(is_default=False)
    response = http(world.admin_token).post("/invites", json={"email": EMAIL, "role": "reader"})
    assert response.json()["projects"] == []


def test_a_deleted_invite_is_of_no_use(admin: openai.OpenAI, http: Http, world: World) -> None:
    invites = admin.admin.organization.invites
    sent = invites.create(email=EMAIL, role="owner")
    gone = invites.delete(sent.id)
    assert (gone.object, gone.id, gone.deleted) == ("organization.invite.deleted", sent.id, True)
    assert list(invites.list()) == []
    for call in (invites.retrieve, invites.delete):
        with pytest.raises(openai.NotFoundError):
            call(sent.id)
    refused = accept(http, mailed_token())
    assert refused.status_code == 400
    assert "withdrawn" in refused.text
    assert not User.objects.filter(email=EMAIL).exists()
    assert invites.create(email=EMAIL, role="owner").status == "pending"


def test_a_replayed_invite_changes_nothing(api: httpx.Client, http: Http, world: World) -> None:
    api.post("/invites", json={"email": EMAIL, "role": "owner"})
    token = mailed_token()
    assert accept(http, token).status_code == 200
    user = User.objects.get(email=EMAIL)
    assert api.delete(f"/users/{user.public_id}").status_code == 200
    refused = accept(http, token, "another long password")
    assert refused.status_code == 400
    assert "accepted already" in refused.text
    assert not Membership.objects.filter(user=user).exists()
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_of_many_who_accept_at_once_one_does(api: httpx.Client, http: Http, world: World) -> None:
    api.post("/invites", json={"email": EMAIL, "role": "reader"})
    token = mailed_token()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: accept(http, token).status_code, range(4)))
    assert sorted(answers) == [200, 400, 400, 400]
    assert Membership.objects.filter(user__email=EMAIL).count() == 1
    assert AuditEvent.objects.filter(type="invite.accepted").count() == 1


def test_an_expired_invite_says_so(admin: openai.OpenAI, http: Http, world: World) -> None:
    invites = admin.admin.organization.invites
    sent = invites.create(email=EMAIL, role="reader")
    models.QuerySet(Invite).update(expires_at=timezone.now())
    assert invites.retrieve(sent.id).status == "expired"
    refused = accept(http, mailed_token())
    assert "expired" in refused.text
    assert not User.objects.filter(email=EMAIL).exists()
    again = invites.create(email=EMAIL, role="reader")
    assert [each.id for each in invites.list()] == [again.id]


def test_an_accepted_invite_is_not_deleted(api: httpx.Client, http: Http, world: World) -> None:
    sent = api.post("/invites", json={"email": EMAIL, "role": "reader"}).json()["id"]
    accept(http, mailed_token())
    assert error_of(api.delete(f"/invites/{sent}"), 400)["code"] == "invite_accepted"
    assert api.get(f"/invites/{sent}").json()["status"] == "accepted"


def test_a_user_of_this_server_joins_with_their_password(
    api: httpx.Client, http: Http, world: World, elsewhere: World
) -> None:
    theirs = elsewhere.member
    theirs.set_password(PASSWORD)
    theirs.save()
    api.post("/invites", json={"email": theirs.email, "role": "reader"})
    assert accept(http, mailed_token(), "not the password").status_code == 400
    assert not theirs.memberships.filter(organization=world.organization).exists()
    assert accept(http, mailed_token()).status_code == 200
    assert theirs.memberships.count() == 2


def test_who_is_a_member_or_invited_is_a_conflict_that_no_retry_cures(api: httpx.Client, world: World) -> None:
    api.post("/invites", json={"email": EMAIL, "role": "reader"})
    for email, code in ((world.member.email.upper(), "already_member"), (EMAIL, "already_invited")):
        response = api.post("/invites", json={"email": email, "role": "owner"})
        error = error_of(response, 409)
        assert (error["code"], error["param"]) == (code, "email")
        assert response.headers["x-should-retry"] == "false"
    assert len(mail.outbox) == Invite.objects.count() == 1
    assert Invite.objects.get().role == Role.VIEWER


def test_of_many_who_invite_one_person_at_once_one_does(http: Http, world: World) -> None:
    clients = [http(world.admin_token) for _ in range(6)]
    body = {"email": EMAIL, "role": "reader"}
    with ThreadPoolExecutor(len(clients)) as pool:
        answers = list(pool.map(lambda client: client.post("/invites", json=body), clients))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    assert len(mail.outbox) == Invite.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"role": "reader"}, "missing_required_parameter", "email"),
        ({"email": EMAIL}, "missing_required_parameter", "role"),
        ({"email": "nobody", "role": "reader"}, "invalid_value", "email"),
        ({"email": "a@b\r\nBcc: c@example.com", "role": "reader"}, "invalid_value", "email"),
        ({"email": "a@example.com,b@example.com", "role": "reader"}, "invalid_value", "email"),
        ({"email": "a\x00@example.com", "role": "reader"}, "invalid_value", "email"),
        ({"email": f"{'x' * 139}@example.com", "role": "reader"}, "string_above_max_length", "email"),
        ({"email": 1, "role": "reader"}, "invalid_type", "email"),
        ({"email": EMAIL, "role": "admin"}, "invalid_value", "role"),
        ({"email": EMAIL, "role": "member"}, "invalid_value", "role"),
        ({"email": EMAIL, "role": "reader", "token": "mine"}, "unknown_parameter", "token"),
        ({"email": EMAIL, "role": "reader", "organization": "org-1"}, "unknown_parameter", "organization"),
        ({"email": EMAIL, "role": "reader", "projects": {}}, "invalid_type", "projects"),
        ({"email": EMAIL, "role": "reader", "projects": ["proj_1"]}, "invalid_type", "projects[0]"),
        (
            {"email": EMAIL, "role": "reader", "projects": [{"id": "p"}]},
            "missing_required_parameter",
            "projects[0].role",
        ),
        (
            {"email": EMAIL, "role": "reader", "projects": [{"role": "owner"}]},
            "missing_required_parameter",
            "projects[0].id",
        ),
        (
            {"email": EMAIL, "role": "reader", "projects": [{"id": 1, "role": "owner"}]},
            "invalid_type",
            "projects[0].id",
        ),
        (
            {"email": EMAIL, "role": "reader", "projects": [{"id": "p", "role": "x"}]},
            "invalid_value",
            "projects[0].role",
        ),
        (
            {"email": EMAIL, "role": "reader", "projects": [{"id": "p", "role": "owner", "name": "x"}]},
            "unknown_parameter",
            "projects[0].name",
        ),
        (
            {"email": EMAIL, "role": "reader", "projects": [{"id": "p", "role": "owner"}] * 2},
            "invalid_value",
            "projects[1].id",
        ),
        (
            {"email": EMAIL, "role": "reader", "projects": [{"id": "p", "role": "owner"}] * 101},
            "array_above_max_length",
            "projects",
        ),
    ],
)
def test_what_is_no_invite_is_refused(api: httpx.Client, body: dict[str, Any], code: str, param: str) -> None:
    error = error_of(api.post("/invites", json=body), 400)
    assert (error["code"], error["param"]) == (code, param)
    assert (Invite.objects.count(), mail.outbox) == (0, [])


def test_nobody_is_invited_to_projects_that_are_elsewhere_or_archived(
    api: httpx.Client, world: World, elsewhere: World
) -> None:
    Invite.objects.all().delete()

    def invite(project: str) -> httpx.Response:
        body = {"email": EMAIL, "role": "reader", "projects": [{"id": project, "role": "member"}]}
        return api.post("/invites", json=body)

    for strange in (elsewhere.project.public_id, "proj_nothing", "", "a\x00b"):
        assert error_of(invite(strange), 404)["code"] == "not_found"
    world.project.archive()
    assert error_of(invite(world.project.public_id), 400)["code"] == "project_archived"
    assert (Invite.objects.count(), mail.outbox) == (0, [])


def test_an_admin_invites_no_owners_and_makes_none_of_projects(http: Http, world: World) -> None:
    client = http(world.admin(Role.ADMIN))
    in_project = [{"id": world.project.public_id, "role": "owner"}]
    for body in ({"role": "owner"}, {"role": "owner", "projects": []}, {"role": "reader", "projects": in_project}):
        error = error_of(client.post("/invites", json={"email": EMAIL, **body}), 403)
        assert error["code"] == "insufficient_permissions"
        assert "owners.update" in error["message"]
    assert (Invite.objects.count(), mail.outbox) == (0, [])
    assert client.post("/invites", json={"email": EMAIL, "role": "reader"}).status_code == 200
    by_owner = Invite.issue(world.organization, "b@example.com", Role.OWNER)[0]
    assert error_of(client.delete(f"/invites/{by_owner.public_id}"), 403)["code"] == "insufficient_permissions"
    assert by_owner in Invite.objects.standing()


def test_what_is_remembered_of_a_caller_invites_nobody(http: Http, world: World) -> None:
    client = http(world.admin(Role.OWNER))
    user = User.objects.latest("pk")
    assert client.get("/invites").status_code == 200  # remembers the caller
    models.QuerySet(Membership).filter(user=user).update(role=Role.ADMIN)  # as another process does
    assert error_of(client.post("/invites", json={"email": EMAIL, "role": "owner"}), 403)
    assert not Invite.objects.exists()


def test_our_other_roles_are_never_shown_as_owner(api: httpx.Client, world: World) -> None:
    for role in Role:
        promised = [{"id": world.project.public_id, "role": role.value}]
        Invite.issue(world.organization, f"{role}@example.com", role, promised)
    shown = {each["email"]: (each["role"], each["projects"][0]["role"]) for each in api.get("/invites").json()["data"]}
    assert shown == {
        "owner@example.com": ("owner", "owner"),
        "admin@example.com": ("reader", "member"),
        "member@example.com": ("reader", "member"),
        "viewer@example.com": ("reader", "member"),
    }


def test_without_a_mail_server_there_is_no_invite_and_the_caller_is_told(
    api: httpx.Client, world: World, settings: Any, free_tcp_port: int
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", free_tcp_port, 2
    response = api.post("/invites", json={"email": EMAIL, "role": "reader"})
    error = response.json()["error"]
    assert (response.status_code, error["type"], error["code"]) == (502, "server_error", "mail_not_sent")
    assert api.get("/invites").json()["data"] == []
    types = [event.type for event in AuditEvent.objects.filter(type__startswith="invite.").order_by("-pk")[:2]]
    assert types == ["invite.deleted", "invite.sent"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert api.post("/invites", json={"email": EMAIL, "role": "reader"}).status_code == 200


def test_what_becomes_of_invites_is_on_the_audit_log(admin: openai.OpenAI, http: Http, world: World) -> None:
    organization = admin.admin.organization
    sent = organization.invites.create(email=EMAIL, role="owner", projects=[])
    other = organization.invites.create(email="b@example.com", role="reader", projects=[])
    organization.invites.delete(other.id)
    token = re.search(r"#(\w+)", str(mail.outbox[0].body))
    assert token
    accept(http, token[1])
    accepted, added, deleted, _, first = organization.audit_logs.list(limit=5).data
    assert [each.type for each in (first, deleted, added, accepted)] == [
        "invite.sent",
        "invite.deleted",
        "user.added",
        "invite.accepted",
    ]
    assert first.invite_sent is not None
    assert first.invite_sent.data is not None
    assert (first.invite_sent.id, first.invite_sent.data.email, first.invite_sent.data.role) == (
        sent.id,
        EMAIL,
        "owner",
    )
    assert accepted.invite_accepted is not None
    assert accepted.invite_accepted.id == sent.id
    assert accepted.actor is not None
    assert accepted.actor.session is not None
    assert accepted.actor.session.user is not None
    assert accepted.actor.session.user.email == EMAIL
    assert deleted.invite_deleted is not None
    assert deleted.invite_deleted.id == other.id


def test_everything_with_people_is_done_by_the_sdk(
    admin: openai.OpenAI, make_sdk: Sdk, http: Http, world: World
) -> None:
    organization = admin.admin.organization
    project = organization.projects.create(name="Assistants")
    organization.invites.create(email=EMAIL, role="reader", projects=[{"id": project.id, "role": "member"}])
    accept(http, mailed_token())
    [user] = organization.users.list(emails=[EMAIL])
    roles = {role.name: role.id for role in organization.roles.list()}
    organization.users.roles.create(user.id, role_id=roles["admin"])
    assert organization.users.retrieve(user.id).role == "admin"
    organization.users.update(user.id, role="member")
    in_project = {role.name: role.id for role in organization.projects.roles.list(project.id)}
    organization.projects.users.roles.create(user.id, project_id=project.id, role_id=in_project["owner"])
    assert organization.projects.users.retrieve(user.id, project_id=project.id).role == "owner"
    organization.projects.users.delete(user.id, project_id=project.id)
    organization.users.delete(user.id)
    assert list(organization.users.list(emails=[EMAIL])) == []
    types = {event.type for event in organization.audit_logs.list(limit=100)}
    assert {"invite.sent", "invite.accepted", "user.added", "user.updated", "user.deleted"} <= types
    assert {"role.assignment.created", "role.assignment.deleted"} <= types
