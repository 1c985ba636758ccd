"""The audit log of an organisation, as OpenAI's wire has it."""

from dataclasses import replace

from django.db.models import QuerySet

from accounts.audit import searching
from accounts.audit.searching import Filters
from accounts.models import AuditEvent

SPECIFIED = (
    "api_key.created",
    "api_key.updated",
    "api_key.deleted",
    "invite.sent",
    "invite.accepted",
    "invite.deleted",
    "login.succeeded",
    "login.failed",
    "logout.succeeded",
    "logout.failed",
    "organization.updated",
    "project.created",
    "project.updated",
    "project.archived",
    "rate_limit.updated",
    "rate_limit.deleted",
    "role.assignment.created",
    "role.assignment.deleted",
    "service_account.created",
    "service_account.updated",
    "service_account.deleted",
    "user.added",
    "user.updated",
    "user.deleted",
)
"""The types of OpenAI's specification that can happen here. Whoever names no type sees these only: the SDK knows no
others. Ours beyond them have to be asked for by name."""


def events_of(organization_id: str, filters: Filters) -> QuerySet[AuditEvent]:
    """The events of the organisation that are looked for."""
    return searching.events_of(organization_id, replace(filters, types=filters.types or SPECIFIED))
