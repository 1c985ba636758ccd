"""Models that callers can name, and aliases for them."""

from decimal import Decimal
from typing import Any, ClassVar, TypeVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import Q

from accounts.models.audited import Audited, AuditedQuerySet
from api import defaults, misfits, validators
from api.engines.encodings import ENCODINGS
from api.models.upstreams import Upstream
from features.models.fields import keys_or_empty
from features.problems import MAX_KEY

CAPABILITIES = ("chat", "completions", "embeddings", "moderations")
"""The endpoints that a model may answer, and the columns that say so."""

MOST_WEIGHT = 1000

Row = TypeVar("Row", bound=models.Model)


def price(what: str) -> "models.DecimalField[Decimal, Decimal]":
    """US dollars per million tokens."""
    return models.DecimalField(
        f"{what} price",
        max_digits=14,
        decimal_places=6,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
        help_text="US dollars per million tokens.",
    )


class CatalogQuerySet(AuditedQuerySet[Row]):
    """Rows that rollouts rest on. Changing many at once raises ValidationError, and changes nothing, where saving one
    of them would."""

    def update(self, **kwargs: Any) -> int:
        with transaction.atomic(using=self.db):
            keys = list(self.order_by().values_list("pk", flat=True))
            changed = super().update(**kwargs)
            rows: Any = models.QuerySet(self.model, using=self.db).filter(pk__in=keys)
            for row in rows if misfits.touched(kwargs) else ():
                misfits.complain(row)
        return changed


class ModelQuerySet(CatalogQuerySet["Model"]):
    """Models, by what the data plane asks of them."""

    def served(self) -> "ModelQuerySet":
        """The enabled ones with their upstreams, in the order in which they are listed."""
        return self.filter(enabled=True).select_related("upstream").order_by("created_at", "model_id")


class Model(Audited):
    """A model that callers can name: its public id, and where and as what it is reached."""

    model_id = models.CharField("id", max_length=200, unique=True, validators=[validators.model_id])
    upstream = models.ForeignKey(Upstream, on_delete=models.PROTECT, related_name="models")
    upstream_model = models.CharField(
        max_length=200, blank=True, help_text="What the upstream calls it; empty when it is the same id."
    )
    enabled = models.BooleanField(default=True)
    chat = models.BooleanField(default=True, help_text="Answers /v1/chat/completions.")
    completions = models.BooleanField(default=True, help_text="Answers /v1/completions.")
    embeddings = models.BooleanField(default=True, help_text="Answers /v1/embeddings.")
    moderations = models.BooleanField(default=False, help_text="Answers /v1/moderations.")
    context_window = models.PositiveIntegerField(null=True, blank=True, help_text="In tokens; empty when unknown.")
    encoding = models.CharField(
        max_length=32,
        default="cl100k_base",
        choices=[(name, name) for name in ENCODINGS],
        help_text="The encoding that callers' token ids are in.",
    )
    vector_space = models.CharField(
        max_length=200,
        blank=True,
        help_text="Embedding models that name the same one give vectors that can be compared, so that a rollout may "
        "put one in the place of the other. Empty: with no other model's.",
    )
    weight = models.PositiveSmallIntegerField(
        default=1,
        validators=[MaxValueValidator(MOST_WEIGHT)],
        help_text="How much of its traffic goes to this upstream, beside its further deployments. 0: only where all "
        "others fail.",
    )
    default_parameters = models.JSONField(
        default=dict,
        blank=True,
        help_text='What the upstream is asked for where the caller says nothing of it, as {"temperature": 0.2}.',
    )
    input_price = price("input")
    cached_input_price = price("cached input")
    output_price = price("output")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ModelQuerySet.as_manager()

    audit_kind = "model"
    audit_fields = (
        "model_id", "upstream", "upstream_model", "enabled", "chat", "completions", "embeddings", "moderations",
        "context_window", "encoding", "vector_space", "weight", "default_parameters", "input_price",
        "cached_input_price", "output_price",
    )  # fmt: skip
    audit_recreatable = True

    class Meta:
        ordering: ClassVar = ["model_id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="model_prices_not_negative",
                condition=Q(input_price__gte=0) & Q(cached_input_price__gte=0) & Q(output_price__gte=0),
            )
        ]

    def __str__(self) -> str:
        return self.model_id

    def clean(self) -> None:
        """An id is a model's or an alias's, never both; and no rollout breaks."""
        super().clean()
        if Alias.objects.filter(name=self.model_id).exists():
            raise ValidationError({"model_id": "An alias has this name."})
        if self.default_parameters is None:  # what an empty field of a form stands for
            self.default_parameters = {}
        if self.default_parameters and self.upstream_id and self.upstream.kind != Upstream.Kind.OPENAI:
            raise ValidationError({"default_parameters": "Only models of an OpenAI-compatible server have them."})
        defaults.complain(self.default_parameters, self.capabilities)
        misfits.complain(self)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises ValidationError, and saves nothing, where a rollout could not go on with it."""
        if misfits.touched(kwargs.get("update_fields")):
            misfits.complain(self)
        super().save(*args, **kwargs)

    @property
    def capabilities(self) -> frozenset[str]:
        """The endpoints that it answers."""
        return frozenset(name for name in CAPABILITIES if getattr(self, name))

    def as_listed(self, name: str | None = None) -> dict[str, Any]:
        """The `Model` object of OpenAI's specification, under the model's own id or an alias's name."""
        return {
            "id": name or self.model_id,
            "object": "model",
            "created": int(self.created_at.timestamp()),
            "owned_by": self.upstream.name,
        }


class Alias(Audited):
    """A second name for a model. Answers carry the model's own id.

    Where the caller's organisation has a flag with the key `rollout`, the flag's value is the id of the model that
    answers; where it has none, `target` answers.
    """

    name = models.CharField(max_length=200, unique=True, validators=[validators.model_id])
    target = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="aliases")
    rollout = models.CharField(
        max_length=MAX_KEY,
        blank=True,
        db_index=True,
        validators=[validators.flag_key],
        help_text="The key of a feature flag whose variants are ids of models: each caller gets the one that the flag "
        "of their organisation says, and the target where there is no such flag. Empty for none.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CatalogQuerySet["Alias"].as_manager()

    audit_kind = "model_alias"
    audit_fields = ("name", "target", "rollout")
    audit_recreatable = True

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name_plural = "aliases"
        constraints: ClassVar = [keys_or_empty("alias_rollout_key", "rollout")]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """A name is a model's or an alias's, never both; and what its flags roll out can take the target's place."""
        super().clean()
        if Model.objects.filter(model_id=self.name).exists():
            raise ValidationError({"name": "A model has this id."})
        misfits.complain(self)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises ValidationError, and saves nothing, where there is a flag that cannot roll out here."""
        if misfits.touched(kwargs.get("update_fields")):
            misfits.complain(self)
        super().save(*args, **kwargs)


def is_name(text: str) -> bool:
    """Returns whether there is a model, enabled or not, or an alias of this name."""
    return Model.objects.filter(model_id=text).exists() or Alias.objects.filter(name=text).exists()
