"""Spend alerts: /v1/organization/spend_alerts and /v1/organization/projects/{project_id}/spend_alerts."""

from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.models import Organization, Project
from api.administration.spend_alerts import alerts_of, change_alert, create_alert, find_alert
from api.pagination import page
from api.schema import organization_alerts as documented
from api.serializers.organization.alerts import parse_spend_alert, spend_alert_object
from api.views.organization.base import OrganizationView, deleted

READ, UPDATE = "organization.limits.read", "organization.limits.update"
READ_PROJECT, UPDATE_PROJECT = "project.limits.read", "project.limits.update"


class AlertsView(OrganizationView):
    """What is done with the alerts of an organisation and of a project alike."""

    @property
    def organization(self) -> Organization:
        return Organization.objects.get(public_id=self.organization_id)

    def listed(self, scope: Organization | Project) -> HttpResponse:
        query = self.query
        cursor = query.cursor(ordered=True, before=True)
        query.done()
        return self.answer(page(alerts_of(scope), cursor, spend_alert_object))

    def created(self, scope: Organization | Project) -> HttpResponse:
        return self.answer(spend_alert_object(create_alert(scope, parse_spend_alert(self.body))))

    def found(self, scope: Organization | Project, alert_id: str) -> HttpResponse:
        return self.answer(spend_alert_object(find_alert(scope, alert_id)))

    def changed(self, scope: Organization | Project, alert_id: str) -> HttpResponse:
        alert = find_alert(scope, alert_id)
        change_alert(alert, parse_spend_alert(self.body))
        return self.answer(spend_alert_object(alert))

    def ended(self, scope: Organization | Project, alert_id: str) -> HttpResponse:
        shown: dict[str, Any] = spend_alert_object(alert := find_alert(scope, alert_id))
        alert.delete()
        return self.answer(deleted(shown["object"], alert_id))


class OrganizationAlertListView(AlertsView):
    """The alerts of the organisation, the oldest first."""

    actions: ClassVar = {"get": READ, "post": UPDATE}

    @documented.list_organization_alerts
    def get(self, request: Request) -> HttpResponse:
        return self.listed(self.organization)

    @documented.create_organization_alert
    def post(self, request: Request) -> HttpResponse:
        return self.created(self.organization)


class OrganizationAlertView(AlertsView):
    """One alert of the organisation."""

    actions: ClassVar = {"get": READ, "post": UPDATE, "delete": UPDATE}

    @documented.retrieve_organization_alert
    def get(self, request: Request, alert_id: str) -> HttpResponse:
        return self.found(self.organization, alert_id)

    @documented.update_organization_alert
    def post(self, request: Request, alert_id: str) -> HttpResponse:
        return self.changed(self.organization, alert_id)

    @documented.delete_organization_alert
    def delete(self, request: Request, alert_id: str) -> HttpResponse:
        return self.ended(self.organization, alert_id)


class ProjectAlertListView(AlertsView):
    """The alerts of a project, the oldest first."""

    actions: ClassVar = {"get": READ_PROJECT, "post": UPDATE_PROJECT}

    @documented.list_project_alerts
    def get(self, request: Request, project_id: str) -> HttpResponse:
        return self.listed(self.project(project_id))

    @documented.create_project_alert
    def post(self, request: Request, project_id: str) -> HttpResponse:
        return self.created(self.project(project_id))


class ProjectAlertView(AlertsView):
    """One alert of a project."""

    actions: ClassVar = {"get": READ_PROJECT, "post": UPDATE_PROJECT, "delete": UPDATE_PROJECT}

    @documented.retrieve_project_alert
    def get(self, request: Request, project_id: str, alert_id: str) -> HttpResponse:
        return self.found(self.project(project_id), alert_id)

    @documented.update_project_alert
    def post(self, request: Request, project_id: str, alert_id: str) -> HttpResponse:
        return self.changed(self.project(project_id), alert_id)

    @documented.delete_project_alert
    def delete(self, request: Request, project_id: str, alert_id: str) -> HttpResponse:
        return self.ended(self.project(project_id), alert_id)
