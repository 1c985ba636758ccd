"""Every change is written down: what, by whom, from where, whichever way it was made."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.audit import context
from accounts.audit.context import NOBODY, Actor, acting, current
from accounts.audit.middleware import audit_staff
from accounts.audit.recording import record
from accounts.audit.snapshots import plain
from accounts.authentication import ApiKeyAuthentication, look_up
from accounts.models import (
    ApiKey,
    AuditEvent,
    Membership,
    Organization,
    Project,
    ProjectMembership,
    ServiceAccount,
    User,
)
from accounts.models.audited import Audited
from accounts.uses import uses
from lukhas_site.http.exchange import exchange_of
from lukhas_site.http.orm import in_database
from lukhas_site.http.views import AsyncAPIView
from tests.accounts.conftest import Issue
from tests.accounts.test_admin import add_key, path, shown_key
from tests.accounts.test_authentication import answer_of, call


def events(*types: str) -> list[AuditEvent]:
    found = AuditEvent.objects.order_by("pk")
    return list(found.filter(type__in=types) if types else found)


def last() -> AuditEvent:
    event = AuditEvent.objects.order_by("pk").last()
    assert event is not None
    return event


# --- What is written -------------------------------------------------------------------------------------------


def test_a_new_row_is_written_down_as_it_is(account: ServiceAccount, organization: Organization) -> None:
    event = last()
    assert (event.type, event.target_type, event.target_id) == (
        "service_account.created",
        "accounts.serviceaccount",
        account.public_id,
    )
    assert (event.target_name, event.organization) == ("robot", organization.public_id)
    assert (event.project_id, event.project_name) == (account.project.public_id, account.project.name)
    assert event.before is None
    assert event.after == {
        "public_id": account.public_id,
        "project": account.project.public_id,
        "name": "robot",
        "role": "owner",
        "organization_role": "owner",
    }
    assert str(event) == "service_account.created: robot"


Change = Callable[[ServiceAccount], object]


def save(account: ServiceAccount) -> None:
    account.name = "android"
    account.save()


def save_some(account: ServiceAccount) -> None:
    account.name, account.role = "android", "viewer"
    account.save(update_fields=["name"])


def update_in_bulk(account: ServiceAccount) -> None:
    account.name = "android"
    ServiceAccount.objects.bulk_update([account], ["name"])


CHANGES: dict[str, Change] = {
    "save": save,
    "save of some fields": save_some,
    "update": lambda account: ServiceAccount.objects.update(name="android"),
    "bulk_update": update_in_bulk,
    "update_or_create": lambda account: ServiceAccount.objects.update_or_create(
        pk=account.pk, defaults={"name": "android"}
    ),
    "through the project": lambda account: account.project.service_accounts.update(name="android"),
    "a row made anew": lambda account: ServiceAccount(
        pk=account.pk,
        public_id=account.public_id,
        project=account.project,
        name="android",
        role="owner",
        organization_role="owner",
        created_at=account.created_at,
    ).save(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_a_change_is_written_down_once_with_both_sides(change: Change, account: ServiceAccount) -> None:
    before = len(events())
    change(account)
    assert len(events()) == before + 1
    event = last()
    assert event.type == "service_account.updated"
    assert event.changed() == ["name"]
    assert (event.before["name"], event.after["name"]) == ("robot", "android")


Deletion = Callable[[ServiceAccount], object]
DELETIONS: dict[str, Deletion] = {
    "delete": lambda account: account.delete(),
    "delete many": lambda account: ServiceAccount.objects.all().delete(),
    "through the project": lambda account: account.project.service_accounts.all().delete(),
}


@pytest.mark.parametrize("delete", DELETIONS.values(), ids=list(DELETIONS))
def test_a_deletion_is_written_down_with_all_that_falls_with_it(
    delete: Deletion, account: ServiceAccount, issue: Issue
) -> None:
    keys = {issue(name=name)[0].public_id for name in ("a", "b")}
    delete(account)
    gone = events("service_account.deleted", "api_key.deleted")
    assert {event.target_id for event in gone} == {account.public_id, *keys}
    assert all(event.after is None and event.before["public_id"] == event.target_id for event in gone)


def test_many_changed_at_once_are_each_written_down(project: Project) -> None:
    accounts = [ServiceAccount(project=project, name=name) for name in "abc"]
    ServiceAccount.objects.bulk_create(accounts)
    assert [event.target_name for event in events("service_account.created")] == ["a", "b", "c"]
    ServiceAccount.objects.filter(name__in="ab").update(role="viewer")
    assert [event.target_name for event in events("service_account.updated")] == ["a", "b"]
    ServiceAccount.objects.filter(role="viewer").delete()
    assert [event.target_name for event in events("service_account.deleted")] == ["a", "b"]


@pytest.mark.parametrize(
    ("positional", "named"),
    [
        ((), {"ignore_conflicts": True}),
        ((None, True), {}),
        ((), {"update_conflicts": True, "update_fields": ["role"], "unique_fields": ["project", "name"]}),
    ],
)
def test_rows_are_not_made_in_bulk_where_nobody_could_tell_which(
    project: Project, positional: tuple[Any, ...], named: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="conflicts"):
        ServiceAccount.objects.bulk_create([ServiceAccount(project=project, name="a")], *positional, **named)
    assert not ServiceAccount.objects.exists()


def test_what_changes_nothing_is_not_written_down(account: ServiceAccount) -> None:
    before = len(events())
    account.save()
    ServiceAccount.objects.update(name=account.name)
    ServiceAccount.objects.update(created_at=timezone.now())
    account.save(update_fields=["created_at"])
    ServiceAccount.objects.none().update(name="x")
    assert len(events()) == before


def test_the_use_of_a_key_is_not_written_down(issue: Issue) -> None:
    key, token = issue()
    before = len(events())
    assert look_up(token) is not None
    uses.flush()
    key.refresh_from_db()
    assert key.last_used_at is not None
    assert len(events()) == before


def test_a_change_that_does_not_happen_is_not_written_down(account: ServiceAccount) -> None:
    before = len(events())
    with pytest.raises(IntegrityError), transaction.atomic():
        ServiceAccount.objects.update(role="emperor")
    with pytest.raises(IntegrityError), transaction.atomic():
        ServiceAccount.objects.create(project=account.project, name=account.name)
    with transaction.atomic():
        account.delete()
        transaction.set_rollback(True)
    assert len(events()) == before


def test_a_type_says_what_a_change_means(issue: Issue, organization: Organization, user: User) -> None:
    project = Project.objects.create(organization=organization, name="Old")
    project.archive()
    member = Membership.objects.create(user=user, organization=organization)
    assigned = ProjectMembership.objects.create(membership=member, project=project)
    assigned.role = "viewer"
    assigned.save()
    ProjectMembership.objects.all().delete()
    Membership.objects.update(role="viewer")
    member.delete()
    key, _ = issue()
    key.name = "renamed"
    key.save()
    ApiKey.objects.update(exposed_at=timezone.now())
    key.refresh_from_db()
    key.revoke()
    organization.name = "Renamed"
    organization.save()
    mine = AuditEvent.objects.filter(organization=organization.public_id).order_by("sequence")
    types = list(mine.values_list("type", flat=True))
    assert types[types.index("project.archived") :] == [
        "project.archived",
        "user.added",
        "role.assignment.created",
        "user.updated",
        "role.assignment.deleted",
        "user.updated",
        "user.deleted",
        "api_key.created",
        "api_key.updated",
        "api_key.exposed",
        "api_key.deleted",
        "organization.updated",
    ]
    assert mine.get(type="project.archived").project_id == project.public_id


def test_an_admin_key_is_of_no_project(issue: Issue) -> None:
    issue(is_admin=True)
    assert (last().type, last().project_id, last().project_name) == ("api_key.created", "", "")


def test_a_person_is_written_down_in_every_organisation_of_theirs_and_else_in_the_servers_chain(
    user: User, organization: Organization
) -> None:
    assert [(event.organization, event.target_name) for event in events("account.created")] == [("", user.email)]
    other = Organization.objects.create(slug="other", name="Other")
    for home in (organization, other):
        Membership.objects.create(user=user, organization=home)
    user.is_active = False
    user.save()
    assert {event.organization for event in events("account.updated")} == {organization.public_id, other.public_id}


# --- No secrets ------------------------------------------------------------------------------------------------


def test_that_a_secret_changed_is_written_down_and_the_secret_is_not(user: User) -> None:
    user.set_password("correct horse battery staple")
    user.save()
    event = last()
    assert event.type == "account.updated"
    assert (event.before["password"], event.after["password"]) == ("(not shown)", "(changed)")
    assert event.changed() == ["password"]
    ServiceAccount.objects.none().update(name="x")
    User.objects.update(password="!secret-hash")
    assert "!secret-hash" not in repr(AuditEvent.objects.values())
    assert user.password not in repr(AuditEvent.objects.values())


@pytest.mark.usefixtures("founder")
def test_no_row_of_the_log_holds_a_key_or_a_digest_or_a_password(issue: Issue, user: User, staff: Client) -> None:
    kinds: dict[str, dict[str, Any]] = {"a": {}, "b": {"is_admin": True}, "c": {"user": user}}
    tokens = [issue(name=name, **fields)[1] for name, fields in kinds.items()]
    tokens.append(shown_key(add_key(staff, ServiceAccount.objects.get())))
    user.set_password("correct horse battery staple")
    user.save()
    ApiKey.objects.filter(name="a").update(digest="f" * 64)
    ApiKey.objects.all().revoke()
    user.delete()
    written = json.dumps(list(AuditEvent.objects.values()), default=str)
    secrets = [*tokens, *ApiKey.objects.values_list("digest", flat=True), user.password, "correct horse"]
    assert not any(secret in written for secret in secrets)


def test_no_audited_model_names_a_secret_among_what_is_written() -> None:
    audited = [model for model in apps.get_models() if issubclass(model, Audited)]
    assert len(audited) >= 7
    for model in audited:
        assert model.audit_fields
        assert not {"password", "digest", "prefix", "last_four", "last_used_at", "last_login"} & set(model.audit_fields)
        for name in (*model.audit_fields, *model.audit_secrets, *model.audit_final):
            model._meta.get_field(name)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, None),
        (True, True),
        (2**60, 2**60),
        (0.1, 0.1),
        (5e-324, 5e-324),
        (9999999999999998.0, 9999999999999998.0),
        (1e16, "1e+16"),
        (-0.0, "-0.0"),
        (0.0, 0.0),
        (float("nan"), "nan"),
        (Decimal("1.50"), "1.50"),
        (datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "2026-01-02T03:04:05.000006+00:00"),
        (("a", 1.0, [None]), ["a", 1.0, [None]]),
        ({"a": {1: Decimal(2)}}, {"a": {"1": "2"}}),
        (Organization(public_id="org-x"), "org-x"),
    ],
)
def test_what_is_written_reads_the_same_from_every_database(value: Any, written: Any) -> None:
    assert plain(value) == written
    assert type(plain(value)) is type(written)


# --- Who and from where ----------------------------------------------------------------------------------------


def test_code_that_acts_for_nobody_says_so(account: ServiceAccount) -> None:
    event = last()
    assert (event.source, event.actor_kind, event.actor_id, event.actor_name) == ("code", "system", "", "")
    assert current() is NOBODY


def test_code_may_say_for_whom_it_acts_and_the_outer_one_acts_again_afterwards(account: ServiceAccount) -> None:
    with acting(Actor("user", "user-1", "a@example.com"), "admin", address="203.0.113.9", user_agent="u" * 600):
        with acting(Actor("command", "root", "manage.py x"), "command"):
            ServiceAccount.objects.update(name="inner")
        ServiceAccount.objects.update(name="outer")
    inner, outer = events()[-2:]
    assert (inner.source, inner.actor_name, inner.address) == ("command", "manage.py x", "")
    assert (outer.source, outer.actor_id, outer.address) == ("admin", "user-1", "203.0.113.9")
    assert outer.user_agent == "u" * 512
    assert current() is NOBODY


def test_a_command_acts_in_its_name_and_for_who_runs_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "ops")
    call_command("create_api_key", "laptop", stdout=StringIO(), stderr=StringIO())
    key = ApiKey.objects.get()
    created = events("service_account.created", "api_key.created")
    assert len(created) == 2
    call_command("revoke_api_key", key.public_id, stdout=StringIO())
    for event, name in zip([*created, last()], ["create_api_key", "create_api_key", "revoke_api_key"], strict=True):
        assert (event.source, event.actor_kind, event.actor_id) == ("command", "command", "ops")
        assert event.actor_name == f"manage.py {name}"
    assert current() is NOBODY


@pytest.mark.parametrize("error", [KeyError, OSError])
def test_a_command_may_be_run_by_a_user_without_a_name(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def fail() -> str:
        raise error

    monkeypatch.setattr("getpass.getuser", fail)
    assert context.operator() == ""


def test_staff_act_in_the_admin(staff: Client, account: ServiceAccount) -> None:
    data = {"name": "android", "role": "member", "organization_role": ""}
    where: dict[str, Any] = {"headers": {"user-agent": "browser"}, "REMOTE_ADDR": "203.0.113.9"}
    response = staff.post(path("serviceaccount", account.pk, "change"), data, **where)
    assert response.status_code == 302
    event, root = last(), User.objects.get(username="root")
    assert (event.source, event.actor_kind, event.actor_id, event.actor_name) == (
        "admin",
        "user",
        root.public_id,
        root.email,
    )
    assert (event.address, event.user_agent) == ("203.0.113.9", "browser")
    assert event.request_id == exchange_of(response.wsgi_request).request_id
    assert event.changed() == ["name", "role", "organization_role"]
    assert current() is NOBODY


def test_the_staff_pages_say_who_acts_under_asgi_too(staff: Client, account: ServiceAccount) -> None:
    client = AsyncClient()
    client.cookies = staff.cookies
    data = {"name": "android", "role": "member", "organization_role": ""}
    response = async_to_sync(client.post)(path("serviceaccount", account.pk, "change"), data)
    assert response.status_code == 302
    assert (last().source, last().actor_name, last().changed()[0]) == ("admin", "root@example.com", "name")


def test_nobody_signed_in_is_anonymous_on_the_staff_pages(account: ServiceAccount) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        ServiceAccount.objects.update(name="changed")
        return HttpResponse()

    request = RequestFactory().get("/admin/")
    request.user = AnonymousUser()
    assert audit_staff(view)(request).status_code == 200
    assert (last().source, last().actor_kind, last().actor_id) == ("admin", "anonymous", "")


class SyncChange(APIView):
    authentication_classes = (ApiKeyAuthentication,)
    required_scope: str | None = None

    def get(self, request: Any) -> Response:
        ServiceAccount.objects.update(name="changed")
        return Response({})


class AsyncChange(AsyncAPIView):
    authentication_classes = (ApiKeyAuthentication,)
    required_scope: str | None = None

    async def get(self, request: Any) -> HttpResponse:
        await in_database(ServiceAccount.objects.update, name="changed")
        return HttpResponse()


@pytest.mark.parametrize("view", [SyncChange, AsyncChange])
def test_callers_of_the_api_act_with_their_key(view: type[APIView], issue: Issue, account: ServiceAccount) -> None:
    key, token = issue()
    request = call(token, user_agent="sdk")
    assert answer_of(view, request).status_code == 200
    event = last()
    assert (event.source, event.actor_kind, event.actor_id, event.actor_name, event.key_id) == (
        "api",
        "service_account",
        account.public_id,
        "robot",
        key.public_id,
    )
    assert (event.address, event.user_agent) == ("127.0.0.1", "sdk")
    assert event.request_id == exchange_of(request).request_id


def test_a_user_acts_under_an_email(issue: Issue, user: User) -> None:
    _, token = issue(user=user)
    found = look_up(token)
    assert found is not None
    actor = context.of_principal(found.principal)
    assert (actor.kind, actor.id, actor.name) == ("user", user.public_id, user.email)


def test_who_calls_costs_a_caller_no_query(issue: Issue) -> None:
    _, token = issue()
    ApiKeyAuthentication().authenticate(call(token))
    with CaptureQueriesContext(connection) as queries:
        ApiKeyAuthentication().authenticate(call(token))
    assert len(queries) == 0


# --- The generic way in ----------------------------------------------------------------------------------------


def test_other_code_records_what_is_no_row_of_ours(database: None) -> None:
    record(
        "flag.updated",
        target_type="features.flag",
        target_id="new-checkout" * 40,
        target_name="n" * 400,
        before={"on": False, "share": 0.5},
        after={"on": True, "share": 0.5},
        organizations=["org-b", "org-a", "org-b"],
        project=("proj_1", "App"),
    )
    first, second = events("flag.updated")
    assert (first.organization, second.organization) == ("org-a", "org-b")
    assert (first.project_id, first.project_name) == ("proj_1", "App")
    assert (first.before, first.after) == ({"on": False, "share": 0.5}, {"on": True, "share": 0.5})
    assert first.changed() == ["on"]
    assert (len(first.target_id), len(first.target_name)) == (254, 254)


def test_what_belongs_to_no_organisation_is_in_the_servers_chain(database: None) -> None:
    record("server.started", target_type="server", target_id="1")
    assert (last().organization, last().before, last().after, str(last())) == ("", None, None, "server.started: 1")


def test_an_event_tells_what_only_one_side_has() -> None:
    assert AuditEvent(before={"a": 1, "b": None}, after={"a": 1, "c": None}).changed() == ["b", "c"]
    assert AuditEvent(before=None, after={"a": None}).changed() == ["a"]
    assert AuditEvent().changed() == []
