"""The log as history: puts back what an event says was there before, through validation and the normal save."""

from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models, transaction

from accounts.audit.recording import CONCEALED
from accounts.models.audit import AuditEvent
from accounts.models.audited import Audited


class CannotRestore(Exception):
    """Why an event cannot be undone, as a sentence."""


def target_model(event: AuditEvent) -> type[Audited]:
    """Returns the model of what the event tells of. Raises CannotRestore where that is none of the audited ones."""
    try:
        model = apps.get_model(event.target_type)
    except (LookupError, ValueError):
        model = None
    if model is None or not issubclass(model, Audited):
        raise CannotRestore("This kind of change cannot be restored.")
    return model


def restore(event: AuditEvent) -> Audited:
    """Gives the target the values that it had before the event, only those that the event changed, and saves it.

    A row that the event deleted is made again, where its model allows that. The restoring is itself recorded. Raises
    CannotRestore, and changes nothing, where there is nothing to put back or the row would not be valid now.
    """
    model = target_model(event)
    if event.before is None:
        raise CannotRestore("Nothing was there before: delete or end it instead.")
    before: dict[str, Any] = event.before
    with transaction.atomic():
        row: Any = _find(model, event.target_id)
        if event.after is None:
            if row is not None or not model.audit_recreatable:
                raise CannotRestore("What was deleted cannot be made again.")
            row, names = model(), _kept(model, before)
        else:
            if row is None:
                raise CannotRestore("It is not there any longer.")
            final = (*model.audit_final, *model.audit_secrets, *model.audit_withheld)
            names = [name for name in event.changed() if name in model.audit_fields and name not in final]
            names = [name for name in names if before.get(name, CONCEALED) != CONCEALED]
        if not names:
            raise CannotRestore("What this event changed is changed for good.")
        for name in names:
            setattr(row, name, _value(model, name, before[name]))
        try:
            row.full_clean()
        except ValidationError as error:
            raise CannotRestore(f"It would not be valid now: {' '.join(error.messages)}") from error
        row.save()
    restored: Audited = row
    return restored


def _kept(model: type[Audited], before: dict[str, Any]) -> list[str]:
    """What a row that is made again gets back."""
    return [name for name in model.audit_fields if name in before and name not in model.audit_withheld]


def _find(model: Any, identity: str) -> Any:
    """The row with this public id, or, in a table without public ids, with this primary key."""
    by = "public_id" if hasattr(model, "public_id") else "pk"
    return models.QuerySet(model).filter(**{by: identity}).first()


def _value(model: type[Audited], name: str, recorded: Any) -> Any:
    """What the log holds of a field, as the field takes it. Raises CannotRestore where it refers to what is gone."""
    field: Any = model.audit_options().get_field(name)
    if not field.is_relation or recorded is None:
        return field.to_python(recorded)
    row = _find(field.related_model, recorded)
    if row is None:
        raise CannotRestore(f"The {field.verbose_name} is not there any longer.")
    return row
