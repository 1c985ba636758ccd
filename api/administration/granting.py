"""Who may give and take away roles, asked when it counts: what is remembered of a caller may be seconds old."""

from django.utils import timezone

from accounts.exceptions import KeyInvalid
from accounts.models import Organization
from accounts.principal import Principal
from accounts.roles import Role
from api.administration.api_keys import admin_keys_of


def granter(caller: Principal) -> Role | None:
    """What the owner of the caller's admin key is in the organisation now.

    Locks the organisation, to the end of the transaction, against everybody else who changes its members: what is read
    of them after this stays true. Raises KeyInvalid where the key does not work any more.
    """
    Organization.objects.filter(public_id=caller.organization_id).lock()
    key = admin_keys_of(caller.organization_id).filter(public_id=caller.key_id).first()
    if key is None or key.state(timezone.now()) != "active":
        raise KeyInvalid("***")
    return key.owner_role()
