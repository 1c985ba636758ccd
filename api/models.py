"""The model catalog: upstreams that answer, models they answer as, and aliases for models."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q, TextChoices

from accounts.models import Project
from accounts.models.audited import Audited, AuditedQuerySet
from api import validators
from api.engines.encodings import ENCODINGS


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


class Upstream(Audited):
    """A place where models run: inside this process, or another OpenAI-compatible server."""

    class Kind(TextChoices):
        OPENAI = "openai", "OpenAI-compatible server"
        CHAT = "embedded-chat", "Embedded chat model"
        EMBEDDINGS = "embedded-embeddings", "Embedded embedding model"
        ECHO = "echo", "Echo"

    name = models.CharField(max_length=64, unique=True, validators=[validators.model_id])
    kind = models.CharField(max_length=32, choices=Kind, default=Kind.OPENAI)
    base_url = models.CharField(
        "base URL",
        blank=True,
        max_length=500,
        validators=[validators.base_url],
        help_text="Up to and including /v1, as the OpenAI SDK takes it.",
    )
    api_key_env = models.CharField(
        "API key variable",
        blank=True,
        max_length=128,
        validators=[validators.key_variable],
        help_text="The environment variable that holds this upstream's API key; the key itself is never stored.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AuditedQuerySet["Upstream"].as_manager()

    audit_kind = "upstream"
    audit_fields = ("name", "kind", "base_url", "api_key_env")
    audit_recreatable = True

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="upstream_base_url_where_remote",
                condition=(Q(kind="openai") & ~Q(base_url="")) | (~Q(kind="openai") & Q(base_url="")),
                violation_error_message="An OpenAI-compatible server needs a base URL, and only it has one.",
            )
        ]

    def __str__(self) -> str:
        return self.name


class ModelQuerySet(AuditedQuerySet["Model"]):
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
    context_window = models.PositiveIntegerField(null=True, blank=True, help_text="In tokens; empty when unknown.")
    encoding = models.CharField(
        max_length=32,
        default="cl100k_base",
        choices=[(name, name) for name in ENCODINGS],
        help_text="The encoding that callers' token ids are in.",
    )
    input_price = price("input")
    cached_input_price = price("cached input")
    output_price = price("output")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ModelQuerySet.as_manager()

    audit_kind = "model"
    audit_fields = (
        "model_id", "upstream", "upstream_model", "enabled", "chat", "completions", "embeddings", "context_window",
        "encoding", "input_price", "cached_input_price", "output_price",
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
        """An id is a model's or an alias's, never both."""
        super().clean()
        if Alias.objects.filter(name=self.model_id).exists():
            raise ValidationError({"model_id": "An alias has this name."})

    def as_listed(self, name: str | None = None) -> dict[str, Any]:
        """The `Model` object of OpenAI's specification, under the model's own id or an alias's name."""
        return {
            "id": name or self.model_id,
            "object": "model",
            "created": int(self.created_at.timestamp()),
            "owned_by": self.upstream.name,
        }


class Alias(Audited):
    """A second name for a model. Answers carry the model's own id."""

    name = models.CharField(max_length=200, unique=True, validators=[validators.model_id])
    target = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="aliases")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AuditedQuerySet["Alias"].as_manager()

    audit_kind = "model_alias"
    audit_fields = ("name", "target")
    audit_recreatable = True

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name_plural = "aliases"

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """A name is a model's or an alias's, never both."""
        super().clean()
        if Model.objects.filter(model_id=self.name).exists():
            raise ValidationError({"name": "A model has this id."})


class ModelPermissions(Audited):
    """Which models a project may use: only those listed, or all but those. Without one it may use all.

    A model is meant under its own id and every alias of it; an alias only under its own name.
    """

    class Mode(TextChoices):
        ALLOW = "allow_list", "Only these"
        DENY = "deny_list", "All but these"

    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="model_permissions")
    mode = models.CharField(max_length=10, choices=Mode)
    model_ids = models.JSONField("models", default=list, blank=True)

    objects = AuditedQuerySet["ModelPermissions"].as_manager()

    audit_kind = "model_permissions"
    audit_fields = ("project", "mode", "model_ids")
    audit_final = ("project",)
    audit_recreatable = True

    class Meta:
        verbose_name_plural = "model permissions"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="model_permissions_mode_known", condition=Q(mode__in=["allow_list", "deny_list"])
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_mode_display()}: {', '.join(self.model_ids) or 'none'}"

    def audited_in(self) -> Sequence[str]:
        return (self.project.organization.public_id,)

    def audited_project(self) -> tuple[str, str]:
        return (self.project.public_id, self.project.name)


def is_name(text: str) -> bool:
    """Returns whether there is a model, enabled or not, or an alias of this name."""
    return Model.objects.filter(model_id=text).exists() or Alias.objects.filter(name=text).exists()
