"""What the roll-ups say: sums and latencies of an organisation, by bucket and by any of the fields of a dimension.

Each function asks one query, which the key of the roll-ups answers. No raw record is read.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Aggregate, BigIntegerField, Q, QuerySet

from analytics.histograms import added
from analytics.models import UsageRollup
from analytics.models.rollups import Width
from analytics.rollups.gathering import NUMBERS

Filters = Mapping[str, Collection[str]]
"""By field of a dimension: the values that are looked for. A field that is not named may have any."""


class Total(Aggregate):
    """The sum of whole numbers, however large. On SQLite, whose own sum would fail from 2**63, exact up to 2**53."""

    function = "SUM"
    name = "Total"

    def __init__(self, field: str, *, filter: Q | None = None) -> None:
        super().__init__(field, filter=filter, output_field=BigIntegerField())

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, function="TOTAL", **context)


class Joined(Aggregate):
    """Texts with commas between them. One long text for each group is read much sooner than a row for each."""

    name = "Joined"
    function = "STRING_AGG"
    template = "%(function)s(%(expressions)s, ',')"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, function="GROUP_CONCAT", **context)


@dataclass(frozen=True, slots=True)
class Question:
    """Which roll-ups are meant: those whose buckets begin from `start` on and before `end`.

    `group_by` names fields of a dimension that are told apart; all others are summed up.
    """

    organization_id: str
    width: Width
    start: datetime
    end: datetime
    group_by: Sequence[str] = ()
    filters: Filters | None = None

    def rows(self) -> QuerySet[UsageRollup]:
        """The roll-ups themselves."""
        of_dimensions = {f"dimension__{name}__in": list(values) for name, values in (self.filters or {}).items()}
        return UsageRollup.objects.filter(
            dimension__organization_id=self.organization_id,
            width=self.width,
            start__gte=self.start,
            start__lt=self.end,
            **of_dimensions,
        )

    def groups(self) -> list[str]:
        """What they are grouped by, beside their start."""
        return [f"dimension__{name}" for name in self.group_by]


@dataclass(frozen=True, slots=True)
class Summed:
    """One group of one bucket: `names` in the order of the question's `group_by`, and the sums by their names, which
    `analytics.rollups.gathering.Sums` explains."""

    start: datetime
    names: tuple[str, ...]
    sums: Mapping[str, int]


def sums(question: Question) -> list[Summed]:
    """What there is, by bucket and group, in the order of both. Empty buckets are not there."""
    keys = ("start", *question.groups())
    totals = {f"total_{name}": Total(name) for name in NUMBERS}
    rows = question.rows().order_by(*keys).values_list(*keys).annotate(**totals)
    return [Summed(row[0], row[1 : len(keys)], dict(zip(NUMBERS, row[len(keys) :], strict=True))) for row in rows]


@dataclass(frozen=True, slots=True)
class Totalled:
    """One group of the whole time: `names` and `sums` as in Summed."""

    names: tuple[str, ...]
    sums: Mapping[str, int]


def totals(question: Question, most: int | None = None) -> list[Totalled]:
    """What the whole time comes to by group, those with the most requests first and no more than `most`. Without groups
    it is one, or none where there was no request."""
    keys = question.groups()
    others = {f"total_{name}": Total(name) for name in NUMBERS[1:]}
    # Without groups they are grouped by their width, which is one: else there would be a row of nothing.
    rows = question.rows().values_list(*(keys or ["width"])).annotate(total_requests=Total("requests"), **others)
    rows = rows.order_by("-total_requests", *keys)[:most]
    first = len(keys) or 1
    return [Totalled(row[: len(keys)], dict(zip(NUMBERS, row[first:], strict=True))) for row in rows]


def latencies(
    question: Question, metric: str = "duration", *, by_bucket: bool = False
) -> dict[tuple[Any, ...], Counter[int]]:
    """Histograms of `duration` or `first_token`, in microseconds, by the names of the question's groups; the start of
    the bucket comes before them where it is told apart, too. `analytics.histograms.quantile` reads them."""
    keys = [*(("start",) if by_bucket else ()), *question.groups()]
    rows = question.rows().order_by().values_list(*(keys or ["width"])).annotate(texts=Joined(f"{metric}_bins"))
    return {row[: len(keys)]: added([row[-1]]) for row in rows}
