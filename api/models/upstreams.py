"""Where models run."""

from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q, TextChoices

from accounts.audit.snapshots import State
from accounts.models.audited import Audited, AuditedQuerySet
from api import key_destinations, validators

LIMITS = ("max_connections", "connect_seconds", "first_seconds", "silence_seconds", "whole_seconds")
"""What an upstream is allowed, each empty where the setting holds."""
SHORTEST = 0.001


def seconds(what: str, setting: str) -> "models.FloatField[float | None, float | None]":
    """A time that may be left to the setting."""
    return models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(SHORTEST)],
        help_text=f"Seconds {what}. Empty: {setting}.",
    )


class Upstream(Audited):
    """A place where models run: inside this process, or another OpenAI-compatible server."""

    class Kind(TextChoices):
        OPENAI = "openai", "OpenAI-compatible server"
        CHAT = "embedded-chat", "Embedded chat model"
        EMBEDDINGS = "embedded-embeddings", "Embedded embedding model"
        MODERATION = "embedded-moderation", "Embedded moderation model"
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
    max_connections = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="How many each process may have open. Empty: LUKHAS_UPSTREAM_CONNECTIONS.",
    )
    connect_seconds = seconds("to wait for a connection", "LUKHAS_UPSTREAM_CONNECT_SECONDS")
    first_seconds = seconds(
        "until a whole answer, or the first event of a stream, is there", "LUKHAS_UPSTREAM_FIRST_SECONDS"
    )
    silence_seconds = seconds("that a stream may be silent", "LUKHAS_UPSTREAM_READ_SECONDS")
    whole_seconds = seconds("that an answer may take from beginning to end", "LUKHAS_UPSTREAM_WHOLE_SECONDS")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AuditedQuerySet["Upstream"].as_manager()

    audit_kind = "upstream"
    audit_fields = ("name", "kind", "base_url", "api_key_env", *LIMITS)
    audit_recreatable = True

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="upstream_base_url_where_remote",
                condition=(Q(kind="openai") & ~Q(base_url="")) | (~Q(kind="openai") & Q(base_url="")),
                violation_error_message="An OpenAI-compatible server needs a base URL, and only it has one.",
            ),
            models.CheckConstraint(
                name="upstream_limits_positive",
                # What is empty is neither true nor false, and so passes.
                condition=Q(max_connections__gte=1)
                & Q(connect_seconds__gt=0)
                & Q(first_seconds__gt=0)
                & Q(silence_seconds__gt=0)
                & Q(whole_seconds__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def follow_change(self, before: State | None, after: State | None) -> None:
        """Raises ValidationError where whoever acts may not have a key sent there."""
        if after is not None:
            others = Upstream.objects.exclude(pk=self.pk)
            key_destinations.complain(others, None if before is None else before.shown, after.shown)
