"""What the OpenAPI document says of invites: more decorators of the Admin API's views."""

from collections.abc import Mapping
from typing import Any

from api import exceptions as wire
from api.schema.errors import Examples
from api.schema.organization import PAGE, deletion, operation
from api.schema.organization_people import ARCHIVED
from api.schema.organization_shapes import MOMENT, PROJECT, listed, moment, one_of, page
from api.schema.organization_shapes import deletion as deletion_shape
from api.schema.shapes import constant, created, shape, text
from api.serializers.organization import invites

Invite = shape(
    "Invite",
    "Somebody who was asked to join the organisation.",
    {
        "object": constant("organization.invite"),
        "id": text(),
        "email": text("Where it was sent to."),
        "role": one_of("owner", "reader", help_text="`reader` for every role that is not owner."),
        "status": one_of("pending", "accepted", "expired"),
        "created_at": created(),
        "expires_at": moment("Until when it can be accepted, in seconds since 1970."),
        "accepted_at": moment("When it was accepted, in seconds since 1970."),
        "projects": shape(
            "InviteProject", "A project to be joined.", {"id": text(), "role": one_of(*invites.TO_PROJECTS)}
        )(many=True),
    },
)
INVITE: dict[str, Any] = {
    "object": "organization.invite",
    "id": "invite-Mn3BvCx7ZaSdFgHj2KlQwErT",
    "email": "grace@example.com",
    "role": "reader",
    "status": "pending",
    "created_at": MOMENT,
    "expires_at": MOMENT + 604_800,
    "accepted_at": None,
    "projects": [{"id": PROJECT["id"], "role": "member"}],
}
IN_INVITE = ("invite_id",)
NOT_SENT: Mapping[int, Examples] = {
    **ARCHIVED,
    404: {"No such project": wire.NotFound("project", "proj_unknown")},
    409: {
        "Member": wire.Conflict("This is a member of the organisation already.", code="already_member", param="email"),
        "Invited": wire.Conflict("This e-mail has an invite already.", code="already_invited", param="email"),
    },
    502: {"No mail server": wire.MailNotSent()},
}
ACCEPTED: Mapping[int, Examples] = {
    400: {"Accepted": wire.InvalidRequest("The invite was accepted: delete the user instead.", code="invite_accepted")}
}

list_invites = operation("list-invites", "List invites", listed("InviteListResponse", Invite), page(INVITE), query=PAGE)
create_invite = operation(
    "inviteUser",
    "Invite somebody by e-mail",
    Invite,
    INVITE,
    body=(
        invites.InviteSerializer,
        {
            "To the default project": {"email": "grace@example.com", "role": "reader"},
            "To no project": {"email": "grace@example.com", "role": "reader", "projects": []},
        },
    ),
    also=NOT_SENT,
)
retrieve_invite = operation("retrieve-invite", "Retrieve an invite", Invite, INVITE, inside=IN_INVITE)
delete_invite = operation(
    "delete-invite",
    "Delete an invite",
    deletion_shape("InviteDeleteResponse", "organization.invite"),
    deletion("organization.invite", INVITE["id"]),
    inside=IN_INVITE,
    also=ACCEPTED,
)
