"""Rotating a key: another takes its place, and the old one ends after an overlap in which both work."""

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.models import ApiKey, Budget, RateLimit
from accounts.models.keyrules import check_open

OVERLAP = timedelta(days=7)
"""For how long the old key works on, unless told otherwise."""
LONGEST_OVERLAP = timedelta(days=365)


@transaction.atomic
def rotate(
    key: ApiKey, overlap: timedelta = OVERLAP, *, expires_at: datetime | None = None, dry_run: bool = False
) -> tuple[ApiKey, str]:
    """Returns the key that replaces `key`, and its text, which nothing can show again.

    It has the same name, owner, project, scopes and origins, and expires when the old one was to, unless `expires_at`
    says otherwise. The old one expires after `overlap`, or earlier if it was to; at once where that is zero. Its rate
    limits and budgets follow; the two are of one family, whose calls are counted together: in the overlap they have no
    more than the one had. In a dry run all of it is tried, and taken back.

    Raises ValidationError, and changes nothing, where the key has ended or fallen or was replaced already, and where
    the new one would not be valid.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise ValidationError(f"An overlap lasts from none to {LONGEST_OVERLAP.days} days.", code="overlap")
    old, now = key.locked(), timezone.now()
    check_open(old, now)
    if old.replaced_by is not None:
        raise ValidationError(f"The key was replaced by {old.replaced_by.public_id}: rotate that one.", code="replaced")
    if old.state(now) != "active":
        raise ValidationError("The key has fallen with its owner or project: make a new one.", code="fallen")
    # Before the audit log is locked by the first change, as by everybody who changes a limit.
    rates = list(RateLimit.objects.filter(api_key=old).order_by("pk").select_for_update())
    budgets = list(Budget.objects.filter(api_key=old).order_by("pk").select_for_update())
    new, token = ApiKey.issue(
        name=old.name,
        organization=old.organization,
        project=old.project,
        user=old.user,
        service_account=old.service_account,
        scopes=old.scopes,
        is_admin=old.is_admin,
        is_publishable=old.is_publishable,
        origins=old.origins,
        expires_at=expires_at or old.expires_at,
        family=old.family,
    )
    end = now + overlap
    old.expires_at = end if old.expires_at is None else min(end, old.expires_at)
    old.replaced_by = new
    old.save(update_fields=["expires_at", "replaced_by"])
    RateLimit.objects.filter(pk__in=[row.pk for row in rates]).update(api_key=new)
    Budget.objects.filter(pk__in=[row.pk for row in budgets]).update(api_key=new)
    if dry_run:
        transaction.set_rollback(True)
    return new, token
