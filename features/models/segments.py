"""Conditions with a key, for the rules of an organisation's flags to name."""

from collections.abc import Iterable, Sequence

from django.db import models
from django.utils import timezone

from accounts.models import Organization
from features import conditions as tests
from features.models.environments import Environment
from features.models.fields import key_field, keys_only
from features.models.fitting import Fitting, Known, named_segments, reading, states_of
from features.models.ruling import Ruling, RulingQuerySet
from features.problems import Problem


class Segment(Ruling):
    """`conditions` are in the form of `features.conditions.Segment`; all of them must hold."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="segments", verbose_name="organisation"
    )
    key = key_field()
    description = models.TextField(blank=True)
    conditions = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)

    objects = RulingQuerySet["Segment"].as_manager()

    unfelt = ("description",)

    audit_kind = "segment"
    audit_fields = ("organization", "key", "description", "conditions")
    audit_final = ("organization", "key")
    audit_recreatable = True

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="features_segment_once",
                fields=["organization", "key"],
                violation_error_message="The organisation has a segment with this key already.",
            ),
            keys_only("features_segment_key", "key"),
        )

    def __str__(self) -> str:
        return self.key

    def to_data(self) -> dict[str, tests.Json]:
        """Returns the segment as `features.conditions.Segment.from_data` reads it."""
        return {"key": self.key, "description": self.description, "conditions": self.conditions}

    def definition(self) -> tests.Segment:
        """Raises `features.problems.Invalid`."""
        return tests.Segment.from_data(self.to_data())

    def tidy(self) -> None:
        definition, problems = reading(self.definition)
        if definition is not None and not problems:
            self.conditions = definition.to_data()["conditions"]

    def problems(self, fitting: Fitting) -> Iterable[Problem]:
        yield from reading(self.definition)[1]
        if self.pk and self.organization_id:
            yield from fitting.nameless(self.organization_id)

    def lacking(self, fitting: Fitting) -> Iterable[Problem]:
        return fitting.nameless(self.organization_id)

    def join(self, known: Known) -> None:
        known.segments[self.pk] = self.key

    def felt_in(self) -> Iterable[Environment]:
        states = states_of(self.organization_id, "rules").select_related("environment")
        return [state.environment for state in states if self.key in named_segments(state.rules)]

    def audited_in(self) -> Sequence[str]:
        return (self.organization.public_id,)
