"""GET /api/audit."""

from typing import Any

import httpx
import pytest
from django.db import models

from accounts.audit.context import Actor, acting
from accounts.audit.recording import record
from accounts.models import AuditEvent, Membership, Project, RateLimit, ServiceAccount, Session, User
from accounts.publicids import rate_limit_id
from accounts.roles import Role, allowed, within
from tests import openapi
from tests.accounts.api import REFUSED, call
from tests.api.organization.conftest import World, error_of
from tests.serving import Server


def get(server: Server, world: World, **params: Any) -> list[dict[str, Any]]:
    """The events on a page that our owner's admin key asks for."""
    answer = call(server, world.admin_token, "GET", "audit", params={"limit": 100, **params})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def event(world: World, type: str, **fields: Any) -> str:
    """The id of an event of the organisation, as some code of the server records it."""
    record(type, organizations=[world.organization.public_id], **{"target_type": "t", "target_id": "x", **fields})
    return AuditEvent.objects.latest("pk").public_id


# --- Who -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
def test_owners_and_admins_read_it(server: Server, world: World, role: Role) -> None:
    assert call(server, world.admin(role), "GET", "audit").status_code == 200


@pytest.mark.parametrize("caller", REFUSED)
def test_nobody_else_does(server: Server, world: World, caller: str) -> None:
    token, status = REFUSED[caller][0](world), REFUSED[caller][1]
    error = error_of(call(server, token, "GET", "audit"), status)
    assert (
        error["code"]
        == {403: "insufficient_permissions", 401: None if caller == "no key" else "invalid_api_key"}[status]
    )


def signed_in(world: World, role: Role | None) -> str:
    """The token of a session of somebody with this role in the organisation."""
    user = User.objects.create_user(f"person-{role}", f"person-{role}@example.com")
    if role is not None:
        Membership.objects.create(user=user, organization=world.organization, role=role)
    opened = Session.begin(user, device="", address="")
    assert opened is not None
    return opened[1]


@pytest.mark.parametrize("role", [*Role, None])
def test_of_those_who_are_signed_in_owners_and_admins_read_it(server: Server, world: World, role: Role | None) -> None:
    token = signed_in(world, role)
    named = {"OpenAI-Organization": world.organization.slug, "Authorization": f"Bearer {token}"}
    answer = httpx.get(f"{server.url}/api/audit", headers=named)
    if role in (Role.OWNER, Role.ADMIN):
        assert answer.status_code == 200
        assert answer.json() == call(server, token, "GET", "audit").json()
        assert answer.headers["openai-organization"] == world.organization.slug
    elif role is None:
        assert error_of(answer, 401)["code"] == "mismatched_organization"
        assert error_of(call(server, token, "GET", "audit"), 400)["code"] == "organization_required"
    else:
        error = error_of(answer, 403)
        assert error["code"] == "insufficient_permissions"
        assert "organization.audit.read" in error["message"]


def test_somebody_of_two_organisations_says_whose_log(server: Server, world: World, elsewhere: World) -> None:
    token = signed_in(world, Role.OWNER)
    user = User.objects.get(username="person-owner")
    theirs = event(elsewhere, "secret.plan")
    user.memberships.create(organization=elsewhere.organization, role=Role.VIEWER)
    opened = Session.begin(user, device="", address="")
    assert opened is not None
    error_of(call(server, token, "GET", "audit"), 401)  # another role ended the session
    token = opened[1]
    assert error_of(call(server, token, "GET", "audit"), 400)["code"] == "organization_required"
    for home, status in ((world, 200), (elsewhere, 403)):
        headers = {"Authorization": f"Bearer {token}", "OpenAI-Organization": home.organization.public_id}
        answer = httpx.get(f"{server.url}/api/audit", headers=headers)
        assert answer.status_code == status
        assert theirs not in answer.text


def test_an_owner_who_came_down_reads_it_no_more(server: Server, world: World) -> None:
    models.QuerySet(Membership).filter(user=world.owner).update(role=Role.MEMBER)  # past the rule that an owner stays
    error_of(call(server, world.admin_token, "GET", "audit"), 403)


def test_the_log_of_another_organisation_and_of_the_server_is_not_there(
    server: Server, world: World, elsewhere: World
) -> None:
    theirs = event(elsewhere, "secret.plan", target_name="Secret plan")
    record("server.thing", target_type="t", target_id="x")
    assert not {"secret.plan", "server.thing"} & {each["type"] for each in get(server, world)}
    assert {each["sequence"] for each in get(server, world)} == set(range(1, len(get(server, world)) + 1))
    answer = call(server, world.admin_token, "GET", "audit", params={"after": theirs})
    assert (error_of(answer, 400)["code"], error_of(answer, 400)["param"]) == ("invalid_value", "after")


def test_the_header_for_another_organisation_is_refused(server: Server, world: World, elsewhere: World) -> None:
    headers = {"Authorization": f"Bearer {world.admin_token}", "OpenAI-Organization": elsewhere.organization.public_id}
    answer = httpx.get(f"{server.url}/api/audit", headers=headers)
    assert error_of(answer, 401)["code"] == "mismatched_organization"


def test_whoever_holds_the_scope_has_a_role_that_may_read_the_log() -> None:
    assert {role for role in Role if within(["admin.*"], role)} == {
        role for role in Role if allowed(role, "organization.audit.read")
    }


# --- What ------------------------------------------------------------------------------------------------------


def test_an_event_is_shown_whole_as_the_document_says(server: Server, world: World) -> None:
    with acting(
        Actor("user", "user-1", "ada@example.com", "key_1"), "api", address="192.0.2.1", user_agent="t", request_id="r"
    ):
        Project.objects.filter(pk=world.project.pk).update(name="renamed")
    answer = call(server, world.admin_token, "GET", "audit", params={"limit": 1})
    schema = openapi.document()["paths"]["/api/audit"]["get"]["responses"]["200"]["content"]["application/json"]
    openapi.check(answer.json(), schema["schema"])
    assert answer.headers["cache-control"] == "no-store"
    shown = answer.json()["data"][0]
    row = AuditEvent.objects.latest("pk")
    assert shown == {
        "id": row.public_id,
        "object": "audit_event",
        "type": "project.updated",
        "effective_at": int(row.created_at.timestamp()),
        "source": "api",
        "actor": {"type": "user", "id": "user-1", "name": "ada@example.com", "credential_id": "key_1"},
        "address": "192.0.2.1",
        "user_agent": "t",
        "request_id": "r",
        "resource": {"type": "accounts.project", "id": world.project.public_id, "name": "renamed"},
        "project": {"id": world.project.public_id, "name": "renamed"},
        "before": row.before,
        "after": row.after,
        "changed": ["name"],
        "sequence": row.sequence,
        "hash": row.hash,
    }
    assert (shown["before"]["name"], shown["after"]["name"]) == ("ours search", "renamed")


def test_what_is_not_known_of_an_event_is_null(server: Server, world: World) -> None:
    event(world, "x.done")
    shown = get(server, world)[0]
    assert shown["actor"] == {"type": "system", "id": None, "name": None, "credential_id": None}
    assert [shown[name] for name in ("address", "user_agent", "request_id", "project", "before", "after")] == [None] * 6


def test_all_types_are_shown_without_asking(server: Server, world: World) -> None:
    event(world, "audit.pruned")
    assert {"audit.pruned", "api_key.created"} <= {each["type"] for each in get(server, world)}


def test_keys_and_digests_are_never_shown(server: Server, world: World) -> None:
    text = call(server, world.admin_token, "GET", "audit", params={"limit": 100}).text
    for secret in (world.token, world.admin_token, world.key.digest, world.admin_key.digest):
        assert secret not in text


# --- Which -----------------------------------------------------------------------------------------------------


def test_every_filter_narrows_what_is_found(server: Server, world: World) -> None:
    program = ServiceAccount.objects.create(project=world.project, name="p")
    with acting(Actor("service_account", "svc_1", "p", "key_p"), "api", request_id="req_1"):
        by_program = event(world, "b.done", target_id="one", project=("proj_p", "P"))
    with acting(Actor("user", "user-u", "ann@example.com"), "admin"):
        by_person = event(world, "a.done", target_type="u", target_id="two")
    for filters, found in (
        ({"event_types[]": ["a.done", "b.done"]}, [by_person, by_program]),
        ({"event_types": "b.done"}, [by_program]),
        ({"project_ids[]": "proj_p"}, [by_program]),
        ({"actor_ids[]": "svc_1"}, [by_program]),
        ({"actor_ids[]": "key_p"}, [by_program]),
        ({"actor_emails[]": "Ann@Example.com"}, [by_person]),
        ({"resource_ids[]": ["one", "two"]}, [by_person, by_program]),
        ({"resource_types[]": "u"}, [by_person]),
        ({"actor_types[]": "service_account"}, [by_program]),
        ({"sources[]": ["admin", "api"]}, [by_person, by_program]),
        ({"request_ids[]": "req_1"}, [by_program]),
        ({"sources[]": "admin", "actor_ids[]": "svc_1"}, []),
    ):
        assert [each["id"] for each in get(server, world, **filters)] == found, filters
    assert get(server, world, **{"resource_ids[]": program.public_id})[0]["type"] == "service_account.created"


def test_the_time_of_an_event_is_compared_by_whole_seconds(server: Server, world: World) -> None:
    event(world, "now.done")
    at = get(server, world, event_types="now.done")[0]["effective_at"]
    for how, offset, count in (
        ("gte", 0, 1), ("gte", 1, 0), ("gt", 0, 0), ("gt", -1, 1), ("lte", 0, 1), ("lte", -1, 0), ("lt", 0, 0),
        ("lt", 1, 1),
    ):  # fmt: skip
        found = get(server, world, event_types="now.done", **{f"effective_at[{how}]": at + offset})
        assert len(found) == count, (how, offset)


def test_limits_are_found_by_the_wires_id_also_when_they_and_their_model_are_gone(server: Server, world: World) -> None:
    model = "lukhas-echo-1"
    wanted = rate_limit_id(world.project.public_id, model)
    for scope, name, value in (
        (world.project, model, 5), (world.project, model, 6), (world.project, "", 7), (world.key, model, 8),
    ):  # fmt: skip
        RateLimit.objects.put(scope, {"value": value}, model=name, unit="requests", period="minute")
    RateLimit.objects.all().delete()
    found = get(server, world, **{"resource_ids[]": wanted})
    assert [(each["type"], (each["after"] or {}).get("value")) for each in found] == [
        ("rate_limit.deleted", None), ("rate_limit.updated", 6), ("rate_limit.updated", 5),
    ]  # fmt: skip
    assert get(server, world, **{"resource_ids[]": "rl-unknown"}) == []
    both = get(server, world, **{"resource_ids[]": [wanted, world.project.public_id]})
    assert {each["type"] for each in both} == {"rate_limit.deleted", "rate_limit.updated", "project.created"}


def test_pages_are_read_forwards_and_backwards(server: Server, world: World) -> None:
    made = [event(world, "p.done") for _ in range(5)][::-1]

    def page(**params: Any) -> dict[str, Any]:
        answer: dict[str, Any] = call(
            server, world.admin_token, "GET", "audit", params={"limit": 2, "event_types": "p.done", **params}
        ).json()
        return answer

    first = page()
    assert ([each["id"] for each in first["data"]], first["has_more"]) == (made[:2], True)
    assert (first["first_id"], first["last_id"]) == (made[0], made[1])
    last = page(after=made[3])
    assert ([each["id"] for each in last["data"]], last["has_more"]) == (made[4:], False)
    assert [each["id"] for each in page(before=made[4])["data"]] == made[2:4]
    usual = call(server, world.admin_token, "GET", "audit").json()["data"]
    assert len(usual) == min(20, AuditEvent.objects.filter(organization=world.organization.public_id).count())


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"limit": "0"}, "invalid_value", "limit"),
        ({"limit": "101"}, "invalid_value", "limit"),
        ({"limit": "many"}, "invalid_type", "limit"),
        ({"limit": "²"}, "invalid_type", "limit"),
        ({"limit": "9" * 400}, "invalid_type", "limit"),
        ({"effective_at[gt]": "yesterday"}, "invalid_type", "effective_at[gt]"),
        ({"effective_at[lt]": "999999999999999"}, "invalid_value", "effective_at[lt]"),
        ({"effective_at": "1"}, "unknown_parameter", "effective_at"),
        ({"sources[]": "web"}, "invalid_value", "sources"),
        ({"actor_types[]": "robot"}, "invalid_value", "actor_types"),
        ({"actor_ids[]": "a\x00b"}, "invalid_value", "actor_ids"),
        ({"after": "audit_log-none"}, "invalid_value", "after"),
        ({"after": "\u2028"}, "invalid_value", "after"),
        ({"before": "x" * 5000}, "invalid_value", "before"),
        ({"organization": "org-other"}, "unknown_parameter", "organization"),
        ({"tenant_only": "false"}, "unknown_parameter", "tenant_only"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(
    server: Server, world: World, params: dict[str, str], code: str, param: str
) -> None:
    error = error_of(call(server, world.admin_token, "GET", "audit", params=params), 400)
    assert (error["code"], error["param"]) == (code, param)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_the_log_is_only_read(server: Server, world: World, method: str) -> None:
    before = AuditEvent.objects.count()
    answer = call(server, world.admin_token, method, "audit")
    assert error_of(answer, 405)["code"] == "method_not_allowed"
    assert AuditEvent.objects.count() == before
