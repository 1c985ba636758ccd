"""Visits, derived from events: see `analytics.visits`.

A visit tells when somebody came and went, and never who. Whose it is stands apart, in its trail: that is what finds the
visit that a further event belongs to, and all visits of somebody who is erased. It is read for nothing else, shown
nowhere, and goes with the visit, which goes when its events do.
"""

from django.db import models

from analytics.models.erasures import Erasure
from analytics.models.events import IDENTITY_LENGTH, NETWORK_LENGTH
from analytics.models.usage import ID_LENGTH, WORD_LENGTH
from analytics.visits.stays import MOST_OF_PAGE, Stay


class Visit(models.Model):
    """What each field means is told in `analytics.visits.stays.Stay`."""

    project_id = models.CharField("project", max_length=ID_LENGTH)
    started_at = models.DateTimeField("start")
    ended_at = models.DateTimeField("end")
    events = models.PositiveBigIntegerField()
    entry_page = models.CharField(max_length=MOST_OF_PAGE, blank=True)
    entry_at = models.DateTimeField("entry page seen", null=True)
    exit_page = models.CharField(max_length=MOST_OF_PAGE, blank=True)
    exit_at = models.DateTimeField("exit page seen", null=True)
    browser = models.CharField(max_length=WORD_LENGTH, blank=True)
    network = models.CharField(max_length=NETWORK_LENGTH, blank=True)

    class Meta:
        default_permissions = ("view",)
        constraints = (
            models.CheckConstraint(
                name="analytics_visit_in_order",
                condition=models.Q(started_at__lte=models.F("ended_at"), events__gte=1),
            ),
        )
        indexes = (
            models.Index(name="analytics_visit_started", fields=["started_at"]),
            models.Index(name="analytics_visit_ended", fields=["ended_at"]),
            models.Index(name="analytics_visit_project", fields=["project_id", "started_at"]),
        )

    def __str__(self) -> str:
        return f"{self.events} events from {self.started_at:%Y-%m-%d %H:%M} on"

    @property
    def stay(self) -> Stay:
        return Stay(*(getattr(self, name) for name in Stay._fields))


class VisitTrail(models.Model):
    """Whose a visit is, by the keyed hash that its events have: of their session, or, where they have none, of their
    user. After `rotate_identities` nothing that comes has the same one."""

    visit = models.OneToOneField(Visit, on_delete=models.CASCADE, primary_key=True, related_name="trail")
    project_id = models.CharField(max_length=ID_LENGTH)
    kind = models.CharField(max_length=10, choices=Erasure.Kind)
    identity = models.CharField(max_length=IDENTITY_LENGTH)

    class Meta:
        default_permissions = ()
        constraints = (
            models.CheckConstraint(name="analytics_visittrail_somebody", condition=~models.Q(identity="")),
            models.CheckConstraint(
                name="analytics_visittrail_kind_known", condition=models.Q(kind__in=["session", "person"])
            ),
        )
        indexes = (models.Index(name="analytics_visittrail_whose", fields=["project_id", "kind", "identity"]),)

    def __str__(self) -> str:
        return f"a {self.kind} of {self.project_id}"


class VisitsMark(models.Model):
    """Up to which event visits are derived: one row. Whoever changes visits by events holds it until they are done, so
    that each event counts once."""

    upto = models.BigIntegerField(default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"up to event {self.upto}"

    @classmethod
    def reached(cls) -> int:
        """Returns the key of the last event that is derived from, or passed over; 0 where none is."""
        return cls.objects.filter(pk=1).values_list("upto", flat=True).first() or 0

    @classmethod
    def held(cls) -> "VisitsMark":
        """Waits until nobody else holds it, and holds it until the end of the transaction."""
        cls._made()
        return cls.objects.select_for_update().get(pk=1)

    @classmethod
    def held_at_once(cls) -> "VisitsMark | None":
        """The same without waiting: None where somebody else holds it."""
        cls._made()
        return cls.objects.select_for_update(skip_locked=True).filter(pk=1).first()

    @classmethod
    def _made(cls) -> None:
        VisitsMark.objects.bulk_create([VisitsMark(pk=1)], ignore_conflicts=True)
