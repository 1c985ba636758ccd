"""Invites to an organisation. They are mailed; nobody but the mail tells how to accept one."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from accounts import invitations
from accounts.models import Invite, Organization
from accounts.models.invites import CannotInvite, InviteQuerySet
from accounts.principal import Principal
from accounts.roles import Role
from api.administration.granting import granter
from api.administration.projects import check_open, find_project, projects_of
from api.administration.rows import OWNERS_OF_ALL, check_grant, find
from api.exceptions import Conflict, InvalidRequest, MailNotSent

Promised = Sequence[tuple[str, Role]]
"""Projects by id, each with a role."""


def all_invites_of(organization_id: str) -> InviteQuerySet:
    """Every invite that the organisation ever sent: what was listed before may be named as a cursor."""
    return Invite.objects.filter(organization__public_id=organization_id)


def invites_of(organization_id: str) -> InviteQuerySet:
    """The invites of the organisation that were not deleted."""
    return all_invites_of(organization_id).standing().select_related("organization")


def find_invite(organization_id: str, invite_id: str) -> Invite:
    """The invite. Raises NotFound, for a deleted one too."""
    return find(invites_of(organization_id), invite_id, "invite")


def send_invite(caller: Principal, email: str, role: Role, projects: Promised | None) -> Invite:
    """A new invite, sent. Without a word on projects, whoever accepts becomes a member of the default one.

    Raises ScopeMissing for a role above the caller's own, NotFound and InvalidRequest for projects that are not there
    or are archived, Conflict for a member and for who has an invite, and MailNotSent, after which there is no invite.
    """
    invite, token = _issue(caller, email, role, projects)
    try:
        invitations.send(invite, token)  # outside of the transaction: it may take seconds
    except OSError as error:
        invite.withdraw()
        raise MailNotSent from error
    return invite


@transaction.atomic
def _issue(caller: Principal, email: str, role: Role, projects: Promised | None) -> tuple[Invite, str]:
    actor = granter(caller)
    check_grant(actor, role, lacking=OWNERS_OF_ALL)
    if projects is None:
        usual = projects_of(caller.organization_id).open().filter(is_default=True)
        projects = [(project.public_id, Role.MEMBER) for project in usual]
    for project_id, promised in projects:
        check_open(find_project(caller.organization_id, project_id))
        check_grant(actor, promised)
    organization = Organization.objects.get(public_id=caller.organization_id)
    wanted = [{"id": project_id, "role": promised.value} for project_id, promised in projects]
    try:
        return Invite.issue(organization, email, role, wanted)
    except CannotInvite as error:
        raise Conflict(error.messages[0], code=str(error.code), param="email") from error


@transaction.atomic
def delete_invite(caller: Principal, invite_id: str) -> None:
    """Deletes an invite: its link is of no use from now on.

    Raises NotFound, ScopeMissing for a role above the caller's own, and InvalidRequest for one that was accepted.
    """
    actor = granter(caller)
    rows = invites_of(caller.organization_id).select_for_update(of=("self",))
    invite = find(rows, invite_id, "invite")
    check_grant(actor, invite.role, lacking=OWNERS_OF_ALL)
    if invite.status(timezone.now()) == "accepted":
        raise InvalidRequest("The invite was accepted: delete the user instead.", code="invite_accepted")
    invite.withdraw()
