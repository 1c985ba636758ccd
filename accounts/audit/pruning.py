"""Shortens a chain. What goes is vouched for by a signed checkpoint, so that the rest can still be proved."""

from datetime import datetime

from django.db import transaction

from accounts.audit import signing
from accounts.audit.chain import head_of
from accounts.audit.recording import record
from accounts.audit.triggers import deletion_allowed
from accounts.audit.verifying import CHECKPOINT
from accounts.models.audit import AuditCheckpoint, AuditEvent


def prunable(organization: str, before: datetime) -> tuple[int, AuditEvent | None]:
    """Returns how many events of the chain are older than `before`, counted from its start to the first that is not,
    and the last of those."""
    events = AuditEvent.objects.filter(organization=organization).order_by("sequence")
    kept = events.filter(created_at__gte=before).first()
    old = events if kept is None else events.filter(sequence__lt=kept.sequence)
    return old.count(), old.last()


def prune(organization: str, before: datetime) -> int:
    """Deletes the events of the chain that are older than `before`, and returns how many that were.

    In one transaction: the checkpoint is written, the events go, and that is itself recorded.
    """
    with transaction.atomic():
        head_of(organization)  # locked: nobody appends meanwhile
        count, last = prunable(organization, before)
        if last is None:
            return 0
        AuditCheckpoint.objects.create(
            organization=organization,
            count=last.sequence,
            hash=last.hash,
            signature=signing.signature(CHECKPOINT, organization, last.sequence, last.hash),
        )
        with deletion_allowed():
            AuditEvent.objects.filter(organization=organization, sequence__lte=last.sequence).delete()
        record(
            "audit.pruned",
            target_type="accounts.auditevent",
            target_id=str(last.sequence),
            after={"events": count, "before": before},
            organizations=[organization],
        )
    return count
