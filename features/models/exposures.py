"""How often each flag answered what, by the hour."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, get_args

from django.db import connection, models, transaction
from django.db.models.functions import Coalesce, TruncDay

from accounts import publicids
from features.evaluation import Reason
from features.models.fields import keys_only, keys_or_empty
from features.problems import MAX_KEY

REASONS: tuple[Reason, ...] = get_args(Reason)
ADDING = """
INSERT INTO features_exposurecount (organization, environment, flag, variant, reason, hour, number)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (organization, environment, flag, variant, reason, hour)
DO UPDATE SET number = features_exposurecount.number + excluded.number
"""


class Exposure(NamedTuple):
    """A flag, by the public id of its organisation and the keys of environment and flag, answered with a variant, which
    is empty where there was no value, for a reason, as `features.evaluation` has them, in an hour of UTC."""

    organization: str
    environment: str
    flag: str
    variant: str
    reason: str
    hour: datetime


class Use(NamedTuple):
    """How often a flag answered, and in which hour it last did."""

    number: int
    last: datetime


class ExposureCountQuerySet(models.QuerySet["ExposureCount"]):
    def uses(self, organization: str, environment: str, since: datetime) -> dict[str, Use]:
        """Returns by key how often each flag answered in the hours from then on, and when it last did; flags that never
        did are left out."""
        rows = self.filter(organization=organization, environment=environment).order_by()
        recent = Coalesce(models.Sum("number", filter=models.Q(hour__gte=since)), 0)
        sums = rows.values_list("flag").annotate(recent=recent, last=models.Max("hour"))
        return {flag: Use(number, last) for flag, number, last in sums}

    def by_variant(self, organization: str, flag: str) -> dict[str, dict[str, Use]]:
        """Returns how often a flag answered with each variant, by environment."""
        rows = self.filter(organization=organization, flag=flag).order_by("environment", "variant")
        sums = rows.values_list("environment", "variant").annotate(models.Sum("number"), models.Max("hour"))
        found: dict[str, dict[str, Use]] = {}
        for environment, variant, number, last in sums:
            found.setdefault(environment, {})[variant] = Use(number, last)
        return found

    def by_day(
        self, organizations: Collection[str], flags: Collection[str], since: datetime
    ) -> dict[tuple[str, str], dict[str, dict[datetime, int]]]:
        """Returns by organisation and flag, in all environments together, how often each variant was the answer on each
        day of UTC from then on."""
        rows = self.filter(organization__in=organizations, flag__in=flags, hour__gte=since).order_by()
        days = rows.values_list("organization", "flag", "variant", TruncDay("hour", tzinfo=UTC))
        found: dict[tuple[str, str], dict[str, dict[datetime, int]]] = {}
        for organization, flag, variant, day, number in days.annotate(models.Sum("number")):
            found.setdefault((organization, flag), {}).setdefault(variant, {})[day] = number
        return found

    def by_hour(self, organization: str, flag: str, since: datetime) -> dict[str, dict[str, dict[datetime, int]]]:
        """Returns by environment how often a flag answered with each variant in each hour from then on."""
        rows = self.filter(organization=organization, flag=flag, hour__gte=since).order_by()
        found: dict[str, dict[str, dict[datetime, int]]] = {}
        for environment, variant, hour, number in rows.values_list("environment", "variant", "hour").annotate(
            models.Sum("number")
        ):
            found.setdefault(environment, {}).setdefault(variant, {})[hour] = number
        return found


class ExposureCount(models.Model):
    """How often a flag answered with a variant, for a reason, within an hour of UTC.

    What it counts is named in text, so that it outlives that, and can be written without asking whether it is there.
    """

    organization = models.CharField(max_length=publicids.MAX_LENGTH)
    environment = models.CharField(max_length=MAX_KEY)
    flag = models.CharField(max_length=MAX_KEY)
    variant = models.CharField(max_length=MAX_KEY, blank=True, help_text="Empty: there was no value.")
    reason = models.CharField(max_length=20, choices=[(reason, reason) for reason in REASONS])
    hour = models.DateTimeField()
    number = models.BigIntegerField()

    objects = ExposureCountQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                name="features_exposurecount_once",
                fields=["organization", "environment", "flag", "variant", "reason", "hour"],
            ),
            keys_only("features_exposurecount_keys", "environment", "flag"),
            keys_or_empty("features_exposurecount_variant", "variant"),
            models.CheckConstraint(
                name="features_exposurecount_reason_known", condition=models.Q(reason__in=list(REASONS))
            ),
            models.CheckConstraint(name="features_exposurecount_counted", condition=models.Q(number__gt=0)),
        )
        indexes = (models.Index(name="features_exposurecount_hour", fields=["hour"]),)

    def __str__(self) -> str:
        return f"{self.flag} in {self.environment}: {self.variant or '-'}, {self.reason}, {self.hour:%Y-%m-%dT%HZ}"

    @classmethod
    def add(cls, counts: Mapping[Exposure, int]) -> None:
        """Adds to what is there, in one transaction and with one statement for all. Adding, so that several processes
        may do so at once. Raises django.db.Error, and has then added nothing."""
        hours = connection.ops.adapt_datetimefield_value
        # In one order, so that processes that write at the same time wait for each other instead of for ever.
        rows = [(*words, hours(hour), number) for (*words, hour), number in sorted(counts.items())]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(ADDING, rows)
