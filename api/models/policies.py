"""What may veto a request before it reaches a model: policies that staff edit, of an organisation or of a project."""

import re
from collections.abc import Collection, Sequence
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q, TextChoices
from django.utils import timezone

from accounts.audit.snapshots import Json
from accounts.models import Organization, Project
from accounts.models.audited import Audited, AuditedQuerySet
from api.engines.moderation import CATEGORIES
from api.models.catalog import is_name
from features.operands import LONGEST_TEXT, Unreadable
from features.operands import pattern as compiled

LONGEST_NAME = 100
LONGEST_CODE = 64
MOST_TOKENS = 2**31 - 1
CODE = re.compile(rf"[a-z0-9][a-z0-9_.-]{{0,{LONGEST_CODE - 1}}}\Z")


class PolicyKind(TextChoices):
    """What a policy looks at."""

    PATTERN = "pattern", "Pattern"
    MODERATION = "moderation", "Moderation category"
    MAX_TOKENS = "max_tokens", "Maximum input tokens"


class PolicyMode(TextChoices):
    """What becomes of a request that a policy has something against: it is refused, or only written down."""

    ENFORCE = "enforce", "Enforce"
    SHADOW = "shadow", "Shadow"


DEMANDS: dict[PolicyKind, tuple[str, ...]] = {
    PolicyKind.PATTERN: ("pattern",),
    PolicyKind.MODERATION: ("category", "threshold"),
    PolicyKind.MAX_TOKENS: ("max_tokens",),
}
"""By kind: the fields that say what it looks for. Those of other kinds are empty."""
EMPTY = {"pattern": "", "category": "", "threshold": None, "max_tokens": None}


def _consistent() -> Q:
    """That a policy has what its kind demands, and nothing of other kinds."""
    found = Q()
    for kind, demanded in DEMANDS.items():
        condition = Q(kind=kind)
        for name, empty in EMPTY.items():
            is_empty = Q(**{f"{name}__isnull": True}) if empty is None else Q(**{name: empty})
            condition &= ~is_empty if name in demanded else is_empty
        found |= condition
    return found


class Policy(Audited):
    """A reason to refuse requests: of every project of an organisation, or of one project; to every model, or to one.

    A model is meant where it is asked for by this name, an alias included, or where it is the one that answers.
    """

    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        related_name="+",
        null=True,
        blank=True,
        verbose_name="organisation",
        help_text="For all its projects; or choose one project instead.",
    )
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", null=True, blank=True)
    name = models.CharField(max_length=LONGEST_NAME)
    model = models.CharField(
        max_length=200,
        blank=True,
        help_text="Id of a model or an alias; empty for all.",
    )
    kind = models.CharField(max_length=12, choices=PolicyKind, default=PolicyKind.PATTERN)
    pattern = models.CharField(
        max_length=LONGEST_TEXT,
        blank=True,
        help_text="For the kind “pattern”: what must not be in any text of a request, as RE2 writes it. "
        "(?i) in front: in small letters and capitals.",
    )
    category = models.CharField(
        max_length=32,
        blank=True,
        choices=[(name, name) for name in CATEGORIES],
        help_text="For the kind “moderation category”: what the embedded moderation model looks for.",
    )
    threshold = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="The score, from 0 to 1, from which on a text is too much. The model flags from 0.5 on.",
    )
    max_tokens = models.PositiveIntegerField(
        "maximum input tokens",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="For the kind “maximum input tokens”: the most that a request's texts may have, all together.",
    )
    mode = models.CharField(
        max_length=8,
        choices=PolicyMode,
        default=PolicyMode.SHADOW,
        help_text="In shadow, requests are answered as ever, and what would have been vetoed is in the veto log.",
    )
    enabled = models.BooleanField(default=True)
    reason_code = models.CharField(
        max_length=LONGEST_CODE,
        validators=[RegexValidator(CODE, "Small letters, digits, dots, hyphens and underscores, like pii_email.")],
        help_text="What callers are told, and what vetoes are counted by, like pii_email.",
    )
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)

    objects = AuditedQuerySet["Policy"].as_manager()

    audit_kind = "policy"
    audit_fields = (
        "organization", "project", "name", "model", "kind", "pattern", "category", "threshold", "max_tokens", "mode",
        "enabled", "reason_code",
    )  # fmt: skip
    audit_final = ("organization", "project")
    audit_recreatable = True

    class Meta:
        verbose_name_plural = "policies"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="policy_one_scope",
                condition=Q(organization__isnull=True, project__isnull=False)
                | Q(organization__isnull=False, project__isnull=True),
                violation_error_message="Choose exactly one of organisation and project.",
            ),
            *(
                models.UniqueConstraint(
                    name=f"policy_name_once_{scope}",
                    fields=[scope, "name"],
                    condition=Q(**{f"{scope}__isnull": False}),
                    violation_error_message="There is a policy of this name already.",
                )
                for scope in ("organization", "project")
            ),
            models.CheckConstraint(name="policy_mode_known", condition=Q(mode__in=["enforce", "shadow"])),
            models.CheckConstraint(name="policy_threshold_a_score", condition=Q(threshold__range=(0, 1))),
            models.CheckConstraint(
                name="policy_of_its_kind",
                condition=_consistent(),
                violation_error_message="A policy has what its kind demands, and nothing of others.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raises ValidationError, at the field, for what its kind demands and is not there, for what is of another
        kind, for a pattern that RE2 does not take, and for a model that there is not. It may outlive its model."""
        super().clean()
        told: dict[str, str] = {}
        demanded = next((names for kind, names in DEMANDS.items() if kind == self.kind), ())
        for name, empty in EMPTY.items():
            given = getattr(self, name) != empty
            if name in demanded and not given:
                told[name] = "A policy of this kind needs it."
            elif name not in demanded and given:
                told[name] = "A policy of this kind has none: leave it empty."
        if self.pattern:
            try:
                compiled(self.pattern)
            except Unreadable as error:
                told.setdefault("pattern", f"This {error}.")
        if self.model and not is_name(self.model) and not self._held_before():
            told["model"] = f"There is no model and no alias {self.model!r}."
        if told:
            raise ValidationError(told)

    def _held_before(self) -> bool:
        """Whether the saved row is of this model already."""
        return Policy.objects.filter(pk=self.pk, model=self.model).exists()

    def looks_for(self) -> str:
        """What it has something against, in words."""
        if self.kind == PolicyKind.PATTERN:
            return self.pattern
        if self.kind == PolicyKind.MODERATION:
            return f"{self.category} from {self.threshold:g} on"
        return f"more than {self.max_tokens:,} input tokens"

    @property
    def scope(self) -> Organization | Project:
        """What it holds for. Raises ValueError for a row that was not validated and holds for nothing."""
        scope = self.organization or self.project
        if scope is None:
            raise ValueError("This policy holds for nothing.")
        return scope

    @classmethod
    def audit_action(cls, values: Json, changed: Collection[str]) -> str:
        return "organization.policies.update" if values.get("organization") else "project.policies.update"

    def audited_in(self) -> Sequence[str]:
        scope = self.scope
        return ((scope if isinstance(scope, Organization) else scope.organization).public_id,)

    def audited_project(self) -> tuple[str, str]:
        return ("", "") if self.project is None else (self.project.public_id, self.project.name)
