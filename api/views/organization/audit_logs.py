"""/v1/organization/audit_logs."""

from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.audit.searching import all_events_of
from api.administration.audit_logs import events_of
from api.pagination import page
from api.schema import organization as documented
from api.serializers.organization.audit_logs import audit_log_object, parse_filters
from api.views.organization.base import OrganizationView


class AuditLogListView(OrganizationView):
    """What was done in the organisation, the latest first."""

    actions: ClassVar = {"get": "organization.audit.read"}

    @documented.list_audit_logs
    def get(self, request: Request) -> HttpResponse:
        query = self.query
        cursor, filters = query.cursor(newest_first=True, before=True), parse_filters(query)
        query.done()
        known = all_events_of(self.organization_id)
        return self.answer(page(events_of(self.organization_id, filters), cursor, audit_log_object, anchors=known))
