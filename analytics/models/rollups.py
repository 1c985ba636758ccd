"""Usage summed up: one row a minute, an hour and a day for each set of what it is asked by.

A star: `Dimension` is whose requests and which, told once; `UsageRollup` is how many, how much and how long. Both are
written by `analytics.rollups` alone.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar

from django.db import models, transaction

from analytics.models.usage import ID_LENGTH, NAME_LENGTH, WORD_LENGTH


class Dimension(models.Model):
    """What the requests of a roll-up have in common: fields of `analytics.records.Record`.

    `id` is made of all the others (see `analytics.rollups.dimensions`), so that whoever writes need not ask for it.
    """

    id = models.BigIntegerField(primary_key=True)
    organization_id = models.CharField("organisation", max_length=ID_LENGTH, blank=True, db_index=True)
    project_id = models.CharField("project", max_length=ID_LENGTH, blank=True)
    user_id = models.CharField("user or service account", max_length=ID_LENGTH, blank=True)
    key_id = models.CharField("key", max_length=ID_LENGTH, blank=True)
    endpoint = models.CharField(max_length=WORD_LENGTH)
    model = models.CharField("model", max_length=NAME_LENGTH)
    flag = models.CharField(max_length=NAME_LENGTH, blank=True)
    variant = models.CharField(max_length=NAME_LENGTH, blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.project_id} {self.endpoint} {self.model}"

    @classmethod
    def table(cls) -> str:
        """The name of the table, for SQL."""
        return cls._meta.db_table


class Width(models.IntegerChoices):
    """How long a bucket is, in seconds. Buckets begin at whole minutes, hours and days of UTC."""

    MINUTE = 60
    HOUR = 3600
    DAY = 86_400


class UsageRollup(models.Model):
    """The requests of one dimension that came in within one bucket. What the sums are is told in
    `analytics.rollups.gathering.Sums`, whose fields these are, in its order. No sum grows beyond 2**63 - 1.

    The key serves writing and reading alike: what is looked for is some dimensions, one width and a stretch of time.
    """

    pk = models.CompositePrimaryKey("dimension_id", "width", "start")
    # Whoever writes rows makes sure of their dimensions in the same transaction: the database need not look for each.
    dimension = models.ForeignKey(Dimension, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    width = models.PositiveIntegerField(choices=Width.choices)
    start = models.DateTimeField()
    requests = models.PositiveBigIntegerField()
    failed = models.PositiveBigIntegerField()
    cut = models.PositiveBigIntegerField()
    refused = models.PositiveBigIntegerField()
    streamed = models.PositiveBigIntegerField()
    input_tokens = models.PositiveBigIntegerField()
    cached_tokens = models.PositiveBigIntegerField()
    output_tokens = models.PositiveBigIntegerField()
    reasoning_tokens = models.PositiveBigIntegerField()
    cost_micro = models.PositiveBigIntegerField("cost in micro-dollars")
    duration = models.PositiveBigIntegerField()
    duration_squares = models.PositiveBigIntegerField()
    first_tokens = models.PositiveBigIntegerField()
    first_token = models.PositiveBigIntegerField()
    first_token_squares = models.PositiveBigIntegerField()
    duration_bins = models.TextField()
    first_token_bins = models.TextField()

    class Meta:
        default_permissions = ()
        constraints: ClassVar = (
            models.CheckConstraint(name="analytics_width_known", condition=models.Q(width__in=Width.values)),
        )

    def __str__(self) -> str:
        return f"{self.dimension_id} {self.width} {self.start:%Y-%m-%d %H:%M}"

    @classmethod
    def table(cls) -> str:
        """The name of the table, for SQL."""
        return cls._meta.db_table


class RecordsKept(models.Model):
    """Since when a project's usage records are all there: those from before were deleted, in whole or in part.

    Whoever deletes records says so here first, by `only_since`: roll-ups outlive their records, and are then not to be
    built anew from what is left of these.
    """

    project_id = models.CharField(max_length=ID_LENGTH, primary_key=True)
    since = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.project_id} {self.since:%Y-%m-%d %H:%M}"

    @classmethod
    def only_since(cls, moment: datetime, project_ids: Iterable[str]) -> None:
        """Says that records of these projects from before that moment are not all kept any more."""
        with transaction.atomic():
            for id in sorted(project_ids):
                cls.objects.get_or_create(project_id=id, defaults={"since": moment})
                cls.objects.filter(project_id=id, since__lt=moment).update(since=moment)
