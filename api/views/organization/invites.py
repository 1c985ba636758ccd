"""/v1/organization/invites."""

from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from api.administration.invites import all_invites_of, delete_invite, find_invite, invites_of, send_invite
from api.pagination import page
from api.schema import organization_invites as documented
from api.serializers.organization.invites import invite_object, parse_invite
from api.views.organization.base import OrganizationView, deleted

READ, UPDATE = "organization.invites.read", "organization.invites.update"


class InviteListView(OrganizationView):
    """The invites of the organisation, the oldest first, accepted and expired ones too."""

    actions: ClassVar = {"get": READ, "post": UPDATE}

    @documented.list_invites
    def get(self, request: Request) -> HttpResponse:
        query = self.query
        cursor = query.cursor()
        query.done()
        known = all_invites_of(self.organization_id)
        return self.answer(page(invites_of(self.organization_id), cursor, invite_object, anchors=known))

    @documented.create_invite
    def post(self, request: Request) -> HttpResponse:
        asked = parse_invite(self.body)
        return self.answer(invite_object(send_invite(self.caller, asked.email, asked.role, asked.projects)))


class InviteView(OrganizationView):
    """One invite. Deleting makes its link useless."""

    actions: ClassVar = {"get": READ, "delete": UPDATE}

    @documented.retrieve_invite
    def get(self, request: Request, invite_id: str) -> HttpResponse:
        return self.answer(invite_object(find_invite(self.organization_id, invite_id)))

    @documented.delete_invite
    def delete(self, request: Request, invite_id: str) -> HttpResponse:
        delete_invite(self.caller, invite_id)
        return self.answer(deleted("organization.invite", invite_id))
