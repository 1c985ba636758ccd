"""/v1/organization/users."""

from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from api.administration.roles import find_role
from api.administration.users import BY_USER, change_user, find_member, members_of, remove_user
from api.pagination import page
from api.schema import organization_people as documented
from api.serializers.organization.users import parse_user_change, user_object
from api.views.organization.base import OrganizationView, deleted

READ, UPDATE = "organization.users.read", "organization.users.update"


class UserListView(OrganizationView):
    """The users of the organisation, in the order in which they joined."""

    actions: ClassVar = {"get": READ}

    @documented.list_users
    def get(self, request: Request) -> HttpResponse:
        query = self.query
        cursor, emails = query.cursor(), query.texts("emails")
        query.done()
        known = members_of(self.organization_id)
        rows = members_of(self.organization_id, emails)
        return self.answer(page(rows, cursor, user_object, anchors=known, by=BY_USER))


class UserView(OrganizationView):
    """One user. Deleting ends the membership; the account stays."""

    actions: ClassVar = {"get": READ, "post": UPDATE, "delete": UPDATE}

    @documented.retrieve_user
    def get(self, request: Request, user_id: str) -> HttpResponse:
        return self.answer(user_object(find_member(self.organization_id, user_id)))

    @documented.modify_user
    def post(self, request: Request, user_id: str) -> HttpResponse:
        asked = parse_user_change(self.body)
        role = asked.role
        if asked.role_id is not None:
            role = find_role(self.organization_id, "organization", asked.role_id).role
        return self.answer(user_object(change_user(self.caller, user_id, role)))

    @documented.delete_user
    def delete(self, request: Request, user_id: str) -> HttpResponse:
        remove_user(self.caller, user_id)
        return self.answer(deleted("organization.user", user_id))
