"""Usage and costs on the wire: the query string that asks for them, and pages of buckets."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from time import time
from typing import Any

from analytics.models import Width
from api.administration.usage import Asked, Bucket, Kind
from api.exceptions import InvalidValue, MissingParameter
from api.serializers.fields import unsupported_choice
from api.serializers.organization.queries import Parameters, moment

WIDTHS = {"1m": Width.MINUTE, "1h": Width.HOUR, "1d": Width.DAY}
LIMITS = {Width.MINUTE: (60, 1440), Width.HOUR: (24, 168), Width.DAY: (7, 31)}
"""How many buckets a page has unless told, and at most."""
COSTS_LIMITS = (7, 180)
CURSOR = "page_"
CURSOR_BYTES = 6


def parse_usage(query: Parameters, kind: Kind) -> Asked:
    """Raises what is wrong with the parameters."""
    start, end = moment(query, "start_time"), moment(query, "end_time")
    if start is None:
        raise MissingParameter("start_time")
    if end is None:
        end = int(time()) + 1
    elif end <= start:
        raise InvalidValue("Invalid 'end_time': it has to be later than 'start_time'.", param="end_time")
    names = [name for name, width in WIDTHS.items() if width in kind.widths]
    width = WIDTHS[query.choice("bucket_width", names, "1d")]
    usual, most = LIMITS[width] if len(kind.widths) > 1 else COSTS_LIMITS
    limit = query.integer("limit", 1, most)
    asked = Asked(
        width=width,
        first=_first(query.text("page"), start // width * width, end, width),
        end=end,
        limit=usual if limit is None else limit,
        group_by=tuple(dict.fromkeys(_choices(query, "group_by", list(kind.groups)))),
        filters={name: values for name in kind.filters if (values := tuple(query.texts(name)))},
        batch=_batch(query) if kind.has_batches else None,
    )
    query.done()
    return asked


def _choices(query: Parameters, name: str, choices: Sequence[str]) -> list[str]:
    values = query.texts(name)
    for value in values:
        if value not in choices:
            raise unsupported_choice(value, choices, name)
    return values


def _batch(query: Parameters) -> bool | None:
    return None if query.text("batch") is None else query.flag("batch")


def _first(cursor: str | None, first: int, end: int, width: Width) -> int:
    """Where the first bucket begins: at `first`, or where the cursor of the page before says. Raises InvalidValue for
    a cursor that no page of this question can have had."""
    if cursor is None:
        return first
    found = _read(cursor)
    if found is None or found % width or not first < found < end:
        raise InvalidValue("Invalid 'page': it is not the 'next_page' of a page of this query.", param="page")
    return found


def _read(cursor: str) -> int | None:
    """The start that a cursor holds, None where it was not written here."""
    try:
        content = urlsafe_b64decode(cursor.removeprefix(CURSOR).encode())
    except ValueError:
        return None
    found = int.from_bytes(content[:CURSOR_BYTES], "big")
    return found if _written(found) == cursor else None


def _written(start: int) -> str:
    return CURSOR + urlsafe_b64encode(start.to_bytes(CURSOR_BYTES, "big")).decode()


def usage_page(buckets: Sequence[Bucket], following: int | None) -> dict[str, Any]:
    """`UsageResponse` of the specification; `following` is where the next page begins."""
    return {
        "object": "page",
        "data": [
            {"object": "bucket", "start_time": each.start, "end_time": each.end, "results": each.results}
            for each in buckets
        ],
        "has_more": following is not None,
        "next_page": None if following is None else _written(following),
    }
