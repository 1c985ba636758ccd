"""Whose events were erased, by the keyed hashes that stand for them."""

from collections.abc import Collection
from datetime import datetime

from django.db import connection, models

from analytics.models.events import IDENTITY_LENGTH
from analytics.models.usage import ID_LENGTH

AT_ONCE = 500
"""How many identities one statement asks for."""

Whose = tuple[str, str, str]
"""The project, the kind and the identity of an erasure."""


class Erasure(models.Model):
    """What came in of a session or a person up to this moment is erased, wherever it still waits to be stored."""

    class Kind(models.TextChoices):
        SESSION = "session"
        PERSON = "person"

    project_id = models.CharField(max_length=ID_LENGTH)
    kind = models.CharField(max_length=10, choices=Kind)
    identity = models.CharField(max_length=IDENTITY_LENGTH)
    at = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(name="analytics_erasure_once", fields=["project_id", "kind", "identity"]),
            models.CheckConstraint(
                name="analytics_erasure_kind_known", condition=models.Q(kind__in=["session", "person"])
            ),
        )

    def __str__(self) -> str:
        return f"a {self.kind} of {self.project_id}"

    @classmethod
    def moments(cls, asked: Collection[Whose]) -> dict[Whose, datetime]:
        """Returns when each of these was erased last, of those that were. One query for some hundred, none for none.
        Raises django.db.Error."""
        identities = sorted({who for _, _, who in asked})
        at_once = min(AT_ONCE, connection.features.max_query_params or AT_ONCE)
        found: dict[Whose, datetime] = {}
        for start in range(0, len(identities), at_once):
            rows = cls.objects.filter(identity__in=identities[start : start + at_once])
            for project_id, kind, who, at in rows.values_list("project_id", "kind", "identity", "at"):
                found[(project_id, kind, who)] = at
        return found
