"""One hash chain an organisation. An event's hash is the SHA-256 of its canonical JSON, the hash before it included."""

import hashlib
import json
from datetime import UTC
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.audit import signing
from accounts.models.audit import AuditEvent, AuditHead

HASHED = (
    "public_id", "organization", "sequence", "type", "source", "actor_kind", "actor_id", "actor_name", "key_id",
    "address", "user_agent", "request_id", "target_type", "target_id", "target_name", "project_id", "project_name",
    "before", "after", "previous_hash",
)  # fmt: skip
HEAD = "head"


def canonical(event: AuditEvent) -> bytes:
    """Returns the event as JSON with sorted keys, no spaces, ASCII only, and its moment in UTC."""
    fields: dict[str, Any] = {name: getattr(event, name) for name in HASHED}
    fields["created_at"] = event.created_at.astimezone(UTC).isoformat(timespec="microseconds")
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def hash_of(event: AuditEvent) -> str:
    return hashlib.sha256(canonical(event)).hexdigest()


def head_of(organization: str) -> AuditHead:
    """Returns the head of the chain, made where there is none, locked to the end of the transaction.

    On PostgreSQL its row is locked; on SQLite the transaction is IMMEDIATE and locks out every other writer.
    """
    head, _ = AuditHead.objects.select_for_update().get_or_create(organization=organization)
    return head


def append(organization: str, **fields: Any) -> AuditEvent:
    """Appends an event to the chain of `organization` and returns it.

    It becomes true with the transaction it is called in, and not without it.
    """
    with transaction.atomic():
        head = head_of(organization)
        event = AuditEvent(
            organization=organization,
            sequence=head.count + 1,
            previous_hash=head.hash,
            created_at=timezone.now(),
            **fields,
        )
        event.hash = hash_of(event)
        event.save(force_insert=True)
        head.count, head.hash = event.sequence, event.hash
        head.signature = signing.signature(HEAD, organization, head.count, head.hash)
        head.save()
    return event
