"""What the audit log has of a flag."""

from collections.abc import Collection, Mapping

from django.db.models import Q, QuerySet

from accounts.audit.searching import all_events_of
from accounts.models import AuditEvent
from features.models import Environment, Flag


def environments_of(flag: Flag) -> dict[str, str]:
    """Returns the keys of the organisation's environments, by what the log calls them."""
    found = Environment.objects.filter(organization=flag.organization)
    return {str(pk): key for pk, key in found.values_list("pk", "key")}


def events_of(flag: Flag, environments: Mapping[str, str], seen: Collection[str] | None = None) -> QuerySet[AuditEvent]:
    """Returns the changes of the flag itself, and of its states, in these environments only; None for all. States that
    are gone are found by what is recorded of them."""
    states = Q(target_type="features.flagstate") & (
        Q(after__flag=str(flag.pk)) | Q(after__isnull=True, before__flag=str(flag.pk))
    )
    if seen is not None:
        shown = [pk for pk, key in environments.items() if key in seen]
        states &= Q(after__environment__in=shown) | Q(after__isnull=True, before__environment__in=shown)
    own = Q(target_type="features.flag", target_id=str(flag.pk))
    return all_events_of(flag.organization.public_id).filter(own | states)
