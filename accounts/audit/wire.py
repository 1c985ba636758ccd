"""An event as /api/audit shows it: all that is recorded."""

from typing import Any

from accounts.audit.snapshots import identity
from accounts.models.audit import AuditEvent
from accounts.models.audited import Audited


def event_object(event: AuditEvent) -> dict[str, Any]:
    """`changed` are the fields that differ. Moments are in seconds since 1970; within `before` and `after` they are as
    they were recorded, ISO 8601 in UTC."""
    return {
        "id": event.public_id,
        "object": "audit_event",
        "type": event.type,
        "effective_at": int(event.created_at.timestamp()),
        "source": event.source,
        "actor": {
            "type": event.actor_kind,
            "id": event.actor_id or None,
            "name": event.actor_name or None,
            "credential_id": event.key_id or None,
        },
        "address": event.address or None,
        "user_agent": event.user_agent or None,
        "request_id": event.request_id or None,
        "resource": {"type": event.target_type, "id": event.target_id, "name": event.target_name or None},
        "project": {"id": event.project_id, "name": event.project_name} if event.project_id else None,
        "before": event.before,
        "after": event.after,
        "changed": event.changed(),
        "sequence": event.sequence,
        "hash": event.hash,
    }


def restored_object(event: AuditEvent, row: Audited) -> dict[str, Any]:
    """What became of an event that was restored. The row may be a new one, if the event tells of a deletion."""
    return {
        "id": event.public_id,
        "object": "audit_event.restored",
        "restored": True,
        "resource": {"type": event.target_type, "id": identity(row), "name": row.audit_name()},
    }
