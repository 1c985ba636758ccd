"""An organisation that has an owner keeps one, whoever changes its members, and in whichever way."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models, transaction

from accounts.roles import Role

if TYPE_CHECKING:
    from accounts.models.organizations import Membership


class LastOwner(ValidationError):
    """What would leave an organisation without an owner."""

    def __init__(self, organization: str) -> None:
        super().__init__(
            f"{organization} would be left without an owner: make somebody else an owner first.", code="last_owner"
        )


def owned(organizations: Collection[int]) -> set[int]:
    """Returns those of the organisations, all by primary key, that have an owner who can sign in."""
    members = apps.get_model("accounts", "Membership").objects
    owners = members.filter(organization__in=organizations, role=Role.OWNER, user__is_active=True)
    return set(owners.order_by().values_list("organization", flat=True))


@contextmanager
def owners_kept(members: "models.QuerySet[Membership]", row: models.Model | None = None) -> Iterator[None]:
    """Within this, `members` may become less than they are. At its end LastOwner is raised, and everything undone,
    where one of their organisations had an owner and has none any more. A `row` that is deleted within keeps its key
    then.

    The organisations are locked to the end of the transaction, so that two owners cannot leave at once.
    """
    key = None if row is None else row.pk
    with transaction.atomic():
        concerned = sorted(set(members.order_by().values_list("organization", flat=True)))
        rows = apps.get_model("accounts", "Organization").objects.filter(pk__in=concerned)
        names = {row.pk: row.name for row in rows.lock()}
        before = owned(names)
        yield
        if lost := before - owned(names):
            if row is not None:
                row.pk = key
            raise LastOwner(names[min(lost)])
