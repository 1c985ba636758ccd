"""/v1/organization/projects/{project_id}/api_keys and /v1/organization/admin_api_keys."""

from typing import ClassVar, cast

from django.http import HttpResponse
from rest_framework.request import Request

from api.administration.api_keys import (
    Access,
    admin_keys_of,
    all_admin_keys_of,
    all_keys_of,
    by_access,
    find_admin_key,
    find_key,
    issue_admin_key,
    keys_of,
)
from api.pagination import page
from api.schema import organization as documented
from api.serializers.organization.api_keys import (
    admin_key_object,
    new_admin_key_object,
    parse_new_admin_key,
    project_key_object,
)
from api.views.organization.base import OrganizationView, deleted


class ProjectKeyListView(OrganizationView):
    """The keys of a project, the oldest first."""

    actions: ClassVar = {"get": "project.keys.read"}

    @documented.list_project_keys
    def get(self, request: Request, project_id: str) -> HttpResponse:
        query = self.query
        cursor = query.cursor()
        access = query.choice("owner_project_access", ("active", "inactive", "any"), "any")
        query.done()
        project = self.project(project_id)
        rows = by_access(keys_of(project), cast(Access, access))
        return self.answer(page(rows, cursor, project_key_object, anchors=all_keys_of(project)))


class ProjectKeyView(OrganizationView):
    """One key of a project. Deleting it revokes it: it is not listed any more, and nothing brings it back."""

    actions: ClassVar = {"get": "project.keys.read", "delete": "project.keys.delete"}

    @documented.retrieve_project_key
    def get(self, request: Request, project_id: str, api_key_id: str) -> HttpResponse:
        return self.answer(project_key_object(find_key(self.project(project_id), api_key_id)))

    @documented.delete_project_key
    def delete(self, request: Request, project_id: str, api_key_id: str) -> HttpResponse:
        find_key(self.project(project_id), api_key_id).revoke()
        return self.answer(deleted("organization.project.api_key", api_key_id))


class AdminKeyListView(OrganizationView):
    """The admin keys of the organisation."""

    actions: ClassVar = {"get": "organization.admin_keys.read", "post": "organization.admin_keys.update"}

    @documented.list_admin_keys
    def get(self, request: Request) -> HttpResponse:
        query = self.query
        cursor = query.cursor(ordered=True)
        query.done()
        known = all_admin_keys_of(self.organization_id)
        return self.answer(page(admin_keys_of(self.organization_id), cursor, admin_key_object, anchors=known))

    @documented.create_admin_key
    def post(self, request: Request) -> HttpResponse:
        asked = parse_new_admin_key(self.body)
        key, token = issue_admin_key(self.organization_id, self.caller.key_id, asked.name, lifetime=asked.lifetime)
        return self.answer(new_admin_key_object(key, token), secret=True)


class AdminKeyView(OrganizationView):
    """One admin key. Deleting it revokes it, even if it is the one that is used."""

    actions: ClassVar = {"get": "organization.admin_keys.read", "delete": "organization.admin_keys.update"}

    @documented.retrieve_admin_key
    def get(self, request: Request, key_id: str) -> HttpResponse:
        return self.answer(admin_key_object(find_admin_key(self.organization_id, key_id)))

    @documented.delete_admin_key
    def delete(self, request: Request, key_id: str) -> HttpResponse:
        find_admin_key(self.organization_id, key_id).revoke()
        return self.answer(deleted("organization.admin_api_key", key_id))
