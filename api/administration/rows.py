"""Finding and saving rows, with the wire's errors."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from accounts.exceptions import ScopeMissing
from accounts.models.owners import LastOwner
from accounts.roles import may_grant
from api.exceptions import Conflict, InvalidRequest, InvalidValue, NotFound

Row = TypeVar("Row", bound=models.Model)
Made = TypeVar("Made")

OWNERS = "project.owners.update"
"""What lacks whoever would give or take away a role above their own; see `accounts.roles.ACTIONS`."""
OWNERS_OF_ALL = "organization.owners.update"
"""Likewise, of the organisation."""


def find(rows: models.QuerySet[Row], public_id: str, kind: str, *, by: str = "public_id") -> Row:
    """The row with this public id, found `by` the field that holds it. Raises NotFound; `kind` says in words what was
    looked for."""
    row = None
    if public_id.isascii() and public_id.isprintable():  # anything else no database needs to be asked for
        row = rows.filter(**{by: public_id}).first()
    if row is None:
        raise NotFound(kind, public_id)
    return row


def saved(row: Row, *fields: str) -> Row:
    """The row, valid and saved: all of it, or, of one that is there already, the `fields` that change.

    What is unique the database knows best: whoever is a little too late is told of a conflict, as by `made`.
    """

    def save() -> Row:
        row.full_clean(validate_unique=False, validate_constraints=False)
        row.save(update_fields=fields or None)
        return row

    return made(save)


def made(make: Callable[[], Made]) -> Made:
    """What `make` returns. Raises InvalidValue where a model will not have it, and Conflict where the database will
    not: somebody else was a little faster. Raises InvalidRequest where an organisation would lose its last owner."""
    try:
        with transaction.atomic():
            return make()
    except LastOwner as error:
        raise InvalidRequest(error.messages[0], code=error.code) from error
    except ValidationError as error:
        raise InvalidValue(" ".join(error.messages)) from error
    except IntegrityError as error:
        raise Conflict("Something else was changed at the same time that rules this out.", code="conflict") from error


def check_grant(actor: str | None, *roles: str, lacking: str = OWNERS) -> None:
    """Raises ScopeMissing, which names `lacking`, unless somebody with the role `actor` may give and take away all of
    `roles`."""
    if not all(may_grant(actor, role) for role in roles):
        raise ScopeMissing((lacking,))


def expiry(lifetime: timedelta | None) -> datetime | None:
    """The moment until which a key works that is made now; None for good."""
    return None if lifetime is None else timezone.now() + lifetime
