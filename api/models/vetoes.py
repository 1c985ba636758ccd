"""What policies had against requests: a row a veto, with nothing of what was in the request."""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import models
from django.db.models import Count, Q
from django.db.models.functions import TruncDay

from analytics.models.usage import ID_LENGTH, NAME_LENGTH, WORD_LENGTH
from api.models.policies import LONGEST_CODE, LONGEST_NAME, PolicyKind, PolicyMode


class VetoQuerySet(models.QuerySet["Veto"]):
    def by_day(self, policies: Collection[int], since: datetime) -> Mapping[int, dict[str, dict[datetime, int]]]:
        """Returns how many there were of each of these policies since then: by its primary key, by mode, and by the
        beginning of the day in UTC. One query."""
        found: dict[int, dict[str, dict[datetime, int]]] = {}
        rows = self.filter(policy_id__in=policies, at__gte=since).annotate(day=TruncDay("at"))
        counted = rows.order_by().values_list("policy_id", "mode", "day").annotate(Count("pk"))
        for policy, mode, day, number in counted:
            found.setdefault(policy, {}).setdefault(mode, {})[day] = number
        return found


class Veto(models.Model):
    """A request that a policy refused, or, in shadow, would have refused. A row is written once and never changed.

    Nothing here refers to other tables: it outlives its policy, its key and its project. `model_asked` is the name that
    was asked for, and `model` the one that would have answered.
    """

    at = models.DateTimeField("at", db_index=True)
    organization_id = models.CharField("organisation", max_length=ID_LENGTH, blank=True)
    project_id = models.CharField("project", max_length=ID_LENGTH, blank=True)
    key_id = models.CharField("key", max_length=ID_LENGTH, blank=True)
    request_id = models.CharField("request", max_length=ID_LENGTH, db_index=True)
    endpoint = models.CharField(max_length=WORD_LENGTH)
    model_asked = models.CharField("model asked for", max_length=NAME_LENGTH)
    model = models.CharField(max_length=NAME_LENGTH)
    policy_id = models.BigIntegerField("policy's id")
    policy = models.CharField(max_length=LONGEST_NAME)
    kind = models.CharField(max_length=12, choices=PolicyKind)
    mode = models.CharField(max_length=8, choices=PolicyMode)
    reason_code = models.CharField(max_length=LONGEST_CODE)

    objects = VetoQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        verbose_name_plural = "vetoes"
        indexes = (
            models.Index(name="veto_of_policy", fields=["policy_id", "at"]),
            models.Index(name="veto_of_project", fields=["project_id", "at"]),
            models.Index(name="veto_enforced", fields=["at"], condition=Q(mode="enforce")),
        )

    def __str__(self) -> str:
        return f"{self.reason_code}: {self.request_id}"

    @classmethod
    def last(cls) -> tuple[datetime, str] | None:
        """Returns when a request was refused last, and by which reason code; None where none is on record. One
        query."""
        enforced = cls.objects.filter(mode=PolicyMode.ENFORCE).order_by("-at")
        return enforced.values_list("at", "reason_code").first()
