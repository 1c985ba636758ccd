"""What the ruleset is made of: rows that are checked, counted and written down, whichever way they are changed."""

from collections.abc import Callable, Collection, Iterable
from typing import Any, ClassVar, TypeVar

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models, transaction
from django.db.models.signals import pre_delete

from accounts.audit.snapshots import Json
from accounts.models.audited import Audited, AuditedQuerySet
from features import protection
from features.demands import demands
from features.models.fitting import Edges, Fitting, Known
from features.models.version import FlagsVersion
from features.problems import KEY_RULE, Problem, is_key

Row = TypeVar("Row", bound=models.Model)


class Unfit(ValidationError):
    """Rows that must not be as they are. `problems` tells what is wrong with which of them, the first one first."""

    def __init__(self, problems: list[tuple[Any, Problem]]) -> None:
        self.problems = problems
        found: dict[str, list[str]] = {}
        for row, problem in problems:
            names = {field.name for field in row.audit_options().fields}
            field = str(problem.path[0]) if problem.path and problem.path[0] in names else NON_FIELD_ERRORS
            found.setdefault(field, []).append(str(problem))
        super().__init__({field: list(dict.fromkeys(messages)) for field, messages in found.items()})


class RulingQuerySet(AuditedQuerySet[Row]):
    """Rows of the ruleset. Changing many at once checks each of them, counts as one change, and writes down each.

    Raises Unfit, and changes nothing, where one would not be valid; EnvironmentProtected where whoever acts may not.
    """

    def update(self, **kwargs: Any) -> int:
        with transaction.atomic(using=self.db):
            FlagsVersion.bump()
            keys = list(self.order_by().values_list("pk", flat=True))
            model: Any = self.model
            rows: Any = type(self)(self.model, using=self.db).filter(pk__in=keys).order_by("pk")
            before = list(rows) if protection.applies() else []
            changed = super().update(**{**model.stamps(), **kwargs})
            verify(rows.with_surroundings())
            if before:
                protection.check(zip(before, rows.all(), strict=True))
        return changed

    def delete(self) -> tuple[int, dict[str, int]]:
        """Raises Unfit, and deletes nothing, where others need one of them."""
        with transaction.atomic(using=self.db):
            rows: list[Any] = list(self)
            if protection.applies():
                protection.check((row, None) for row in rows)
            deleted = super().delete()
            complain((row, row.lacking) for row in rows)
        return deleted

    def bulk_create(self, objs: Iterable[Row], *args: Any, **kwargs: Any) -> list[Row]:
        rows: list[Any] = list(objs)
        with transaction.atomic(using=self.db):
            FlagsVersion.bump()
            for row in rows:
                row.tidy()
            verify(rows)
            if protection.applies():
                protection.check((None, row) for row in rows)
            return super().bulk_create(rows, *args, **kwargs)

    def with_surroundings(self) -> "RulingQuerySet[Row]":
        """Returns the rows with what they are checked against, read in the same query."""
        return self.select_related()


class Ruling(Audited):
    """A row of the ruleset. `unfelt` are those of its audited fields on which no answer rests."""

    unfelt: ClassVar[tuple[str, ...]] = ()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises Unfit, and saves nothing, where `clean` would; EnvironmentProtected where whoever acts may not."""
        if kwargs.get("update_fields") is not None:
            kwargs["update_fields"] = {*kwargs["update_fields"], *self.stamps()}
        for name, value in self.stamps().items():
            setattr(self, name, value)
        with transaction.atomic(using=kwargs.get("using")):
            FlagsVersion.bump()
            self.tidy()
            verify([self])
            if protection.applies():
                protection.check([(self.stored(), self)])
            super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Raises Unfit, and deletes nothing, where others need it; EnvironmentProtected where whoever acts may not."""
        key = self.pk
        try:
            with transaction.atomic(using=kwargs.get("using")):
                if protection.applies():
                    protection.check([(self.stored(), None)])
                deleted = super().delete(*args, **kwargs)
                complain([(self, self.lacking)])
        except ValidationError:
            self.pk = key  # it is still there
            raise
        return deleted

    def clean(self) -> None:
        """Raises Unfit, by field, with everything that is wrong and its place."""
        super().clean()
        verify([self])

    @classmethod
    def stamps(cls) -> dict[str, Any]:
        """Returns what every change sets beside what it changes."""
        return {}

    @classmethod
    def audit_action(cls, values: Json, changed: Collection[str]) -> str:
        return protection.UPDATE

    def stored(self) -> Any:
        """Returns the row as the database has it; None where it has none."""
        return models.QuerySet(type(self)).filter(pk=self.pk).first()

    def felt_in(self) -> Iterable[Any]:
        """Returns the environments whose answers rest on this row: the one that it is of, unless a model says
        otherwise."""
        row: Any = self
        return (row.environment,)

    def tidy(self) -> None:
        """Gives what is valid the form in which it is kept."""

    def problems(self, fitting: Fitting) -> Iterable[Problem]:
        """Returns what is wrong, or does not fit with what else there is. The first step of a path is a field."""
        if not is_key(getattr(self, "key", None)):
            yield Problem(("key",), KEY_RULE)

    def lacking(self, fitting: Fitting) -> Iterable[Problem]:
        """Returns what others need of this row, now that it is gone."""
        return ()

    def join_edges(self, edges: Edges) -> None:
        """Puts this row in the place of what the database has of it, in what is known of who needs whom."""

    def join(self, known: Known) -> None:
        """Likewise, in what is known of all else."""


Asked = tuple[Any, Callable[[Fitting], Iterable[Problem]]]


def verify(rows: Iterable[Any]) -> None:
    """Raises Unfit with what is wrong with any of these rows."""
    rows = list(rows)
    demanded = [(row, only(problem)) for row, problem in demands.problems(rows)]
    complain([*((row, row.problems) for row in rows), *demanded], Fitting(rows))


def only(problem: Problem) -> Callable[[Fitting], Iterable[Problem]]:
    """What is wrong, known already."""
    return lambda fitting: [problem]


def complain(asked: Iterable[Asked], fitting: Fitting | None = None) -> None:
    """Raises Unfit with the problems that these rows are asked for."""
    fitting = fitting or Fitting()
    found = [(row, problem) for row, problems in asked for problem in problems(fitting)]
    if found:
        raise Unfit(found)


def _deleted(**_: Any) -> None:
    FlagsVersion.bump()


def watch_deletions(candidates: Iterable[type[models.Model]]) -> None:
    """Counts deletions of rows of the ruleset, cascades included, within the transaction that deletes them."""
    for model in candidates:
        if issubclass(model, Ruling):
            pre_delete.connect(_deleted, sender=model, dispatch_uid=f"flags-{model.__name__}")
