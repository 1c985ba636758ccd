"""Rows whose changes are written down, whichever way they are changed."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, ClassVar, TypeVar

from django.db import models, transaction
from django.db.models.signals import pre_delete

from accounts.audit import snapshots
from accounts.audit.recording import record_change
from accounts.models.audit import SERVER

Row = TypeVar("Row", bound=models.Model)


class AuditedQuerySet(models.QuerySet[Row]):
    """Rows of an audited model; changing many at once writes down each. Deleting is seen by the model's signal."""

    def update(self, **kwargs: Any) -> int:
        model: Any = self.model
        if not model.audits(kwargs):
            return super().update(**kwargs)
        with transaction.atomic(using=self.db):
            keys = list(self.order_by().values_list("pk", flat=True))
            before = snapshots.read(model, keys, self.db)
            # Only what was read: a row that came to match in between is not changed unseen.
            changed = models.QuerySet.update(self.filter(pk__in=list(before)), **kwargs)
            after = snapshots.read(model, list(before), self.db)
            for key, state in before.items():
                record_change(state, after.get(key))
        return changed

    def bulk_create(self, objs: Iterable[Row], *args: Any, **kwargs: Any) -> list[Row]:
        """As Django's. Raises ValueError where conflicts are to be ignored or updated: nobody could tell which were."""
        rows = list(objs)
        if any(args[1:]) or kwargs.get("ignore_conflicts") or kwargs.get("update_conflicts"):
            raise ValueError("Audited rows cannot be made in bulk while conflicts are ignored or updated.")
        with transaction.atomic(using=self.db):
            made = super().bulk_create(rows, *args, **kwargs)
            for state in snapshots.read(self.model, [row.pk for row in made], self.db).values():
                record_change(None, state)
        return made


class Audited(models.Model):
    """A row of which every change is written down, in the transaction of the change.

    `audit_fields` are written, and `audit_also`, which are no fields; of `audit_secrets` only that they changed.
    Restoring leaves out `audit_final`, and makes only an `audit_recreatable` row again after its deletion, without its
    `audit_withheld`: what not everybody who may restore could give.
    """

    audit_kind: ClassVar[str]
    audit_fields: ClassVar[tuple[str, ...]] = ()
    audit_also: ClassVar[tuple[str, ...]] = ()
    audit_secrets: ClassVar[tuple[str, ...]] = ()
    audit_final: ClassVar[tuple[str, ...]] = ()
    audit_withheld: ClassVar[tuple[str, ...]] = ()
    audit_recreatable: ClassVar[bool] = False

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        names = kwargs.get("update_fields")
        if names is not None and not self.audits(names):
            super().save(*args, **kwargs)
            return
        using = kwargs.get("using") or self._state.db or "default"
        with transaction.atomic(using=using):
            before = snapshots.read(type(self), [self.pk], using).get(self.pk) if self.pk else None
            super().save(*args, **kwargs)
            record_change(before, snapshots.read(type(self), [self.pk], using)[self.pk])

    @classmethod
    def audit_options(cls) -> Any:
        """Returns what Django knows of the model."""
        return cls._meta

    @classmethod
    def audits(cls, names: Collection[str]) -> bool:
        """Returns whether a change of the fields or columns `names` is one to write down."""
        fields = {cls._meta.get_field(name).name for name in names}
        return not fields.isdisjoint((*cls.audit_fields, *cls.audit_secrets))

    def audited_in(self) -> Sequence[str]:
        """Returns the public ids of the organisations in whose chains a change of this row is written."""
        return (SERVER,)

    def audited_project(self) -> tuple[str, str]:
        """Returns id and name of the project that this row belongs to, both empty where it belongs to none."""
        return ("", "")

    @classmethod
    def audit_action(cls, values: snapshots.Json, changed: Collection[str]) -> str:
        """Returns which action of `accounts.roles.ACTIONS` a role must allow to change these fields of a row that holds
        these values; empty where no role does, and only the server's staff may."""
        return ""

    def audit_name(self) -> str:
        return str(self)

    def audit_type(self, before: snapshots.Json | None, after: snapshots.Json | None) -> str:
        """Returns the type of the event."""
        verb = "created" if before is None else "deleted" if after is None else "updated"
        return f"{self.audit_kind}.{verb}"

    def follow_change(self, before: snapshots.State | None, after: snapshots.State | None) -> None:
        """What has to follow from a change of this row, whichever way it was made. Called in the transaction of the
        change, once it is written down; None is no row. Nothing, unless a model says otherwise."""


def _deleted(instance: Audited, using: str, **_: Any) -> None:
    for state in snapshots.read(type(instance), [instance.pk], using).values():
        record_change(state, None)


def watch_deletions(candidates: Iterable[type[models.Model]]) -> None:
    """Connects the audited of these models to the signal that Django sends for each row it deletes, cascades
    included, within the transaction that deletes it."""
    for model in candidates:
        if issubclass(model, Audited):
            pre_delete.connect(_deleted, sender=model, dispatch_uid=f"audit-{model.__name__}")
