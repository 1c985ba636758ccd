"""Who calls an endpoint under /api: a person who signed in, or whoever owns an admin key."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from accounts.exceptions import OrganizationMismatch, OrganizationUnclear, ScopeMissing
from accounts.models.sessions import Session
from accounts.roles import Role, allowed


@dataclass(frozen=True, slots=True)
class Seat:
    """A role in an organisation: its public id, and its slug."""

    organization_id: str
    organization: str
    role: Role


@dataclass(frozen=True, slots=True)
class Caller:
    """`owner_id` is the public id of the user or service account, `owner_name` its e-mail or name, `credential_id` that
    of the session (`sess_…`) or key (`key_…`). `seats` are the roles that they hold: a person's in every organisation,
    an admin key's in its own. `asked` is what the OpenAI-Organization header says. `session` is None for a key.
    """

    owner_kind: Literal["user", "service_account"]
    owner_id: str
    owner_name: str
    credential_id: str
    seats: tuple[Seat, ...]
    asked: str | None = None
    session: Session | None = None

    @property
    def is_authenticated(self) -> bool:
        """True: DRF asks this of whatever stands in `request.user`."""
        return True

    def role_in(self, organization_id: str) -> Role | None:
        """Returns the role in the organisation with this public id; None for no role."""
        return next((seat.role for seat in self.seats if seat.organization_id == organization_id), None)

    def organizations(self, action: str) -> list[str]:
        """Returns the public ids of the organisations in which this caller may do `action`, one of `roles.ACTIONS`."""
        return [seat.organization_id for seat in self.seats if allowed(seat.role, action)]

    def seat(self) -> Seat:
        """Returns the organisation that the request is meant for, with the role there: the one that the header names,
        or else the only one.

        Raises OrganizationMismatch where the caller is not of the one that is named, OrganizationUnclear where none is
        named and there is not just one.
        """
        if self.asked:
            return named(self.seats, self.asked)
        if len(self.seats) != 1:
            raise OrganizationUnclear
        return self.seats[0]

    def seat_for(self, action: str) -> Seat:
        """Returns the same. Raises ScopeMissing, too, where the role there does not allow `action`."""
        seat = self.seat()
        if not allowed(seat.role, action):
            raise ScopeMissing((action,))
        return seat


def named(seats: Iterable[Seat], organization: str) -> Seat:
    """Returns the one with this id or slug. Raises OrganizationMismatch."""
    for seat in seats:
        if organization in (seat.organization_id, seat.organization):
            return seat
    raise OrganizationMismatch
