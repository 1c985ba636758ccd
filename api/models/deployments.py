"""Where else a model is reached, and which models answer in its place."""

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q

from accounts.models.audited import Audited, AuditedQuerySet
from api import misfits
from api.models.catalog import MOST_WEIGHT, Model
from api.models.upstreams import Upstream


class Deployment(Audited):
    """A further place where a model is reached, beside the upstream that its own row names."""

    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="deployments")
    upstream = models.ForeignKey(Upstream, on_delete=models.PROTECT, related_name="deployments")
    upstream_model = models.CharField(
        max_length=200, blank=True, help_text="What the upstream calls it; empty when it is the model's id."
    )
    weight = models.PositiveSmallIntegerField(
        default=1,
        validators=[MaxValueValidator(MOST_WEIGHT)],
        help_text="How much of the model's traffic goes there, beside the others. 0: only where all others fail.",
    )

    objects = AuditedQuerySet["Deployment"].as_manager()

    audit_kind = "model_deployment"
    audit_fields = ("model", "upstream", "upstream_model", "weight")
    audit_recreatable = True

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="deployment_once",
                fields=["model", "upstream", "upstream_model"],
                violation_error_message="The model has this deployment already.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.model} at {self.upstream}"

    def clean(self) -> None:
        """It is another place than the model's own, and one that its default parameters can be sent to."""
        super().clean()
        model: Any = self.model if self.model_id else None
        if model is None:  # the form has told already that it is missing
            return
        first = (model.upstream_id, model.upstream_model or model.model_id)
        if first == (self.upstream_id, self.upstream_model or model.model_id):
            raise ValidationError({"upstream": "The model is reached there already."})
        if model.default_parameters and self.upstream_id and self.upstream.kind != Upstream.Kind.OPENAI:
            raise ValidationError({"upstream": "The default parameters of the model cannot be sent there."})


class Fallback(Audited):
    """A model that answers where another does not: in the order of `position`, and without its own fallbacks."""

    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="fallbacks")
    target = models.ForeignKey(
        Model, on_delete=models.CASCADE, related_name="stands_in_for", verbose_name="falls back to"
    )
    position = models.PositiveSmallIntegerField(default=0, help_text="The lowest is asked first.")

    objects = AuditedQuerySet["Fallback"].as_manager()

    audit_kind = "model_fallback"
    audit_fields = ("model", "target", "position")
    audit_recreatable = True

    class Meta:
        ordering: ClassVar = ["position", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="fallback_once",
                fields=["model", "target"],
                violation_error_message="The model falls back to this one already.",
            ),
            models.CheckConstraint(
                name="fallback_to_another",
                condition=~Q(model=F("target")),
                violation_error_message="A model cannot fall back to itself.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} → {self.target}"

    def clean(self) -> None:
        """The other model can take this one's place. Requests ask the same, for either may change later."""
        super().clean()
        target: Any = self.target if self.target_id else None
        if target is None or target.pk == self.model_id:  # told by the field, or by the constraint
            return
        if why := misfits.unfit(self.model, target.model_id, {target.model_id: target}):
            raise ValidationError({"target": f"It {why}."})
