"""The audit log of an organisation, as it is searched."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Q, QuerySet

from accounts.models.audit import AuditEvent
from accounts.publicids import rate_limit_id

SECOND = timedelta(seconds=1)
LIMIT = "rl-"
RATE_LIMIT = "accounts.ratelimit"


@dataclass(frozen=True, slots=True)
class Filters:
    """What is looked for: events that satisfy all that is given; of a list, any of its members.

    `since` and `until` are the first and the last whole second, since 1970. An actor is named by the id of a user, a
    service account, or the key that was used; a resource by its id, and the rate limits of a model in a project by the
    one that the wire has for them.
    """

    since: int | None = None
    until: int | None = None
    types: Sequence[str] = ()
    projects: Sequence[str] = ()
    actors: Sequence[str] = ()
    emails: Sequence[str] = ()
    resources: Sequence[str] = ()
    resource_types: Sequence[str] = ()
    actor_kinds: Sequence[str] = ()
    sources: Sequence[str] = ()
    requests: Sequence[str] = ()


def events_of(organization_id: str, filters: Filters) -> QuerySet[AuditEvent]:
    """The events of the organisation that are looked for."""
    rows = all_events_of(organization_id)
    for field, wanted in (
        ("type", filters.types),
        ("project_id", filters.projects),
        ("target_type", filters.resource_types),
        ("actor_kind", filters.actor_kinds),
        ("source", filters.sources),
        ("request_id", filters.requests),
    ):
        if wanted:
            rows = rows.filter(**{f"{field}__in": wanted})
    if filters.resources:
        rows = rows.filter(_about(organization_id, filters.resources))
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


def _about(organization_id: str, resources: Sequence[str]) -> Q:
    """Events about any of these. The id of rate limits is a digest of project and model, so it is compared with those
    of all that the log tells of: models that are gone are found, too."""
    wanted = Q(target_id__in=resources)
    asked = {resource for resource in resources if resource.startswith(LIMIT)}
    if not asked:
        return wanted
    limits = all_events_of(organization_id).filter(target_type=RATE_LIMIT)
    for side, there in (("after", Q()), ("before", Q(after__isnull=True))):
        names = [f"{side}__project", f"{side}__model"]
        for project, model in limits.filter(there).order_by().values_list(*names).distinct():
            if project and model and rate_limit_id(project, model) in asked:
                wanted |= there & Q(target_type=RATE_LIMIT, **dict(zip(names, (project, model), strict=True)))
    return wanted
