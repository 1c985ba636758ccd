"""Building roll-ups anew on SQLite: summed up in this process, a day at a time."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from analytics.histograms import unpacked
from analytics.models import Dimension, UsageRecord, UsageRollup, Width
from analytics.records import EPOCH, Record
from analytics.rollups.dimensions import FIELDS, Names, id_of
from analytics.rollups.gathering import NUMBERS, Sums, gather
from analytics.rollups.rows import COLUMNS, moment_of

MICROSECOND = timedelta(microseconds=1)
MISSING, WRONG, SURPLUS, LEFT = "missing", "wrong", "surplus", "left"

Key = tuple[int, int, datetime]
Values = tuple[Any, ...]


def rebuilt_in_python(
    start: datetime, end: datetime, since: datetime, projects: Mapping[str, datetime], *, repair: bool
) -> tuple[int, int, int, int]:
    """How many roll-ups of this time are missing, wrong, surplus and left; see `analytics.rollups.rebuilding`. To be
    called in a transaction; those are begun so that nobody else writes within them."""
    cells = gather(_records(start, end))
    new = {(id_of(names), width, moment_of(second)): sums for (names, width, second), sums in cells.items()}
    old = _there(start, end)
    _make_dimensions({names for names, _, _ in cells})
    project_of = dict(Dimension.objects.values_list("id", "project_id"))
    found: dict[Key, str] = {}
    for key in new.keys() | old.keys():
        known_since = max(since, projects.get(project_of.get(key[0], ""), since))
        verdict = _verdict(new.get(key), old.get(key), whole=key[2] >= known_since)
        if verdict:
            found[key] = verdict
    if repair:
        _put_right(found, new)
    counts = Counter(found.values())
    return counts[MISSING], counts[WRONG], counts[SURPLUS], counts[LEFT]


def _records(start: datetime, end: datetime) -> Iterator[Record]:
    rows = UsageRecord.objects.filter(at__gte=start, at__lt=end).values_list(*Record._fields)
    for request_id, at, *rest in rows.iterator():
        yield Record(request_id, (at - EPOCH) // MICROSECOND, *rest)


def _there(start: datetime, end: datetime) -> dict[Key, Values]:
    """The roll-ups that there are, found by their key."""
    rows = UsageRollup.objects.filter(
        dimension_id__in=Dimension.objects.values("id"), width__in=Width.values, start__gte=start, start__lt=end
    )
    return {row[:3]: row[3:] for row in rows.values_list(*COLUMNS)}


def _make_dimensions(names: Collection[Names]) -> None:
    rows = [Dimension(id=id_of(each), **dict(zip(FIELDS, each, strict=True))) for each in names]
    Dimension.objects.bulk_create(rows, ignore_conflicts=True)


def _verdict(new: Sums | None, old: Values | None, *, whole: bool) -> str:
    """What is the matter with a roll-up, empty where nothing is. `whole` says that all its records are kept."""
    if old is None:
        return MISSING
    if new is None:
        return SURPLUS if whole else LEFT
    if _comparable(new.values()) == _comparable(old):
        return ""
    return WRONG if whole or new.requests >= old[0] else LEFT


def _comparable(values: Values) -> Values:
    """The values of a row with its histograms as mappings: their texts may be spelt differently."""
    numbers = len(NUMBERS)
    return (*values[:numbers], *map(unpacked, values[numbers:]))


def _put_right(found: Mapping[Key, str], new: Mapping[Key, Sums]) -> None:
    for (dimension_id, width, start), verdict in found.items():
        if verdict in (WRONG, SURPLUS):
            UsageRollup.objects.filter(dimension_id=dimension_id, width=width, start=start).delete()
    UsageRollup.objects.bulk_create(
        UsageRollup(**dict(zip(COLUMNS, (*key, *new[key].values()), strict=True)))
        for key, verdict in found.items()
        if verdict in (MISSING, WRONG)
    )
