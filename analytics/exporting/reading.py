"""Rows in portions, each by a query of its own that goes on behind the last one: what is held is one portion, however
many rows there are, and nothing in the database is kept open or waited for meanwhile."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet

from analytics.exporting.formats import Format
from analytics.exporting.kinds import Kind

CHUNK = 1_000
"""How many rows one query asks for."""


def pieces(kind: Kind, rows: QuerySet[Any], form: Format) -> Iterator[tuple[int, str]]:
    """Yields the rows as text, a portion at a time, and how many each holds; the first begins with the head. Raises
    django.db.Error."""
    head = form.head(kind.names)
    for portion in portions(kind, rows):
        yield len(portion), head + form.lines(kind.names, portion)
        head = ""
    if head:
        yield 0, head


def portions(kind: Kind, rows: QuerySet[Any]) -> Iterator[list[list[Any]]]:
    """Yields the values of the kind's columns, in the order of its key."""
    names = list(dict.fromkeys([*kind.key, *(column.field for column in kind.columns)]))
    places = [(names.index(column.field), column.written) for column in kind.columns]
    ordered = rows.order_by(*kind.key).values_list(*names)
    found = list(ordered[:CHUNK])
    while found:
        yield [[row[place] if written is None else written(row[place]) for place, written in places] for row in found]
        if len(found) < CHUNK:
            return
        found = list(behind(ordered, dict(zip(kind.key, found[-1], strict=False)))[:CHUNK])


def behind(rows: QuerySet[Any], last: dict[str, Any]) -> QuerySet[Any]:
    """Returns the rows that come after the one with these values, which they are in the order of."""
    (first, value), *_ = last.items()
    after, same = Q(), Q()
    for name, each in last.items():
        after |= same & Q(**{f"{name}__gt": each})
        same &= Q(**{name: each})
    # The first says no more than the second, and is what an index is read by.
    return rows.filter(Q(**{f"{first}__gte": value})).filter(after)
