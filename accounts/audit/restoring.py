"""The log as history: puts back what an event says was there before, through validation and the normal save."""

from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

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
        row = current_row(event)
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
            with transaction.atomic():
                row.save()
        except ValidationError as error:
            raise CannotRestore(f"It would not be valid now: {' '.join(error.messages)}") from error
        except IntegrityError as error:
            raise CannotRestore("Something else was changed at the same time that rules this out.") from error
    return row


def current_row(event: AuditEvent) -> Audited | None:
    """What the event tells of, as it is now, locked where the database can; None where it is not there any longer.

    Raises CannotRestore as `target_model` does."""
    model: Any = target_model(event)
    # First, as whoever changes members does: two that lock in different order would wait for each other.
    apps.get_model("accounts", "Organization").objects.filter(public_id=event.organization).lock()
    found: Audited | None = _find(models.QuerySet(model).select_for_update(of=("self",)), event.target_id)
    return found


def _kept(model: type[Audited], before: dict[str, Any]) -> list[str]:
    """What a row that is made again gets back."""
    return [name for name in model.audit_fields if name in before and name not in model.audit_withheld]


def _find(rows: models.QuerySet[Any], identity: str) -> Any:
    """The row with this public id, or, in a table without public ids, with this primary key."""
    by = "public_id" if hasattr(rows.model, "public_id") else "pk"
    return rows.filter(**{by: identity}).first()


def _value(model: type[Audited], name: str, recorded: Any) -> Any:
    """What the log holds of a field, as the field takes it. Raises CannotRestore where it refers to what is gone."""
    field: Any = model.audit_options().get_field(name)
    if not field.is_relation or recorded is None:
        return field.to_python(recorded)
    row = _find(models.QuerySet(field.related_model), recorded)
    if row is None:
        raise CannotRestore(f"The {field.verbose_name} is not there any longer.")
    return row
