"""Many API keys at once: with their owners and roles, and by what became of them."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.utils import timezone

from accounts import keys
from accounts.models.organizations import Membership, ProjectMembership
from accounts.models.remembered import RememberedQuerySet

if TYPE_CHECKING:
    from accounts.models.apikeys import ApiKey  # which is made of this


class ApiKeyQuerySet(RememberedQuerySet["ApiKey"]):
    """Keys, and what can be asked of many."""

    def with_owners(self) -> "ApiKeyQuerySet":
        """Returns the keys with everything that tells who calls, read in the same query."""
        return self.select_related("organization", "project", "user", "service_account")

    def with_roles(self) -> "ApiKeyQuerySet":
        """Returns the keys with the roles of the users who own them, read in the same query."""
        member = Membership.objects.filter(user=models.OuterRef("user"), organization=models.OuterRef("organization"))
        in_project = ProjectMembership.objects.filter(
            membership__user=models.OuterRef("user"), project=models.OuterRef("project")
        )
        return self.annotate(
            held_in_organization=models.Subquery(member.values("role")[:1]),
            held_in_project=models.Subquery(in_project.values("role")[:1]),
        )

    def of_text(self, text: str) -> "ApiKey | None":
        """Returns the key whose whole text this is, found by its digest; None where there is none."""
        return self.filter(digest__in=keys.digests(text)).order_by().first()

    def open(self, now: datetime) -> "ApiKeyQuerySet":
        """Returns those that are neither revoked nor expired at `now`."""
        lasting = models.Q(expires_at__isnull=True) | models.Q(expires_at__gt=now)
        return self.filter(lasting, revoked_at__isnull=True)

    def holding(self, scope: str, now: datetime) -> set[str]:
        """Returns the ids of those that work at `now` and let their holders use `scope`: one query."""
        found = self.open(now).with_owners().with_roles()
        return {key.public_id for key in found if key.state(now) == "active" and key.principal().allows(scope)}

    def stale(self, since: datetime, now: datetime) -> "ApiKeyQuerySet":
        """Returns the open keys that nobody has used since `since`; of those never used, the ones that are older."""
        unused = models.Q(last_used_at__lt=since) | models.Q(last_used_at__isnull=True, created_at__lt=since)
        return self.open(now).filter(unused)

    def revoke(self) -> int:
        """Revokes those that are not revoked yet. Returns how many that were."""
        return self.filter(revoked_at__isnull=True).update(revoked_at=timezone.now())
