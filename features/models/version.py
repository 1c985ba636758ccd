"""How often flags were changed, in any process: one number, by which every process sees that it has to read anew."""

from django.db import models
from django.db.models import F

from features.changes import changes

ONLY = 1
"""The primary key of the one row."""


class FlagsVersion(models.Model):
    """One row. It is written first in every transaction that changes flags, so that these run one after the other, and
    whoever sees a number sees all changes up to it."""

    number = models.PositiveBigIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = (models.CheckConstraint(name="features_flagsversion_one_row", condition=models.Q(id=ONLY)),)

    def __str__(self) -> str:
        return str(self.number)

    @classmethod
    def bump(cls) -> None:
        """Counts a change. Call it in the transaction of the change, before reading what the change rests on."""
        row = FlagsVersion.objects.filter(pk=ONLY)
        if not row.update(number=F("number") + 1):
            first = FlagsVersion(pk=ONLY)
            FlagsVersion.objects.bulk_create([first], ignore_conflicts=True)  # whoever else makes it at the same time
            row.update(number=F("number") + 1)
        changes.note()

    @classmethod
    def hold(cls) -> None:
        """Keeps everybody else from changing flags until the transaction ends, and counts no change. Databases that
        cannot, such as SQLite, let only one transaction write in any case."""
        cls.objects.select_for_update().filter(pk=ONLY).first()

    @classmethod
    def current(cls) -> int:
        """Returns the number; 0 where flags were never changed."""
        return cls.objects.filter(pk=ONLY).values_list("number", flat=True).first() or 0
