"""The audit log as it is stored: events in hash chains, the head of each chain, and where a chain was shortened.

Nothing here refers to other tables: an event outlives what it tells of. The tables are append-only by trigger.
"""

from typing import Any

from django.db import models
from django.utils import timezone

from accounts import publicids

HASH_LENGTH = 64
SERVER = ""
"""The chain of what belongs to no organisation."""


class AuditEvent(models.Model):
    """One change. `organization` and every other id is plain text; `organization` is empty for the whole server."""

    public_id = models.CharField(
        "public id", max_length=publicids.MAX_LENGTH, unique=True, default=publicids.audit_event_id, editable=False
    )
    organization = models.CharField("organisation", max_length=40, blank=True)
    sequence = models.PositiveBigIntegerField()
    created_at = models.DateTimeField("at", default=timezone.now)
    type = models.CharField(max_length=100)
    source = models.CharField(max_length=10)
    actor_kind = models.CharField(max_length=20)
    actor_id = models.CharField(max_length=254, blank=True)
    actor_name = models.CharField("actor", max_length=254, blank=True)
    key_id = models.CharField("key", max_length=40, blank=True)
    address = models.CharField(max_length=64, blank=True)
    user_agent = models.CharField(max_length=512, blank=True)
    request_id = models.CharField("request", max_length=64, blank=True)
    target_type = models.CharField(max_length=100, blank=True)
    target_id = models.CharField(max_length=254, blank=True)
    target_name = models.CharField("target", max_length=254, blank=True)
    project_id = models.CharField(max_length=40, blank=True)
    project_name = models.CharField("project", max_length=200, blank=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    previous_hash = models.CharField(max_length=HASH_LENGTH)
    hash = models.CharField(max_length=HASH_LENGTH)

    class Meta:
        default_permissions = ("view",)
        constraints = (models.UniqueConstraint(name="accounts_auditevent_once", fields=["organization", "sequence"]),)
        indexes = (
            models.Index(name="accounts_audit_at", fields=["organization", "created_at"]),
            models.Index(name="accounts_audit_target", fields=["target_id"]),
            models.Index(name="accounts_audit_actor", fields=["actor_id"]),
        )

    def __str__(self) -> str:
        return f"{self.type}: {self.target_name or self.target_id}"

    def changed(self) -> list[str]:
        """Returns the fields that differ before and after; those that only one side has included."""
        before: dict[str, Any] = self.before or {}
        after: dict[str, Any] = self.after or {}
        names = list(dict.fromkeys([*before, *after]))
        return [name for name in names if name not in before or name not in after or before[name] != after[name]]


class AuditHead(models.Model):
    """The end of a chain: how many events were ever appended, and the hash of the last."""

    organization = models.CharField("organisation", max_length=40, blank=True, unique=True)
    count = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=HASH_LENGTH, default="0" * HASH_LENGTH)
    signature = models.CharField(max_length=HASH_LENGTH, blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.organization or 'server'}: {self.count}"


class AuditCheckpoint(models.Model):
    """Where a chain was shortened: the events up to `count` are gone, and the last of them had the hash `hash`."""

    organization = models.CharField("organisation", max_length=40, blank=True)
    count = models.PositiveBigIntegerField()
    hash = models.CharField(max_length=HASH_LENGTH)
    signature = models.CharField(max_length=HASH_LENGTH)
    created_at = models.DateTimeField("at", default=timezone.now)

    class Meta:
        default_permissions = ()
        constraints = (models.UniqueConstraint(name="accounts_checkpoint_once", fields=["organization", "count"]),)

    def __str__(self) -> str:
        return f"{self.organization or 'server'}: {self.count} pruned"
