"""Proves a chain: nothing in it was changed, put in or taken out since it was written."""

from dataclasses import dataclass, field

from django.db.models import Max

from accounts.audit import signing
from accounts.audit.chain import HEAD, hash_of
from accounts.models.audit import HASH_LENGTH, AuditCheckpoint, AuditEvent, AuditHead

CHECKPOINT = "checkpoint"
CHUNK = 2_000


@dataclass(slots=True)
class Report:
    """`checked` events were read; `problems` is empty where the chain is whole."""

    organization: str
    checked: int = 0
    pruned: int = 0
    problems: list[str] = field(default_factory=list)


def chains() -> list[str]:
    """Returns the organisations of which there is any trace in the log."""
    found: set[str] = set()
    for model in (AuditHead, AuditEvent, AuditCheckpoint):
        found.update(model.objects.order_by().values_list("organization", flat=True).distinct())
    return sorted(found)


def verify(organization: str) -> Report:
    """Reads the whole chain of `organization` and returns what is wrong with it.

    Events that are appended meanwhile do not disturb; a pruning might, and then verifying again tells.
    """
    report = Report(organization)
    count, last = _start(report)
    report.pruned = count
    before = _head(organization)
    events = AuditEvent.objects.filter(organization=organization).order_by("sequence")
    for event in events.filter(sequence__lte=before.count).iterator(CHUNK):
        report.checked += 1
        if event.sequence != count + 1:
            report.problems.append(f"between {count} and {event.sequence}: events are missing or out of place")
        elif event.previous_hash != last:
            report.problems.append(f"event {event.sequence}: does not follow the one before it")
        if hash_of(event) != event.hash:
            report.problems.append(f"event {event.sequence}: was changed after it was written")
        count, last = event.sequence, event.hash
    if count != before.count:
        report.problems.append(f"the end is missing: {before.count} events were written, the last there is {count}")
    elif last != before.hash:
        report.problems.append("the last event is not the one that the head names")
    if before.count and not signing.is_signed(before.signature, HEAD, organization, before.count, before.hash):
        report.problems.append("the head is not signed with the SECRET_KEY of this server")
    highest = events.aggregate(highest=Max("sequence"))["highest"] or 0
    if highest > _head(organization).count:
        report.problems.append(f"there are events after the end of the chain, up to {highest}")
    return report


def _start(report: Report) -> tuple[int, str]:
    """Where the chain begins: after the newest checkpoint. Every checkpoint must be signed."""
    count, last = 0, "0" * HASH_LENGTH
    for point in AuditCheckpoint.objects.filter(organization=report.organization).order_by("count"):
        if not signing.is_signed(point.signature, CHECKPOINT, report.organization, point.count, point.hash):
            report.problems.append(f"the checkpoint at {point.count} is not signed with the SECRET_KEY of this server")
        count, last = point.count, point.hash
    return count, last


def _head(organization: str) -> AuditHead:
    return AuditHead.objects.filter(organization=organization).first() or AuditHead(organization=organization)
