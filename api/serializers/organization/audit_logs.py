"""The audit log on the wire: the query string that searches it, and what of an event is shown.

The wire shows less than is recorded: of a change, what the specification has a place for. All of it is in the admin.
"""

from collections.abc import Callable
from typing import Any

from accounts.audit.searching import Filters
from accounts.models import AuditEvent
from accounts.publicids import rate_limit_id
from accounts.roles import Role, known
from accounts.vocabulary import INVITES, SERVICE_ACCOUNTS
from api.exceptions import UnsupportedValue
from api.serializers.organization.limits import NAMES
from api.serializers.organization.queries import Parameters, moment
from api.serializers.organization.times import seconds

Details = Callable[[AuditEvent], dict[str, Any]]
KEY = "key_"


def parse_filters(query: Parameters) -> Filters:
    """Raises what is wrong with the parameters. `tenant_only` can only be false: there are no tenants here."""
    if query.flag("tenant_only"):
        raise UnsupportedValue(
            "Unsupported value: 'tenant_only' can only be false on this server.", param="tenant_only"
        )
    earliest = [moment(query, "effective_at[gte]"), _beside(moment(query, "effective_at[gt]"), 1)]
    latest = [moment(query, "effective_at[lte]"), _beside(moment(query, "effective_at[lt]"), -1)]
    return Filters(
        since=max((each for each in earliest if each is not None), default=None),
        until=min((each for each in latest if each is not None), default=None),
        types=query.texts("event_types"),
        projects=query.texts("project_ids"),
        actors=query.texts("actor_ids"),
        emails=query.texts("actor_emails"),
        resources=query.texts("resource_ids"),
    )


def _beside(second: int | None, step: int) -> int | None:
    return None if second is None else second + step


def audit_log_object(event: AuditEvent) -> dict[str, Any]:
    """`AuditLog` of the specification."""
    shown: dict[str, Any] = {
        "id": event.public_id,
        "object": "organization.audit_log",
        "type": event.type,
        "effective_at": seconds(event.created_at),
        "actor": _actor(event),
        event.type: DETAILS.get(event.type, _id)(event),
    }
    if event.project_id:
        shown["project"] = {"id": event.project_id, "name": event.project_name}
    return shown


def _actor(event: AuditEvent) -> dict[str, Any] | None:
    """A key of the API, or somebody's session: in the API, on the staff pages, or on the page that accepts an invite.
    The specification knows no others: commands, and code that runs by itself, are shown as nobody."""
    user = {"id": event.actor_id, "email": event.actor_name}
    by_key = event.key_id.startswith(KEY) or event.actor_kind != "user"
    if event.source in ("admin", "page") or (event.source == "api" and not by_key):
        return {"type": "session", "session": {"user": user, "ip_address": event.address}}
    if event.source != "api":
        return None
    if event.actor_kind == "service_account":
        owner: dict[str, Any] = {"type": "service_account", "service_account": {"id": event.actor_id}}
    else:
        owner = {"type": "user", "user": user}
    return {"type": "api_key", "api_key": {"id": event.key_id, **owner}}


def _id(event: AuditEvent) -> dict[str, Any]:
    return {"id": event.target_id}


def _nothing(event: AuditEvent) -> dict[str, Any]:
    return {}


def _data(**names: str) -> Details:
    """Details that hold what was made: `names` are the wire's, each with the field that it comes from."""

    def details(event: AuditEvent) -> dict[str, Any]:
        after = event.after or {}
        return {"id": event.target_id, "data": {name: after[of] for name, of in names.items() if of in after}}

    return details


def _changes(**names: str) -> Details:
    """Details that hold what was changed; likewise."""

    def details(event: AuditEvent) -> dict[str, Any]:
        changed, after = event.changed(), event.after or {}
        requested = {name: after[of] for name, of in names.items() if of in changed}
        return {"id": event.target_id, "changes_requested": requested}

    return details


def _role_in_words(details: Details) -> Details:
    """The role of a service account as the wire calls it."""

    def worded(event: AuditEvent) -> dict[str, Any]:
        shown = details(event)
        for part in shown.values():
            if isinstance(part, dict) and "role" in part:
                part["role"] = SERVICE_ACCOUNTS.show(known(part["role"]))
        return shown

    return worded


def _member(details: Details) -> Details:
    """A member is known by the user's id, as on the rest of the wire."""

    def named(event: AuditEvent) -> dict[str, Any]:
        return {**details(event), "id": (event.after or event.before or {}).get("user", event.target_id)}

    return named


def _assignment(event: AuditEvent) -> dict[str, Any]:
    row = event.after or event.before or {}
    return {
        "id": event.target_id,
        **({"principal_id": row["user"]} if "user" in row else {}),
        "principal_type": "user",
        "resource_type": "project",
        "resource_id": event.project_id,
    }


def _invite(event: AuditEvent) -> dict[str, Any]:
    sent = event.after or {}
    return {
        "id": event.target_id,
        "data": {"email": sent.get("email"), "role": INVITES.show(known(sent.get("role")) or Role.VIEWER)},
    }


def _rate_limit(event: AuditEvent) -> dict[str, Any]:
    """The wire has one object for all limits of a model in a project; here each is a row of its own."""
    row = event.after or event.before or {}
    of_project, model = row.get("project"), row.get("model")
    shown: dict[str, Any] = {"id": rate_limit_id(of_project, model) if of_project and model else event.target_id}
    name = NAMES.get((row.get("unit", ""), row.get("period", "")))
    if event.after is not None and name is not None:
        shown["changes_requested"] = {name: row.get("value")}
    return shown


DETAILS: dict[str, Details] = {
    "api_key.created": _data(scopes="scopes"),
    "api_key.updated": _changes(scopes="scopes"),
    "invite.sent": _invite,
    "login.succeeded": _nothing,
    "login.failed": _nothing,
    "logout.succeeded": _nothing,
    "logout.failed": _nothing,
    "organization.updated": _changes(title="name", name="slug"),
    "project.created": _data(name="name", title="name"),
    "project.updated": _changes(title="name"),
    "rate_limit.updated": _rate_limit,
    "rate_limit.deleted": _rate_limit,
    "role.assignment.created": _assignment,
    "role.assignment.deleted": _assignment,
    "service_account.created": _role_in_words(_data(role="role")),
    "service_account.updated": _role_in_words(_changes(role="role")),
    "user.added": _member(_data(role="role")),
    "user.updated": _member(_changes(role="role")),
    "user.deleted": _member(_id),
}
"""What the specification has a place for, by type; the id alone for all others."""
