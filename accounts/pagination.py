"""Cursor pages, as every list of OpenAI's Admin API is read, and those of /api:
`{object: "list", data, first_id, last_id, has_more}`.

A cursor is the id of an object that was listed. Objects are listed in the order in which they were made, so a page
stays what it was while others are added behind it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework.exceptions import ValidationError

Row = TypeVar("Row", bound=Model)
Render = Callable[[Row], dict[str, Any]]
Page = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Which page is asked for: up to `limit` objects right after `after`, right before `before`, or from the start."""

    after: str | None = None
    before: str | None = None
    limit: int = 20
    descending: bool = False

    @property
    def backwards(self) -> bool:
        """Whether the page is the one that ends right before `before`."""
        return self.before is not None and self.after is None


def page(
    rows: QuerySet[Row],
    cursor: Cursor,
    render: Render[Row],
    *,
    anchors: QuerySet[Row] | None = None,
    by: str = "public_id",
) -> Page:
    """The page of `rows`, with one query, and one more for each cursor. Ids are found `by` the field that holds them.

    `anchors` are the rows that may be named as a cursor, where those are more than can be listed now: who goes through
    a list and ends what it lists must be able to go on. Raises ValidationError for a cursor that is none of them.
    """
    known = rows if anchors is None else anchors
    forwards, back = ("pk__lt", "pk__gt") if cursor.descending else ("pk__gt", "pk__lt")
    if cursor.after is not None:
        rows = rows.filter(**{forwards: _place(known, by, cursor.after, "after")})
    if cursor.before is not None:
        rows = rows.filter(**{back: _place(known, by, cursor.before, "before")})
    order = "-pk" if cursor.descending != cursor.backwards else "pk"
    found = list(rows.order_by(order)[: cursor.limit + 1])
    kept = found[: cursor.limit]
    if cursor.backwards:
        kept.reverse()
    return envelope([render(row) for row in kept], has_more=len(found) > cursor.limit)


def page_of(objects: Sequence[dict[str, Any]], cursor: Cursor) -> Page:
    """The page of objects that are no rows, in the order given. Raises ValidationError for a cursor unknown to it."""
    ids = [each["id"] for each in objects]
    start, end = 0, len(ids)
    if cursor.after is not None:
        start = _index(ids, cursor.after, "after") + 1
    if cursor.before is not None:
        end = _index(ids, cursor.before, "before")
    if cursor.backwards:
        first = max(start, end - cursor.limit)
        return envelope(list(objects[first:end]), has_more=first > start)
    return envelope(list(objects[start : min(end, start + cursor.limit)]), has_more=start + cursor.limit < end)


def envelope(data: list[dict[str, Any]], *, has_more: bool) -> Page:
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": has_more,
    }


def _place(rows: QuerySet[Row], by: str, public_id: str, param: str) -> int:
    """The primary key that an id stands for."""
    found: int | None = None
    if public_id.isascii() and public_id.isprintable():  # anything else no database needs to be asked for
        found = rows.order_by().filter(**{by: public_id}).values_list("pk", flat=True).first()
    if found is None:
        raise _unknown(public_id, param)
    return found


def _index(ids: list[str], wanted: str, param: str) -> int:
    if wanted not in ids:
        raise _unknown(wanted, param)
    return ids.index(wanted)


def _unknown(public_id: str, param: str) -> ValidationError:
    return ValidationError({param: [f"'{public_id[:64]}' is not in this list."]}, code="invalid_value")
