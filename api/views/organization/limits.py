"""Rate limits, spend limits and model permissions: /v1/organization/projects/{project_id}/rate_limits, …/spend_limit,
…/model_permissions, and /v1/organization/spend_limit."""

from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.models import Organization
from api.administration.model_permissions import permissions_of, remove_permissions, set_permissions
from api.administration.rate_limits import change_limits, limits_of
from api.administration.spend_limits import remove_spend_limit, set_spend_limit, spend_limit_of
from api.pagination import page_of
from api.schema import organization_limits as documented
from api.serializers.organization.limits import (
    model_permissions_object,
    parse_model_permissions,
    parse_rate_limits,
    parse_spend_limit,
    rate_limit_object,
    spend_limit_object,
)
from api.views.organization.base import OrganizationView, deleted

READ, UPDATE = "project.limits.read", "project.limits.update"
OF_ORGANIZATION, OF_PROJECT = "organization.spend_limit", "project.spend_limit"


class RateLimitListView(OrganizationView):
    """The rate limits of a project: one for each model or alias that it can see."""

    actions: ClassVar = {"get": READ}

    @documented.list_rate_limits
    def get(self, request: Request, project_id: str) -> HttpResponse:
        query = self.query
        cursor = query.cursor(before=True, limit=100)
        query.done()
        return self.answer(page_of([rate_limit_object(each) for each in limits_of(self.project(project_id))], cursor))


class RateLimitView(OrganizationView):
    """The rate limits of one model in a project."""

    actions: ClassVar = {"post": UPDATE}

    @documented.update_rate_limits
    def post(self, request: Request, project_id: str, rate_limit_id: str) -> HttpResponse:
        project = self.project(project_id)
        return self.answer(rate_limit_object(change_limits(project, rate_limit_id, parse_rate_limits(self.body))))


class OrganizationSpendLimitView(OrganizationView):
    """The most that the organisation may spend in a month."""

    actions: ClassVar = {
        "get": "organization.limits.read",
        "post": "organization.limits.update",
        "delete": "organization.limits.update",
    }

    @property
    def organization(self) -> Organization:
        return Organization.objects.get(public_id=self.organization_id)

    @documented.get_organization_spend_limit
    def get(self, request: Request) -> HttpResponse:
        return self.answer(spend_limit_object(OF_ORGANIZATION, spend_limit_of(self.organization)))

    @documented.update_organization_spend_limit
    def post(self, request: Request) -> HttpResponse:
        limit = set_spend_limit(self.organization, parse_spend_limit(self.body))
        return self.answer(spend_limit_object(OF_ORGANIZATION, limit))

    @documented.delete_organization_spend_limit
    def delete(self, request: Request) -> HttpResponse:
        remove_spend_limit(self.organization)
        return self.answer(deleted(OF_ORGANIZATION))


class ProjectSpendLimitView(OrganizationView):
    """The most that a project may spend in a month."""

    actions: ClassVar = {"get": READ, "post": UPDATE, "delete": UPDATE}

    @documented.get_project_spend_limit
    def get(self, request: Request, project_id: str) -> HttpResponse:
        return self.answer(spend_limit_object(OF_PROJECT, spend_limit_of(self.project(project_id))))

    @documented.update_project_spend_limit
    def post(self, request: Request, project_id: str) -> HttpResponse:
        limit = set_spend_limit(self.project(project_id), parse_spend_limit(self.body))
        return self.answer(spend_limit_object(OF_PROJECT, limit))

    @documented.delete_project_spend_limit
    def delete(self, request: Request, project_id: str) -> HttpResponse:
        remove_spend_limit(self.project(project_id))
        return self.answer(deleted(OF_PROJECT))


class ModelPermissionsView(OrganizationView):
    """Which models a project may use."""

    actions: ClassVar = {
        "get": "project.models.read",
        "post": "project.models.update",
        "delete": "project.models.update",
    }

    @documented.retrieve_model_permissions
    def get(self, request: Request, project_id: str) -> HttpResponse:
        return self.answer(model_permissions_object(permissions_of(self.project(project_id))))

    @documented.update_model_permissions
    def post(self, request: Request, project_id: str) -> HttpResponse:
        project = self.project(project_id)
        asked = parse_model_permissions(self.body)
        return self.answer(model_permissions_object(set_permissions(project, asked.mode, asked.model_ids)))

    @documented.delete_model_permissions
    def delete(self, request: Request, project_id: str) -> HttpResponse:
        remove_permissions(self.project(project_id))
        return self.answer(deleted("project.model_permissions"))
