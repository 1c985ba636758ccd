"""/v1/organization/projects/{project_id}/service_accounts."""

from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from api.administration.service_accounts import (
    KEY_NAME,
    change_service_account,
    create_service_account,
    delete_service_account,
    find_service_account,
    issue_key,
)
from api.pagination import page
from api.schema import organization as documented
from api.serializers.organization.service_accounts import (
    new_key_object,
    new_service_account_object,
    parse_new_key,
    parse_new_service_account,
    parse_service_account_change,
    service_account_object,
)
from api.views.organization.base import OrganizationView, deleted

READ, UPDATE = "project.service_accounts.read", "project.service_accounts.update"


class ServiceAccountListView(OrganizationView):
    """The service accounts of a project, the oldest first."""

    actions: ClassVar = {"get": READ, "post": UPDATE}

    @documented.list_service_accounts
    def get(self, request: Request, project_id: str) -> HttpResponse:
        query = self.query
        cursor = query.cursor()
        query.done()
        return self.answer(page(self.project(project_id).service_accounts.all(), cursor, service_account_object))

    @documented.create_service_account
    def post(self, request: Request, project_id: str) -> HttpResponse:
        project = self.project(project_id)
        asked = parse_new_service_account(self.body)
        account, key, token = create_service_account(
            project, asked.name, with_key=asked.with_key, lifetime=asked.lifetime
        )
        return self.answer(new_service_account_object(account, key, token), secret=True)


class ServiceAccountView(OrganizationView):
    """One service account."""

    actions: ClassVar = {"get": READ, "post": UPDATE, "delete": UPDATE}

    @documented.retrieve_service_account
    def get(self, request: Request, project_id: str, service_account_id: str) -> HttpResponse:
        account = find_service_account(self.project(project_id), service_account_id)
        return self.answer(service_account_object(account))

    @documented.update_service_account
    def post(self, request: Request, project_id: str, service_account_id: str) -> HttpResponse:
        account = find_service_account(self.project(project_id), service_account_id)
        asked = parse_service_account_change(self.body)
        change_service_account(account, self.caller.role, name=asked.name, role=asked.role)
        return self.answer(service_account_object(account))

    @documented.delete_service_account
    def delete(self, request: Request, project_id: str, service_account_id: str) -> HttpResponse:
        account = find_service_account(self.project(project_id), service_account_id)
        delete_service_account(account, self.caller.role)
        return self.answer(deleted("organization.project.service_account", service_account_id))


class ServiceAccountKeyListView(OrganizationView):
    """Further keys of a service account."""

    actions: ClassVar = {"post": UPDATE}

    @documented.create_service_account_key
    def post(self, request: Request, project_id: str, service_account_id: str) -> HttpResponse:
        account = find_service_account(self.project(project_id), service_account_id)
        asked = parse_new_key(self.body)
        key, token = issue_key(account, asked.name or KEY_NAME, lifetime=asked.lifetime, scopes=asked.scopes)
        return self.answer(new_key_object(key, token), secret=True)
