"""What callers may use: rate limits, budgets, and what was spent. How they are kept to: `accounts.limits`."""

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.utils import timezone

from accounts.audit.snapshots import Json
from accounts.modelnames import names
from accounts.models.apikeys import ApiKey
from accounts.models.audited import Audited, AuditedQuerySet
from accounts.models.limitchanges import changes
from accounts.models.organizations import Organization, Project

Row = TypeVar("Row", bound=models.Model)

MICRO = 1_000_000
"""Micro-dollars in a dollar."""
MAX_VALUE = 2**50
"""The highest rate limit: whole and exact also where Redis computes in floats."""
SCOPES = ("organization", "project", "api_key")


class Unit(models.TextChoices):
    REQUESTS = "requests", "requests"
    TOKENS = "tokens", "tokens"
    IN_FLIGHT = "in_flight", "requests in flight"


class RatePeriod(models.TextChoices):
    MINUTE = "minute", "per minute"
    DAY = "day", "per day"


class BudgetPeriod(models.TextChoices):
    DAY = "day", "a day"
    MONTH = "month", "a month"


class LimitingQuerySet(AuditedQuerySet[Row]):
    """Rows of which processes keep a copy; changing many of them at once is noted too, and each is written down."""

    def update(self, **kwargs: Any) -> int:
        changed = super().update(**kwargs)
        changes.note()
        return changed

    def delete(self) -> tuple[int, dict[str, int]]:
        deleted = super().delete()
        changes.note()
        return deleted

    def bulk_create(self, objs: Iterable[Row], *args: Any, **kwargs: Any) -> list[Row]:
        made = super().bulk_create(objs, *args, **kwargs)
        changes.note()
        return made

    def with_scopes(self) -> "LimitingQuerySet[Row]":
        """Returns the rows with what they limit, read in the same query."""
        return self.select_related(*SCOPES)

    @transaction.atomic
    def put(self, scope: Organization | Project | ApiKey, values: dict[str, Any], **which: Any) -> Row | None:
        """Makes the row of `scope` that `which` tells apart hold `values`, valid, and returns it.

        With no values it is deleted, and None returned. Who puts another at the same time waits, and has the last
        word. Raises ValidationError, and changes nothing, where the row would not be valid.
        """
        # What two that make the same row have in common. On SQLite the transaction itself is the lock.
        scope = type(scope).objects.select_for_update(no_key=True).get(pk=scope.pk)
        found = self.filter(**{field_of(scope): scope}, **which)
        if not values:
            found.delete()
            return None
        row = found.first() or self.model(**{field_of(scope): scope}, **which)
        for name, value in values.items():
            setattr(row, name, value)
        row.full_clean()
        row.save()
        return row


def field_of(scope: Organization | Project | ApiKey) -> str:
    """The foreign key that holds a scope of this class."""
    return {Organization: "organization", Project: "project", ApiKey: "api_key"}[type(scope)]


def kind_of(scope: type[models.Model]) -> str:
    """What a scope of this class is called."""
    names: dict[type[models.Model], str] = {Organization: "organisation", Project: "project", ApiKey: "API key"}
    return names[scope]


class Limiting(Audited):
    """Something that holds for exactly one organisation, project or API key."""

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="+", null=True, blank=True, verbose_name="organisation"
    )
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", null=True, blank=True)
    api_key = models.ForeignKey(
        ApiKey, on_delete=models.CASCADE, related_name="+", null=True, blank=True, verbose_name="API key"
    )
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)

    audit_final = SCOPES
    audit_recreatable = True

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        changes.note()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        deleted = super().delete(*args, **kwargs)
        changes.note()
        return deleted

    @property
    def scope(self) -> Organization | Project | ApiKey:
        """What it holds for. Raises ValueError for a row that has not been validated yet and holds for nothing."""
        scope = self.organization or self.project or self.api_key
        if scope is None:
            raise ValueError("This limit holds for nothing.")
        return scope

    @property
    def scope_key(self) -> str:
        """The scope as the engine names it: `project:proj_…`. A key is named by its family."""
        scope = self.scope
        if isinstance(scope, ApiKey):
            return f"key:{scope.family or scope.public_id}"
        return f"{field_of(scope)}:{scope.public_id}"

    def clean(self) -> None:
        """Raises ValidationError unless there is one scope, and one that can be limited."""
        super().clean()
        if sum(getattr(self, f"{name}_id") is not None for name in SCOPES) != 1:
            raise ValidationError("Choose exactly one of organisation, project and API key.", code="one_scope")
        if self.api_key is not None and self.api_key.is_admin:
            raise ValidationError("An admin key calls no model: there is nothing to limit.", code="admin_key")
        if self.api_key is not None and (heir := self.api_key.replaced_by) is not None:
            raise ValidationError(f"This key was replaced by {heir.public_id}: limit that one.", code="replaced_key")

    @classmethod
    def audit_action(cls, values: Json, changed: Collection[str]) -> str:
        return "organization.limits.update" if values.get("organization") else "project.limits.update"

    def audited_in(self) -> Sequence[str]:
        scope = self.scope
        return ((scope if isinstance(scope, Organization) else scope.organization).public_id,)

    def audited_project(self) -> tuple[str, str]:
        project = self.api_key.project if self.api_key is not None else self.project
        return ("", "") if project is None else (project.public_id, project.name)


def one_scope(name: str) -> models.CheckConstraint:
    """That exactly one of the three foreign keys is set."""
    condition = models.Q()
    for chosen in SCOPES:
        condition |= models.Q(**{f"{each}__isnull": each != chosen for each in SCOPES})
    return models.CheckConstraint(name=name, condition=condition)


def once(name: str, scope: str, *fields: str) -> models.UniqueConstraint:
    return models.UniqueConstraint(
        name=f"{name}_once_{scope}",
        fields=[scope, *fields],
        condition=models.Q(**{f"{scope}__isnull": False}),
        violation_error_message="There is one of these already: change that one.",
    )


class RateLimit(Limiting):
    """The most that a scope may use: of one model, or, without a model, of all of them together."""

    model = models.CharField(
        max_length=200,
        blank=True,
        help_text="Id of a model or an alias; empty for all models together. A request is counted under the name it "
        "asked for and under the model that answers.",
    )
    unit = models.CharField(max_length=10, choices=Unit)
    period = models.CharField(
        max_length=10, choices=RatePeriod, blank=True, help_text="Empty for requests in flight, and only for them."
    )
    value = models.PositiveBigIntegerField("limit", validators=[MaxValueValidator(MAX_VALUE)])

    objects = LimitingQuerySet["RateLimit"].as_manager()

    audit_kind = "rate_limit"
    audit_fields = (*SCOPES, "model", "unit", "period", "value")

    class Meta:
        constraints = (
            one_scope("accounts_ratelimit_one_scope"),
            *(once("accounts_ratelimit", scope, "model", "unit", "period") for scope in SCOPES),
            models.CheckConstraint(
                name="accounts_ratelimit_unit_and_period",
                condition=models.Q(unit="in_flight", period="")
                | models.Q(unit__in=["requests", "tokens"], period__in=["minute", "day"]),
                violation_error_message="Requests and tokens are limited per minute or per day, requests in flight "
                "have no period.",
            ),
            models.CheckConstraint(name="accounts_ratelimit_value", condition=models.Q(value__range=(0, MAX_VALUE))),
        )

    def __str__(self) -> str:
        period = f" {self.get_period_display()}" if self.period else ""
        return f"{self.value:,} {self.get_unit_display()}{period}{f' of {self.model}' if self.model else ''}"

    def clean(self) -> None:
        """Raises ValidationError also where it is to hold for a model that there is not. It may outlive its model."""
        super().clean()
        if self.model and not names.include(self.model) and not self._held_before():
            raise ValidationError({"model": f"There is no model and no alias {self.model!r}."})

    def _held_before(self) -> bool:
        """Whether the saved row is of this model already."""
        return RateLimit.objects.filter(pk=self.pk, model=self.model).exists()

    def audit_type(self, before: Json | None, after: Json | None) -> str:
        """There is always some limit, the default where none is set: a new one is a change of it."""
        return "rate_limit.deleted" if after is None else "rate_limit.updated"


class Budget(Limiting):
    """The most that a scope may spend, in US dollars, in a day or a month of UTC."""

    period = models.CharField(max_length=10, choices=BudgetPeriod)
    amount = models.DecimalField(
        max_digits=14, decimal_places=6, validators=[MinValueValidator(Decimal(0))], help_text="US dollars."
    )

    objects = LimitingQuerySet["Budget"].as_manager()

    audit_kind = "budget"
    audit_fields = (*SCOPES, "period", "amount")

    class Meta:
        constraints = (
            one_scope("accounts_budget_one_scope"),
            *(once("accounts_budget", scope, "period") for scope in SCOPES),
            models.CheckConstraint(
                name="accounts_budget_period_known", condition=models.Q(period__in=["day", "month"])
            ),
            models.CheckConstraint(name="accounts_budget_not_negative", condition=models.Q(amount__gte=0)),
        )

    def __str__(self) -> str:
        return f"${self.amount.normalize():,f} {self.get_period_display()}"

    @property
    def amount_micro(self) -> int:
        """The amount in micro-dollars; exact, for it has six decimal places."""
        return int(self.amount * MICRO)


class Spend(models.Model):
    """What a scope has spent in a day or a month of UTC. Written behind what happens, by at most a second.

    `scope` is `organization:org-…`, `project:proj_…` or `key:key_…`: text, so that it outlives what it names.
    """

    scope = models.CharField(max_length=60)
    period = models.CharField(max_length=10, choices=BudgetPeriod)
    start = models.DateField("first day")
    micro = models.BigIntegerField("micro-dollars", default=0)

    class Meta:
        constraints = (models.UniqueConstraint(name="accounts_spend_once", fields=["scope", "period", "start"]),)

    def __str__(self) -> str:
        return f"{self.scope}, {self.period} of {self.start}: ${self.amount:f}"

    @classmethod
    def table(cls) -> str:
        """The name of the table, for SQL."""
        return cls._meta.db_table

    @property
    def amount(self) -> Decimal:
        """In US dollars."""
        return Decimal(self.micro) / MICRO
