"""What the memo of callers rests on: changing any of it in this process forgets the callers at once."""

from typing import Any, TypeVar

from django.db import models, transaction

from accounts.memo import callers
from accounts.models.audited import Audited, AuditedQuerySet

Row = TypeVar("Row", bound=models.Model)


def forget_callers() -> None:
    """Forgets the callers now, for the rest of this transaction, and again once the change can be seen outside it:
    whoever reads in between still reads, and remembers, the old state."""
    callers.forget()
    transaction.on_commit(callers.forget)


class RememberedQuerySet(AuditedQuerySet[Row]):
    """Rows on which callers rest; changing many of them at once forgets the callers too."""

    def update(self, **kwargs: Any) -> int:
        changed = super().update(**kwargs)
        forget_callers()
        return changed

    def delete(self) -> tuple[int, dict[str, int]]:
        deleted = super().delete()
        forget_callers()
        return deleted


class Remembered(Audited):
    """A row on which callers rest."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        forget_callers()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        deleted = super().delete(*args, **kwargs)
        forget_callers()
        return deleted
