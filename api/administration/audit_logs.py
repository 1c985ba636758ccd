"""The audit log of an organisation, as administrators search it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Q, QuerySet

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
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Filters:
    """What is looked for: events that satisfy all that is given; of a list, any of its members.

    `since` and `until` are the first and the last whole second, since 1970. An actor is named by the id of a user, a
    service account, or the key that was used.
    """

    since: int | None = None
    until: int | None = None
    types: Sequence[str] = ()
    projects: Sequence[str] = ()
    actors: Sequence[str] = ()
    emails: Sequence[str] = ()
    resources: Sequence[str] = ()


def events_of(organization_id: str, filters: Filters) -> QuerySet[AuditEvent]:
    """The events of the organisation that are looked for."""
    rows = all_events_of(organization_id).filter(type__in=filters.types or SPECIFIED)
    if filters.projects:
        rows = rows.filter(project_id__in=filters.projects)
    if filters.resources:
        rows = rows.filter(target_id__in=filters.resources)
    if filters.actors:
        rows = rows.filter(Q(actor_id__in=filters.actors) | Q(key_id__in=filters.actors))
    if filters.emails:
        rows = rows.filter(actor_kind="user", actor_name__in=[email.lower() for email in filters.emails])
    if filters.since is not None:
        rows = rows.filter(created_at__gte=datetime.fromtimestamp(filters.since, UTC))
    if filters.until is not None:
        rows = rows.filter(created_at__lt=datetime.fromtimestamp(filters.until, UTC) + SECOND)
    return rows


def all_events_of(organization_id: str) -> QuerySet[AuditEvent]:
    """Every event of the organisation."""
    return AuditEvent.objects.filter(organization=organization_id)
