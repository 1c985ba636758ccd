"""What opens an event stream: a signed text that stands in the stream's URL, and is good for an hour at most.

It names a key by its id, the organisation and the environment, and holds no key. Every process of the installation
reads what another one wrote; older secrets (LUKHAS_SECRET_KEY_FALLBACKS) still count. For half an hour each key gets
the same one, so that an answer that names it stays the same for as long.
"""

from dataclasses import dataclass

from django.core.signing import BadSignature, Signer

from features.ofrep.errors import TicketInvalid

SALT = "features.ofrep.tickets"
HALF = 30 * 60
"""Seconds for which one ticket is given out; it is good for as long again."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """`key`, `organization`: public ids. `environment`: the key of the one whose changes are told. `expires` is in
    seconds since the epoch."""

    key: str
    organization: str
    environment: str
    expires: int

    def written(self) -> str:
        return Signer(salt=SALT).sign_object([self.key, self.organization, self.environment, self.expires])

    @classmethod
    def read(cls, text: str, now: float) -> "Ticket":
        """Raises TicketInvalid for what this installation never signed, and for what has expired at `now`."""
        try:
            ticket = cls(*Signer(salt=SALT).unsign_object(text))
        except BadSignature as error:
            raise TicketInvalid from error
        if ticket.expires <= now:
            raise TicketInvalid
        return ticket


def expiry(now: float) -> int:
    """When a ticket that is given out now expires: in half an hour at least, in an hour at most."""
    return (int(now) // HALF + 2) * HALF
