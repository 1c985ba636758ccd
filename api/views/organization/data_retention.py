"""/v1/organization/data_retention and /v1/organization/projects/{project_id}/data_retention."""

from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.models import Organization
from api.administration.data_retention import set_retention
from api.schema import organization_alerts as documented
from api.serializers.organization.alerts import (
    data_retention_object,
    parse_organization_retention,
    parse_project_retention,
)
from api.views.organization.base import OrganizationView

ACTIONS = {"get": "organization.data_retention.read", "post": "organization.data_retention.update"}


class OrganizationRetentionView(OrganizationView):
    """What may be kept of what the organisation's callers send and get."""

    actions: ClassVar = ACTIONS

    @property
    def organization(self) -> Organization:
        return Organization.objects.get(public_id=self.organization_id)

    @documented.retrieve_organization_retention
    def get(self, request: Request) -> HttpResponse:
        return self.answer(data_retention_object(self.organization))

    @documented.update_organization_retention
    def post(self, request: Request) -> HttpResponse:
        organization = self.organization
        set_retention(organization, parse_organization_retention(self.body))
        return self.answer(data_retention_object(organization))


class ProjectRetentionView(OrganizationView):
    """The same for a project; who may decide for the organisation decides for its projects."""

    actions: ClassVar = ACTIONS

    @documented.retrieve_project_retention
    def get(self, request: Request, project_id: str) -> HttpResponse:
        return self.answer(data_retention_object(self.project(project_id)))

    @documented.update_project_retention
    def post(self, request: Request, project_id: str) -> HttpResponse:
        project = self.project(project_id)
        set_retention(project, parse_project_retention(self.body))
        return self.answer(data_retention_object(project))
