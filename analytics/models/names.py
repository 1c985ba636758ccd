"""The taxonomy: what events of an organisation are called, and what they may hold."""

from collections.abc import Collection, Sequence
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone

from accounts.audit.snapshots import Json, State
from accounts.models import Organization
from accounts.models.audited import Audited, AuditedQuerySet
from analytics import taxonomy
from analytics.models.events import EVENT_NAME_LENGTH
from analytics.vocabularies import vocabularies

SEEDED = (
    "page_view",
    "quickstart_started",
    "quickstart_completed",
    "reasoning_trace_viewed",
    "assistive_variant_viewed",
    "assistive_audio_played",
    "evidence_artifact_requested",
    "demo_interaction",
    "cta_clicked",
)
"""What every organisation begins with. They accept any object."""


class EventNameQuerySet(AuditedQuerySet["EventName"]):
    def seed(self, organization: Organization) -> None:
        """Makes the names that a new organisation begins with. Nobody did that, so that no log tells of it."""
        rows = [EventName(organization=organization, name=name) for name in SEEDED]
        models.QuerySet[EventName](EventName, using=self.db).bulk_create(rows)


class EventName(Audited):
    """An event by this name is taken from every project of the organisation.

    `properties` is the JSON Schema that an event's properties must fit, after redaction: an empty one fits any object.
    `hourly_limit` is how many a project may send within an hour, None for any number.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="event_names", verbose_name="organisation"
    )
    name = models.CharField(
        max_length=EVENT_NAME_LENGTH, validators=[RegexValidator(taxonomy.NAME, f"A name {taxonomy.NAME_RULE}.")]
    )
    description = models.TextField(blank=True)
    properties = models.JSONField("schema of the properties", default=dict, blank=True)
    hourly_limit = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)

    objects = EventNameQuerySet.as_manager()

    audit_kind = "event_name"
    audit_fields: ClassVar[tuple[str, ...]] = ("organization", "name", "description", "properties", "hourly_limit")
    audit_final = ("organization", "name")
    audit_recreatable = True

    class Meta:
        verbose_name = "event name"
        constraints = (
            models.UniqueConstraint(
                name="analytics_eventname_once",
                fields=["organization", "name"],
                violation_error_message="The organisation has an event of this name already.",
            ),
            models.CheckConstraint(
                name="analytics_eventname_name",
                condition=models.Q(name__regex=taxonomy.NAME),
                violation_error_message=f"A name {taxonomy.NAME_RULE}.",
            ),
            models.CheckConstraint(
                name="analytics_eventname_limit",
                condition=models.Q(hourly_limit__isnull=True) | models.Q(hourly_limit__gte=1),
            ),
        )

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raises ValidationError where the schema is none."""
        super().clean()
        try:
            taxonomy.compiled(self.properties)
        except taxonomy.NotASchema as error:
            raise ValidationError({"properties": f"{error}."}) from error

    @classmethod
    def audit_action(cls, values: Json, changed: Collection[str]) -> str:
        return "organization.events.update"

    def follow_change(self, before: State | None, after: State | None) -> None:
        """Has this process read the names anew."""
        vocabularies.forget_soon()

    def audited_in(self) -> Sequence[str]:
        return (self.organization.public_id,)
