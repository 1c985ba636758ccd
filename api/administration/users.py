"""Members of an organisation. They are named by the ids of the users."""

from collections.abc import Sequence

from django.db import models, transaction

from accounts.models import ApiKey, Membership
from accounts.models.organizations import MembershipQuerySet
from accounts.principal import Principal
from accounts.roles import Role
from api.administration.granting import granter
from api.administration.rows import OWNERS_OF_ALL, check_grant, find, made, saved

BY_USER = "user__public_id"


def members_of(organization_id: str, emails: Sequence[str] = ()) -> MembershipQuerySet:
    """The members of the organisation, those with one of these e-mails if any are given. Of each is read when a key of
    theirs was last used in the organisation: `key_used_at`."""
    used = ApiKey.objects.filter(
        user=models.OuterRef("user"), organization=models.OuterRef("organization"), last_used_at__isnull=False
    )
    rows = Membership.objects.filter(organization__public_id=organization_id).select_related("user", "organization")
    rows = rows.annotate(key_used_at=models.Subquery(used.order_by("-last_used_at").values("last_used_at")[:1]))
    return rows.filter(user__email__in=[email.lower() for email in emails]) if emails else rows


def find_member(organization_id: str, user_id: str) -> Membership:
    """The member. Raises NotFound for a user of other organisations only."""
    return find(members_of(organization_id), user_id, "user", by=BY_USER)


@transaction.atomic
def change_user(caller: Principal, user_id: str, role: Role | None) -> Membership:
    """The member, who has this role from now on; with None it stays as it is.

    Raises NotFound, ScopeMissing where the old or the new role is above the caller's own, and InvalidRequest where the
    organisation would lose its last owner.
    """
    actor = granter(caller)
    member = find_member(caller.organization_id, user_id)
    if role is not None and role != member.role:
        check_grant(actor, member.role, role, lacking=OWNERS_OF_ALL)
        member.role = role
        saved(member, "role")
    return member


@transaction.atomic
def remove_user(caller: Principal, user_id: str) -> None:
    """Ends a membership, with its roles in projects. The user's keys fail from now on, in other processes within five
    seconds; the account stays, for the other organisations that it may be in.

    Raises as `change_user`.
    """
    actor = granter(caller)
    member = find_member(caller.organization_id, user_id)
    check_grant(actor, member.role, lacking=OWNERS_OF_ALL)
    made(member.delete)
