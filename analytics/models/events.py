"""Events as they are stored, how many there were of each, what became of them, and those that were rejected.

Nothing here refers to other tables, as with usage: what happened outlives its project, and several processes write.
"""

from typing import Any

from django.db import models
from django.db.models.functions import TruncHour

from analytics.models.rollups import Width
from analytics.models.usage import ID_LENGTH, WORD_LENGTH

EVENT_ID_LENGTH = 128
EVENT_NAME_LENGTH = 100
IDENTITY_LENGTH = 64
NETWORK_LENGTH = 48
MESSAGE_LENGTH = 300
NOBODY: dict[str, Any] = {"name": "", "session": "", "person": "", "browser": "", "network": ""}
"""What the columns of an event hold of which only the id is kept."""


class Described(models.Model):
    """What is kept of an event; what each field means is told in `analytics.entries.Entry`."""

    project_id = models.CharField("project", max_length=ID_LENGTH)
    event_id = models.CharField("event", max_length=EVENT_ID_LENGTH)
    name = models.CharField(max_length=EVENT_NAME_LENGTH, blank=True)
    properties = models.JSONField(default=dict)
    at = models.DateTimeField("at")
    received_at = models.DateTimeField("received")
    session = models.CharField(max_length=IDENTITY_LENGTH, blank=True)
    person = models.CharField("user", max_length=IDENTITY_LENGTH, blank=True)
    browser = models.CharField(max_length=WORD_LENGTH, blank=True)
    network = models.CharField(max_length=NETWORK_LENGTH, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.event_id


class EventQuerySet(models.QuerySet["Event"]):
    def bare(self) -> int:
        """Leaves of those that are kept their ids, and the hours in which they came in. Returns how many there were."""
        came = TruncHour("received_at")
        return self.filter(kept=True).update(kept=False, properties={}, at=came, received_at=came, **NOBODY)


class Event(Described):
    """One event. A row is written once and never changed; of one that is not `kept` there is nothing but the id."""

    kept = models.BooleanField(default=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints = (
            models.UniqueConstraint(name="analytics_event_once", fields=["project_id", "event_id"]),
            models.CheckConstraint(
                name="analytics_event_bare", condition=models.Q(kept=True) | models.Q(**NOBODY, properties={})
            ),
        )
        indexes = (
            models.Index(name="analytics_event_at", fields=["at"]),
            models.Index(
                name="analytics_event_session", fields=["project_id", "session"], condition=~models.Q(session="")
            ),
            models.Index(
                name="analytics_event_person", fields=["project_id", "person"], condition=~models.Q(person="")
            ),
            models.Index(name="analytics_event_forgettable", fields=["received_at"], condition=models.Q(kept=False)),
        )


class RejectedEvent(Described):
    """An event that was not taken, and why. `at` is when it came in where it did not say when it happened."""

    code = models.CharField("reason", max_length=WORD_LENGTH)
    message = models.CharField(max_length=MESSAGE_LENGTH, blank=True)

    class Meta:
        default_permissions = ("view",)
        constraints = (models.UniqueConstraint(name="analytics_rejected_once", fields=["project_id", "event_id"]),)
        indexes = (
            models.Index(name="analytics_rejected_at", fields=["received_at"]),
            models.Index(
                name="analytics_rejected_session", fields=["project_id", "session"], condition=~models.Q(session="")
            ),
            models.Index(
                name="analytics_rejected_person", fields=["project_id", "person"], condition=~models.Q(person="")
            ),
        )


class Counted(models.Model):
    """How many there were within an hour, or a day, of UTC. Days are sums of hours, so that a month is read soon.

    The key serves writing and reading alike: what is looked for is some projects, one width and a stretch of time.
    """

    project_id = models.CharField("project", max_length=ID_LENGTH)
    width = models.PositiveIntegerField(choices=[(Width.HOUR.value, "Hour"), (Width.DAY.value, "Day")])
    start = models.DateTimeField()
    count = models.PositiveBigIntegerField()

    class Meta:
        abstract = True


class EventCount(Counted):
    """How many events of a name a project had, by when they happened. Each event is counted once, kept or not."""

    name = models.CharField(max_length=EVENT_NAME_LENGTH)

    class Meta:
        default_permissions = ("view",)
        constraints = (
            models.UniqueConstraint(name="analytics_eventcount_once", fields=["project_id", "width", "start", "name"]),
        )

    def __str__(self) -> str:
        return f"{self.name}: {self.count}"


class EventOutcome(Counted):
    """What became of the events of a project, by when they came in: `accepted`, `duplicate`, or the reason why they
    were rejected. Of those of which nothing may be kept there is nothing here, either."""

    outcome = models.CharField(max_length=WORD_LENGTH)

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                name="analytics_eventoutcome_once", fields=["project_id", "width", "start", "outcome"]
            ),
        )

    def __str__(self) -> str:
        return f"{self.outcome}: {self.count}"


class EventQuota(models.Model):
    """How many events of a name with a limit a project was let have in an hour, by when they came in; under an empty
    name, how many rejected ones were kept. Rows of past hours are deleted."""

    project_id = models.CharField("project", max_length=ID_LENGTH)
    name = models.CharField(max_length=EVENT_NAME_LENGTH, blank=True)
    hour = models.DateTimeField()
    count = models.PositiveBigIntegerField()

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(name="analytics_eventquota_once", fields=["project_id", "name", "hour"]),
        )

    def __str__(self) -> str:
        return f"{self.name}: {self.count}"
