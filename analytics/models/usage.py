"""Usage as it is stored: one row a request that reached a model, and how many were refused before that.

Nothing here refers to other tables: a record outlives the key, the project and the model that it tells of, and several
processes write many of them at once.
"""

from django.db import models

ID_LENGTH = 64
NAME_LENGTH = 256
WORD_LENGTH = 64
WITHOUT_DIMENSION = 0
"""The dimension of records that a version before the roll-ups wrote. Building these anew gives each its own."""


class UsageRecord(models.Model):
    """One request; what each field means is told in `analytics.records.Record`, whose fields these are, in its order.

    A row is written once and never changed. The index by time is what roll-ups are built anew by; `dimension_id`
    says which dimension these are of, so that this takes no look at the texts.
    """

    request_id = models.CharField("request", max_length=ID_LENGTH, primary_key=True)
    at = models.DateTimeField("at", db_index=True)
    organization_id = models.CharField("organisation", max_length=ID_LENGTH, blank=True)
    project_id = models.CharField("project", max_length=ID_LENGTH, blank=True)
    key_id = models.CharField("key", max_length=ID_LENGTH, blank=True)
    user_id = models.CharField("user or service account", max_length=ID_LENGTH, blank=True)
    endpoint = models.CharField(max_length=WORD_LENGTH)
    model_asked = models.CharField("model asked for", max_length=NAME_LENGTH)
    model = models.CharField("model", max_length=NAME_LENGTH)
    upstream = models.CharField(max_length=WORD_LENGTH)
    attempts = models.PositiveSmallIntegerField()
    flag = models.CharField(max_length=NAME_LENGTH, blank=True)
    variant = models.CharField(max_length=NAME_LENGTH, blank=True)
    stream = models.BooleanField()
    status = models.PositiveSmallIntegerField()
    error_code = models.CharField(max_length=WORD_LENGTH, blank=True)
    input_tokens = models.PositiveBigIntegerField()
    cached_tokens = models.PositiveBigIntegerField()
    output_tokens = models.PositiveBigIntegerField()
    reasoning_tokens = models.PositiveBigIntegerField()
    estimated = models.BooleanField()
    cost_micro = models.PositiveBigIntegerField("cost in micro-dollars")
    first_token_us = models.PositiveBigIntegerField("microseconds to the first token", null=True)
    duration_us = models.PositiveBigIntegerField("microseconds")
    cache_hit = models.BooleanField()
    client_language = models.CharField(max_length=WORD_LENGTH, blank=True)
    client_version = models.CharField(max_length=WORD_LENGTH, blank=True)
    dimension_id = models.BigIntegerField(db_default=WITHOUT_DIMENSION)

    class Meta:
        default_permissions = ("view",)
        verbose_name = "usage record"
        indexes = (
            models.Index(
                fields=["at"], name="analytics_without_dimension", condition=models.Q(dimension_id=WITHOUT_DIMENSION)
            ),
        )

    def __str__(self) -> str:
        return self.request_id

    @classmethod
    def table(cls) -> str:
        """The name of the table, for SQL."""
        return cls._meta.db_table


class Refused(models.Model):
    """How many requests of a project were refused within an hour, before they reached a model, and why.

    `reason` is the code of the error, or its type where it has none. `project_id` is empty where nobody was known.
    """

    hour = models.DateTimeField()
    project_id = models.CharField("project", max_length=ID_LENGTH, blank=True)
    endpoint = models.CharField(max_length=WORD_LENGTH)
    reason = models.CharField(max_length=WORD_LENGTH)
    count = models.PositiveBigIntegerField()

    class Meta:
        default_permissions = ("view",)
        verbose_name_plural = "refused requests"
        constraints = (
            models.UniqueConstraint(name="analytics_refused_once", fields=["hour", "project_id", "endpoint", "reason"]),
        )

    def __str__(self) -> str:
        return f"{self.reason}: {self.count}"
