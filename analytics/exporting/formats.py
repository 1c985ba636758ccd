"""How rows are written: as CSV that spreadsheets open as what it is, and as JSON Lines. Pure.

CSV is that of RFC 4180, in UTF-8 with the mark that Excel knows it by. A text that a spreadsheet would take for a
formula has an apostrophe before it, as OWASP advises against CSV injection. Moments are those of RFC 3339, in UTC.
"""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import orjson

MARK = "\ufeff"
"""The byte order mark, by which Excel knows UTF-8."""
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet may take for the beginning of a formula; some take the wide forms, too."""
APOSTROPHE = "'"

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Format:
    """`head` writes what comes before all rows, by the names of the columns; `lines` writes some rows."""

    name: str
    content_type: str
    head: Callable[[Sequence[str]], str]
    lines: Callable[[Sequence[str], Iterable[Row]], str]


def moment(at: datetime) -> str:
    """Returns a moment as `2026-11-29T12:00:00.000000Z`: always as long, so that texts sort as moments do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def cell(value: Any) -> Any:
    """Returns a value as a cell of CSV: nothing for None, JSON for what has parts."""
    if isinstance(value, str):
        return APOSTROPHE + value if value.startswith(FORMULAS) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, dict | list):
        return orjson.dumps(value).decode()
    return value


def csv_head(names: Sequence[str]) -> str:
    return MARK + csv_lines(names, [names])


def csv_lines(names: Sequence[str], rows: Iterable[Row]) -> str:
    out = StringIO(newline="")
    csv.writer(out).writerows([cell(value) for value in row] for row in rows)
    return out.getvalue()


def json_head(names: Sequence[str]) -> str:
    return ""


def json_lines(names: Sequence[str], rows: Iterable[Row]) -> str:
    objects = (
        {name: moment(value) if isinstance(value, datetime) else value for name, value in zip(names, row, strict=True)}
        for row in rows
    )
    return "".join(orjson.dumps(each).decode() + "\n" for each in objects)


FORMATS = {
    "csv": Format("csv", "text/csv; charset=utf-8", csv_head, csv_lines),
    "jsonl": Format("jsonl", "application/jsonl; charset=utf-8", json_head, json_lines),
}
