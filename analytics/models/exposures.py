"""Raw exposures: which unit got which variant of a flag, and when that was first."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.db import connection, models, transaction

from accounts import publicids
from analytics.identities import DIGITS
from features.problems import MAX_KEY

KEEPING = """
INSERT INTO analytics_rawexposure (organization, project, environment, flag, variant, unit, first_seen_at)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (organization, flag, environment, variant, project, unit) DO NOTHING
"""


class Unit(NamedTuple):
    """Who got a variant of a flag: public ids of organisation and project, keys of environment, flag and variant, and
    the identity of the unit in its project, as `analytics.identities` makes it."""

    organization: str
    project: str
    environment: str
    flag: str
    variant: str
    unit: str
    first_seen_at: datetime


class RawExposure(models.Model):
    """A unit got a variant of a flag that asks for raw exposures. One row each: a unit that got two variants has two.

    What it tells of is named in text, so that it outlives that.
    """

    organization = models.CharField("organisation", max_length=publicids.MAX_LENGTH)
    project = models.CharField(max_length=publicids.MAX_LENGTH)
    environment = models.CharField(max_length=MAX_KEY)
    flag = models.CharField(max_length=MAX_KEY)
    variant = models.CharField(max_length=MAX_KEY)
    unit = models.CharField(max_length=DIGITS)
    first_seen_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                name="analytics_rawexposure_once",
                fields=["organization", "flag", "environment", "variant", "project", "unit"],
            ),
            models.CheckConstraint(name="analytics_rawexposure_somebody", condition=~models.Q(unit="")),
        )
        # The first is by what somebody is erased, the second by what old rows are.
        indexes = (
            models.Index(name="analytics_rawexposure_unit", fields=["project", "unit"]),
            models.Index(name="analytics_rawexposure_seen", fields=["first_seen_at"]),
        )

    def __str__(self) -> str:
        return f"{self.unit[:8]}… got {self.variant} of {self.flag} in {self.environment}"

    @classmethod
    def keep(cls, units: Iterable[Unit]) -> None:
        """Keeps those that are not there yet, in one transaction; the others stay as they were. Any number of processes
        may do so at once. Raises django.db.Error, and has then kept nothing."""
        adapt = connection.ops.adapt_datetimefield_value
        # In one order, so that processes that write at the same time wait for each other instead of for ever.
        rows = [(*words, adapt(moment)) for (*words, moment) in sorted(units)]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(KEEPING, rows)
