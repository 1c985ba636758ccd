"""/v1/organization/audit_logs."""

import time
from typing import Any, get_args

import httpx
import openai
import pytest
from openai.types.admin.organization.audit_log_list_response import AuditLogListResponse

from accounts.audit.context import Actor, acting
from accounts.audit.recording import record
from accounts.models import AuditEvent, Membership, Project, ServiceAccount
from accounts.roles import Role
from api.administration.audit_logs import SPECIFIED
from api.administration.rate_limits import rate_limit_id
from api.serializers.organization.audit_logs import DETAILS
from tests.api.organization.conftest import Http, World, error_of


def test_what_was_done_with_an_admin_key_is_found_with_who_did_it(admin: openai.OpenAI, world: World) -> None:
    organization = admin.admin.organization
    made = organization.projects.create(name="Assistants")
    event = next(iter(organization.audit_logs.list()))
    assert event.type == "project.created"
    assert event.id.startswith("audit_log-")
    assert abs(event.effective_at - time.time()) < 60
    assert event.project is not None
    assert (event.project.id, event.project.name) == (made.id, "Assistants")
    assert event.project_created is not None
    assert event.project_created.id == made.id
    assert event.project_created.data is not None
    assert (event.project_created.data.name, event.project_created.data.title) == ("Assistants", "Assistants")
    assert event.actor is not None
    assert event.actor.type == "api_key"
    assert event.actor.api_key is not None
    assert (event.actor.api_key.id, event.actor.api_key.type) == (world.admin_key.public_id, "user")
    assert event.actor.api_key.user is not None
    assert (event.actor.api_key.user.id, event.actor.api_key.user.email) == (
        world.owner.public_id,
        world.owner.email,
    )


def test_every_change_of_the_admin_api_is_written_down(admin: openai.OpenAI, world: World) -> None:
    organization, project = admin.admin.organization, world.project.public_id
    accounts = organization.projects.service_accounts
    robot = accounts.create(project, name="robot")
    accounts.update(robot.id, project_id=project, role="owner")
    assert robot.api_key is not None
    organization.projects.api_keys.delete(robot.api_key.id, project_id=project)
    accounts.delete(robot.id, project_id=project)
    organization.projects.update(project, name="Renamed")
    organization.admin_api_keys.create(name="second")
    organization.projects.archive(project)
    ours = organization.audit_logs.list(actor_ids=[world.admin_key.public_id])
    events = list(reversed(list(ours)))
    types = [event.type for event in events]
    types[4:6] = sorted(types[4:6])  # the account and its revoked key go together
    assert types == [
        "service_account.created",
        "api_key.created",
        "service_account.updated",
        "api_key.deleted",
        "api_key.deleted",
        "service_account.deleted",
        "project.updated",
        "api_key.created",
        "project.archived",
    ]
    created, _, updated, *_ = events
    assert created.service_account_created is not None
    assert created.service_account_created.data is not None
    assert created.service_account_created.data.role == "member"
    assert updated.service_account_updated is not None
    assert updated.service_account_updated.changes_requested is not None
    assert updated.service_account_updated.changes_requested.role == "owner"
    renamed = events[6].project_updated
    assert renamed is not None
    assert renamed.changes_requested is not None
    assert renamed.changes_requested.title == "Renamed"


def test_types_that_the_specification_has_not_appear_only_when_they_are_named(api: httpx.Client, world: World) -> None:
    api.post(
        f"/projects/{world.project.public_id}/model_permissions", json={"mode": "deny_list", "model_ids": []}
    ).raise_for_status()
    everything = api.get("/audit_logs", params={"limit": 100}).json()["data"]
    assert {event["type"] for event in everything} <= set(SPECIFIED)
    named = {"event_types[]": ["model_permissions.created", "project.created"]}
    found = api.get("/audit_logs", params=named).json()["data"]
    assert {event["type"] for event in found} == {"model_permissions.created", "project.created"}
    shown = next(event for event in found if event["type"] == "model_permissions.created")
    assert shown["project"] == {"id": world.project.public_id, "name": "ours search"}
    assert set(shown["model_permissions.created"]) == {"id"}


def test_the_types_that_are_shown_are_of_the_specification() -> None:
    known = set(get_args(AuditLogListResponse.model_fields["type"].annotation))
    assert set(SPECIFIED) <= known
    assert set(DETAILS) <= set(SPECIFIED)
    assert len(set(SPECIFIED)) == len(SPECIFIED)


def test_events_of_another_organisation_are_not_shown(http: Http, world: World, elsewhere: World) -> None:
    http(world.admin_token).post("/projects", json={"name": "Secret plans"}).raise_for_status()
    theirs = http(elsewhere.admin_token).get("/audit_logs", params={"limit": 100})
    assert theirs.json()["data"]
    assert "Secret plans" not in theirs.text
    ids = {"resource_ids[]": Project.objects.get(name="Secret plans").public_id}
    assert http(elsewhere.admin_token).get("/audit_logs", params=ids).json()["data"] == []
    ours = http(world.admin_token).get("/audit_logs").json()["first_id"]
    error = error_of(http(elsewhere.admin_token).get("/audit_logs", params={"after": ours}), 400)
    assert (error["code"], error["param"]) == ("invalid_value", "after")


def event(world: World, type: str, **fields: Any) -> AuditEvent:
    """An event of our organisation, as some code of the server records it."""
    fields = {"target_type": "t", "target_id": "target", **fields}
    record(type, organizations=[world.organization.public_id], **fields)
    return AuditEvent.objects.latest("pk")


def shown(api: httpx.Client, event: AuditEvent) -> dict[str, Any]:
    """What the wire says of an event."""
    params = {"event_types[]": event.type, "limit": 100}
    found: list[dict[str, Any]] = api.get("/audit_logs", params=params).json()["data"]
    return next(each for each in found if each["id"] == event.public_id)


def test_people_programs_commands_and_the_server_are_told_apart(api: httpx.Client, world: World) -> None:
    with acting(Actor("user", "user-1", "ada@example.com"), "admin", address="192.0.2.1"):
        session = event(world, "project.created")
    with acting(Actor("service_account", "svc_acct_1", "robot", "key_1"), "api"):
        program = event(world, "project.created")
    with acting(Actor("user", "user-1", "ada@example.com", "sess_1"), "api", address="192.0.2.1"):
        person = event(world, "project.created")
    with acting(Actor("user", "user-1", "ada@example.com", "key_2"), "api"):
        key = event(world, "project.created")
    with acting(Actor("command", "root", "manage.py x"), "command"):
        command = event(world, "project.created")
    assert shown(api, session)["actor"] == {
        "type": "session",
        "session": {"user": {"id": "user-1", "email": "ada@example.com"}, "ip_address": "192.0.2.1"},
    }
    assert shown(api, person)["actor"] == shown(api, session)["actor"]
    assert shown(api, key)["actor"] == {
        "type": "api_key",
        "api_key": {"id": "key_2", "type": "user", "user": {"id": "user-1", "email": "ada@example.com"}},
    }
    assert shown(api, program)["actor"] == {
        "type": "api_key",
        "api_key": {"id": "key_1", "type": "service_account", "service_account": {"id": "svc_acct_1"}},
    }
    assert shown(api, command)["actor"] is None
    assert shown(api, event(world, "project.created"))["actor"] is None
    assert "project" not in shown(api, command)


@pytest.mark.parametrize(
    ("type", "before", "after", "details"),
    [
        ("api_key.created", None, {"scopes": ["model.read"]}, {"id": "target", "data": {"scopes": ["model.read"]}}),
        (
            "api_key.updated",
            {"scopes": [], "name": "a"},
            {"scopes": ["model.read"], "name": "a"},
            {"id": "target", "changes_requested": {"scopes": ["model.read"]}},
        ),
        (
            "organization.updated",
            {"name": "a", "slug": "s"},
            {"name": "b", "slug": "s"},
            {"id": "target", "changes_requested": {"title": "b"}},
        ),
        ("user.added", None, {"user": "user-1", "role": "viewer"}, {"id": "user-1", "data": {"role": "viewer"}}),
        (
            "user.updated",
            {"user": "user-1", "role": "viewer"},
            {"user": "user-1", "role": "owner"},
            {"id": "user-1", "changes_requested": {"role": "owner"}},
        ),
        ("user.deleted", {"user": "user-1", "role": "viewer"}, None, {"id": "user-1"}),
        ("user.deleted", None, None, {"id": "target"}),
        ("service_account.created", None, {"role": ""}, {"id": "target", "data": {"role": "none"}}),
        (
            "service_account.updated",
            {"role": "member", "name": "a"},
            {"role": "member", "name": "b"},
            {"id": "target", "changes_requested": {}},
        ),
        ("login.succeeded", None, None, {}),
        ("invite.accepted", None, {"secret": 1}, {"id": "target"}),
        (
            "invite.sent",
            None,
            {"email": "a@example.com", "role": "admin", "secret": 1},
            {"id": "target", "data": {"email": "a@example.com", "role": "reader"}},
        ),
        (
            "rate_limit.updated",
            {"project": "proj_1", "model": "m", "unit": "tokens", "period": "minute", "value": 1},
            {"project": "proj_1", "model": "m", "unit": "tokens", "period": "minute", "value": 2},
            {"id": rate_limit_id("proj_1", "m"), "changes_requested": {"max_tokens_per_1_minute": 2}},
        ),
        (
            "rate_limit.updated",
            None,
            {"model": "", "unit": "in_flight", "period": "", "value": 2},
            {"id": "target"},
        ),
        (
            "rate_limit.updated",
            None,
            {"project": None, "api_key": "key_1", "model": "m", "unit": "requests", "period": "day", "value": 2},
            {"id": "target", "changes_requested": {"max_requests_per_1_day": 2}},
        ),
        (
            "rate_limit.deleted",
            {"project": "proj_1", "model": "m", "unit": "tokens", "period": "minute", "value": 1},
            None,
            {"id": rate_limit_id("proj_1", "m")},
        ),
        ("rate_limit.deleted", None, None, {"id": "target"}),
        (
            "role.assignment.created",
            None,
            {"role": "member"},
            {"id": "target", "principal_type": "user", "resource_type": "project", "resource_id": "proj_1"},
        ),
    ],
)
def test_of_a_change_the_wire_shows_what_the_specification_has_a_place_for(
    api: httpx.Client, world: World, type: str, before: Any, after: Any, details: dict[str, Any]
) -> None:
    recorded = event(world, type, before=before, after=after, project=("proj_1", "P"))
    wire = shown(api, recorded)
    assert wire[type] == details
    assert set(wire) == {"id", "object", "type", "effective_at", "actor", "project", type}


def test_a_member_is_written_down_by_the_id_of_the_user(admin: openai.OpenAI, world: World) -> None:
    Membership.objects.filter(user=world.member).update(role=Role.ADMIN)
    Membership.objects.filter(user=world.member).update(role=Role.OWNER)
    found = list(admin.admin.organization.audit_logs.list(event_types=["user.updated"]))
    assert {each.user_updated.id for each in found if each.user_updated is not None} == {world.member.public_id}
    assert len(found) == 2


def test_every_filter_narrows_what_is_found(admin: openai.OpenAI, world: World) -> None:
    logs = admin.admin.organization.audit_logs
    made = admin.admin.organization.projects.create(name="Assistants")
    admin.admin.organization.projects.create(name="Others")
    program = ServiceAccount.objects.create(project=world.project, name="p")
    with acting(Actor("service_account", program.public_id, "p", "key_p"), "api"):
        by_program = event(world, "project.created", target_id="proj_p")

    def found(**filters: Any) -> list[str]:
        return [each.id for each in logs.list(limit=100, **filters)]

    of_project = found(project_ids=[made.id])
    assert len(of_project) == 1
    assert found(resource_ids=[made.id]) == of_project
    assert found(resource_ids=[made.id, "proj_p"]) == [by_program.public_id, *of_project]
    assert found(actor_ids=[program.public_id]) == [by_program.public_id]
    assert found(actor_ids=["key_p"]) == [by_program.public_id]
    assert len(found(actor_ids=[world.owner.public_id])) == 2
    assert len(found(actor_emails=[world.owner.email.upper()])) == 2
    assert found(actor_emails=["p"]) == []
    assert found(event_types=["project.archived"]) == []
    assert found(event_types=["project.created"], actor_ids=[program.public_id]) == [by_program.public_id]
    assert found(project_ids=["proj_nothing"]) == []
    assert found(resource_ids=["\u2028"]) == []


def test_the_time_of_an_event_is_compared_by_whole_seconds(api: httpx.Client, world: World) -> None:
    now = {"project_ids[]": [world.project.public_id], "event_types[]": ["project.created"]}
    at = api.get("/audit_logs", params=now).json()["data"][0]["effective_at"]
    made = AuditEvent.objects.get(type="project.created", project_id=world.project.public_id)
    assert at == int(made.created_at.timestamp())
    for how, offset, count in [
        ("gte", 0, 1),
        ("gte", 1, 0),
        ("gt", 0, 0),
        ("gt", -1, 1),
        ("lte", 0, 1),
        ("lte", -1, 0),
        ("lt", 0, 0),
        ("lt", 1, 1),
    ]:
        params = {**now, f"effective_at[{how}]": at + offset}
        assert len(api.get("/audit_logs", params=params).json()["data"]) == count, (how, offset)
    both = {
        **now,
        "effective_at[gt]": at - 5,
        "effective_at[gte]": at,
        "effective_at[lte]": at,
        "effective_at[lt]": 10**11,
    }
    assert len(api.get("/audit_logs", params=both).json()["data"]) == 1


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"effective_at[gt]": "yesterday"}, "invalid_type", "effective_at[gt]"),
        ({"effective_at[gte]": "-1"}, "integer_below_min_value", "effective_at[gte]"),
        ({"effective_at[lt]": "999999999999999"}, "integer_above_max_value", "effective_at[lt]"),
        ({"effective_at[lte]": "9" * 400}, "invalid_type", "effective_at[lte]"),
        ({"effective_at": "1"}, "unknown_parameter", "effective_at"),
        ({"tenant_only": "true"}, "unsupported_value", "tenant_only"),
        ({"tenant_only": "perhaps"}, "invalid_type", "tenant_only"),
        ({"actor_ids[]": "a\x00b"}, "invalid_value", "actor_ids"),
        ({"order": "asc"}, "unknown_parameter", "order"),
        ({"organization": "org-other"}, "unknown_parameter", "organization"),
    ],
)
def test_a_bad_filter_is_refused_by_name(
    api: httpx.Client, world: World, params: dict[str, str], code: str, param: str
) -> None:
    error = error_of(api.get("/audit_logs", params=params), 400)
    assert (error["code"], error["param"]) == (code, param)


def test_the_extremes_of_time_are_no_fault(api: httpx.Client, world: World) -> None:
    for how in ("gt", "gte", "lt", "lte"):
        for moment in (0, 250_000_000_000):
            assert api.get("/audit_logs", params={f"effective_at[{how}]": moment}).status_code == 200
    assert api.get("/audit_logs", params={"tenant_only": "false"}).status_code == 200


def test_limits_are_found_by_the_ids_that_the_wire_gives_them(admin: openai.OpenAI, world: World) -> None:
    limits = admin.admin.organization.projects.rate_limits
    limit = next(iter(limits.list_rate_limits(world.project.public_id)))
    limits.update_rate_limit(limit.id, project_id=world.project.public_id, max_requests_per_1_minute=5)
    found = list(admin.admin.organization.audit_logs.list(resource_ids=[limit.id]))
    assert [(each.type, each.rate_limit_updated and each.rate_limit_updated.id) for each in found] == [
        ("rate_limit.updated", limit.id)
    ]
    assert list(admin.admin.organization.audit_logs.list(resource_ids=["rl-unknown"])) == []
