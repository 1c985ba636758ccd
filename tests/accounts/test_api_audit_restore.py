"""POST /api/audit/{id}/restore."""

from typing import Any

import httpx
import pytest
from django.apps import apps
from django.db import models

from accounts.audit.recording import record
from accounts.models import (
    ApiKey,
    AuditEvent,
    Budget,
    Membership,
    Project,
    ProjectMembership,
    RateLimit,
    ServiceAccount,
    Session,
    SpendAlert,
    User,
)
from accounts.models.audited import Audited
from accounts.roles import ACTIONS, Role
from accounts.rotation import rotate
from api.models import ModelPermissions
from tests import openapi
from tests.accounts.api import REFUSED, call
from tests.api.organization.conftest import World, error_of
from tests.serving import Server


def latest() -> AuditEvent:
    return AuditEvent.objects.latest("pk")


def changed(row: Any, **values: Any) -> AuditEvent:
    """The event of a change of this row."""
    type(row).objects.filter(pk=row.pk).update(**values)
    return latest()


def restore(server: Server, token: str, event: AuditEvent, **rest: Any) -> Any:
    return call(server, token, "POST", f"audit/{event.public_id}/restore", **rest)


def refused(answer: Any, status: int, code: str) -> str:
    """The message of a refusal."""
    error = error_of(answer, status)
    assert error["code"] == code
    assert answer.headers.get("x-should-retry") == ("false" if status == 409 else None)
    return str(error["message"])


# --- What it does ----------------------------------------------------------------------------------------------


def test_somebody_who_is_signed_in_restores_by_role_and_is_written_down_with_the_session(
    server: Server, world: World
) -> None:
    event = changed(world.project, name="renamed")
    tokens = {}
    for role in (Role.ADMIN, Role.MEMBER):
        user = User.objects.create_user(f"person-{role}", f"{role}@example.com")
        Membership.objects.create(user=user, organization=world.organization, role=role)
        opened = Session.begin(user, device="", address="")
        assert opened is not None
        tokens[role] = opened
    refused(restore(server, tokens[Role.MEMBER][1], event), 403, "insufficient_permissions")
    assert restore(server, tokens[Role.ADMIN][1], event).status_code == 200
    written = latest()
    session = tokens[Role.ADMIN][0]
    assert (written.type, written.source, written.key_id) == ("project.updated", "api", session.public_id)
    assert written.actor_id == session.user.public_id


def test_what_was_there_is_there_again_and_that_is_written_down_with_who_did_it(server: Server, world: World) -> None:
    event = changed(world.project, name="renamed")
    answer = restore(server, world.admin_token, event)
    assert answer.json() == {
        "id": event.public_id,
        "object": "audit_event.restored",
        "restored": True,
        "resource": {"type": "accounts.project", "id": world.project.public_id, "name": "ours search"},
    }
    document = openapi.document()["paths"]["/api/audit/{event_id}/restore"]["post"]["responses"]["200"]
    openapi.check(answer.json(), document["content"]["application/json"]["schema"])
    world.project.refresh_from_db()
    assert world.project.name == "ours search"
    written = latest()
    assert (written.type, written.source, written.key_id) == ("project.updated", "api", world.admin_key.public_id)
    assert (written.before["name"], written.after["name"]) == ("renamed", "ours search")
    assert restore(server, world.admin_token, written, json={}).status_code == 200


def test_what_was_deleted_is_made_again(server: Server, world: World) -> None:
    RateLimit.objects.put(world.project, {"value": 5}, model="", unit="requests", period="minute")
    RateLimit.objects.all().delete()
    made = restore(server, world.admin_token, latest()).json()
    assert made["resource"]["id"] == str(RateLimit.objects.get(value=5).pk)


# --- Who -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("caller", REFUSED)
def test_nobody_but_owners_and_admins_is_let_in_and_nothing_changes(server: Server, world: World, caller: str) -> None:
    event = changed(world.project, name="renamed")
    token, status = REFUSED[caller][0](world), REFUSED[caller][1]
    error_of(restore(server, token, event), status)
    world.project.refresh_from_db()
    assert world.project.name == "renamed"


def organization_limit(world: World) -> AuditEvent:
    Budget.objects.put(world.organization, {"amount": 5}, period="month")
    return changed(Budget.objects.get(), amount=6)


def project_limit(world: World) -> AuditEvent:
    Budget.objects.put(world.project, {"amount": 5}, period="month")
    return changed(Budget.objects.get(), amount=6)


def alert(world: World) -> AuditEvent:
    row = SpendAlert.objects.create(project=world.project, threshold=5, recipients=["ann@example.com"], period="month")
    return changed(row, threshold=6)


def permissions(world: World) -> AuditEvent:
    ModelPermissions.objects.create(project=world.project, mode="deny_list", model_ids=[])
    return changed(ModelPermissions.objects.get(), mode="allow_list")


def person(world: World, role: Role) -> Membership:
    user = User.objects.create_user("ann", "ann@example.com")
    return Membership.objects.create(user=user, organization=world.organization, role=role)


def assignment(world: World) -> AuditEvent:
    row = ProjectMembership.objects.create(membership=person(world, Role.MEMBER), project=world.project)
    return changed(row, role=Role.VIEWER)


MAY: dict[str, tuple[Any, Role]] = {
    "organisation": (lambda world: changed(world.organization, name="x"), Role.OWNER),
    "project": (lambda world: changed(world.project, name="x"), Role.ADMIN),
    "data retention of a project": (
        lambda world: changed(world.project, data_retention="zero_data_retention"),
        Role.OWNER,
    ),
    "alert of a project": (alert, Role.ADMIN),
    "service account": (lambda world: changed(world.account, name="x"), Role.ADMIN),
    "key": (lambda world: changed(world.key, scopes=["model.read"]), Role.ADMIN),
    "admin key": (lambda world: changed(world.admin_key, name="x"), Role.OWNER),
    "limit of the organisation": (organization_limit, Role.OWNER),
    "limit of a project": (project_limit, Role.ADMIN),
    "models of a project": (permissions, Role.ADMIN),
    "member": (lambda world: changed(person(world, Role.MEMBER), role=Role.VIEWER), Role.ADMIN),
    "role in a project": (assignment, Role.ADMIN),
}
"""What is changed, and the least role that may restore it: the one that may change it by hand."""


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OWNER])
@pytest.mark.parametrize("what", MAY)
def test_who_may_change_it_may_restore_it_and_nobody_else(server: Server, world: World, what: str, role: Role) -> None:
    change, least = MAY[what]
    event, token = change(world), world.admin(role)
    before = AuditEvent.objects.count()
    answer = restore(server, token, event)
    if role == Role.OWNER or least == Role.ADMIN:
        assert answer.status_code == 200, answer.text
        assert latest().after == event.before
    else:
        assert "Missing scopes: organization." in refused(answer, 403, "insufficient_permissions")
        assert AuditEvent.objects.count() == before


@pytest.mark.parametrize(("was", "now"), [(Role.OWNER, Role.VIEWER), (Role.VIEWER, Role.OWNER)])
def test_an_admin_neither_makes_nor_unmakes_an_owner(server: Server, world: World, was: Role, now: Role) -> None:
    member = person(world, was)
    event = changed(member, role=now)
    answer = restore(server, world.admin(Role.ADMIN), event)
    assert "organization.owners.update" in refused(answer, 403, "insufficient_permissions")
    member.refresh_from_db()
    assert member.role == now
    assert restore(server, world.admin_token, event).status_code == 200


def test_an_admin_does_not_bring_an_owner_back(server: Server, world: World) -> None:
    person(world, Role.OWNER).delete()
    event = AuditEvent.objects.filter(type="user.deleted").latest("pk")
    refused(restore(server, world.admin(Role.ADMIN), event), 403, "insufficient_permissions")
    assert not Membership.objects.filter(user__username="ann").exists()


def test_an_admin_renames_a_program_of_an_owner(server: Server, world: World) -> None:
    ServiceAccount.objects.filter(pk=world.account.pk).update(role=Role.OWNER)
    event = changed(world.account, name="x")
    assert restore(server, world.admin(Role.ADMIN), event).status_code == 200


def test_a_persons_account_is_the_servers_staffs(server: Server, world: World) -> None:
    event = changed(world.owner, first_name="x")
    assert event.organization == world.organization.public_id
    message = refused(restore(server, world.admin_token, event), 403, "insufficient_permissions")
    assert "account.update" in message
    assert User.objects.get(pk=world.owner.pk).first_name == "x"


def test_every_audited_model_says_who_may_change_it_or_that_only_staff_may() -> None:
    for model in apps.get_models():
        if issubclass(model, Audited):
            for values in ({}, {"is_admin": True}, {"organization": "org-1"}):
                assert model.audit_action(values, ["name"]) in {"", *ACTIONS}


# --- Ids -------------------------------------------------------------------------------------------------------


def test_an_event_of_another_organisation_or_of_the_server_is_not_there(
    server: Server, world: World, elsewhere: World
) -> None:
    theirs = changed(elsewhere.project, name="renamed")
    record("server.thing", target_type="t", target_id="x", before={"a": 1})
    for event in (theirs, latest()):
        message = refused(restore(server, world.admin_token, event), 404, "not_found")
        assert message == f"No audit event found with id '{event.public_id}'."
    elsewhere.project.refresh_from_db()
    assert elsewhere.project.name == "renamed"


@pytest.mark.parametrize("id", ["audit_log-none", "%00", "%E2%80%A8", "x" * 3000, "1"])
def test_an_unknown_id_is_not_there(server: Server, world: World, id: str) -> None:
    error_of(call(server, world.admin_token, "POST", f"audit/{id}/restore"), 404)


# --- What cannot be --------------------------------------------------------------------------------------------


def gone(world: World) -> AuditEvent:
    event = changed(world.account, name="x")
    world.account.delete()
    return event


def created(world: World) -> AuditEvent:
    Project.objects.create(organization=world.organization, name="new")
    return latest()


def archived(world: World) -> AuditEvent:
    world.project.archive()
    return latest()


def expired(world: World) -> AuditEvent:
    world.key.expire()
    return latest()


def revoked(world: World) -> AuditEvent:
    world.key.revoke()
    return latest()


def taken(world: World) -> AuditEvent:
    event = changed(world.account, name="x")
    ServiceAccount.objects.create(project=world.project, name="indexer")
    return event


def foreign(world: World) -> AuditEvent:
    record("thing.done", target_type="no.thing", target_id="x", before={}, organizations=[world.organization.public_id])
    return latest()


@pytest.mark.parametrize("what", [gone, created, archived, expired, revoked, taken, foreign])
def test_what_is_gone_or_does_not_permit_it_is_a_conflict_that_no_retry_cures(
    server: Server, world: World, what: Any
) -> None:
    event = what(world)
    before = AuditEvent.objects.count()
    refused(restore(server, world.admin_token, event), 409, "cannot_restore")
    assert AuditEvent.objects.count() == before


def test_a_rotated_key_does_not_live_on(server: Server, world: World) -> None:
    rotate(world.key)
    event = AuditEvent.objects.filter(type="api_key.updated").latest("pk")
    refused(restore(server, world.admin_token, event), 409, "cannot_restore")
    assert ApiKey.objects.get(pk=world.key.pk).expires_at is not None


def test_a_row_that_somebody_else_makes_at_that_moment_is_a_conflict(
    server: Server, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = taken(world)
    # As if the other one came between validation and saving.
    monkeypatch.setattr(ServiceAccount, "full_clean", lambda self: None)
    assert "at the same time" in refused(restore(server, world.admin_token, event), 409, "cannot_restore")
    assert models.QuerySet(ServiceAccount).filter(name="indexer").count() == 1


@pytest.mark.parametrize(
    ("rest", "status", "code", "param"),
    [
        ({"json": {"role": "owner"}}, 400, "unknown_parameter", "role"),
        ({"json": {"before": {"name": "x"}}}, 400, "unknown_parameter", "before"),
        ({"json": {"organization": "org-1"}}, 400, "unknown_parameter", "organization"),
        ({"params": {"force": "1"}}, 400, "unknown_parameter", "force"),
        ({"json": []}, 400, None, None),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400, None, None),
        ({"content": b"{}", "headers": {"Content-Type": "text/plain"}}, 415, "unsupported_content_type", None),
    ],
)
def test_a_bad_request_is_refused_and_changes_nothing(
    server: Server, world: World, rest: dict[str, Any], status: int, code: str | None, param: str | None
) -> None:
    event = changed(world.project, name="renamed")
    headers = {"Authorization": f"Bearer {world.admin_token}", **rest.pop("headers", {})}
    answer = httpx.post(f"{server.url}/api/audit/{event.public_id}/restore", headers=headers, **rest)
    error = error_of(answer, status)
    assert (error["code"], error["param"]) == (code, param)
    assert Project.objects.get(pk=world.project.pk).name == "renamed"


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_it_is_done_by_post(server: Server, world: World, method: str) -> None:
    event = changed(world.project, name="renamed")
    answer = call(server, world.admin_token, method, f"audit/{event.public_id}/restore")
    assert error_of(answer, 405)["code"] == "method_not_allowed"
    assert answer.headers["allow"] == "POST"
    assert Project.objects.get(pk=world.project.pk).name == "renamed"
