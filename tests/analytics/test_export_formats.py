"""How rows are written, without a database."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from analytics.exporting.formats import FORMATS, MARK, cell, moment
from analytics.exporting.kinds import dollars

CSV, JSONL = FORMATS["csv"], FORMATS["jsonl"]
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("\nx", "'\nx"),
        ("＝1", "'＝1"),
        ("a=1", "a=1"),
        ("'x", "'x"),
        ("", ""),
        (-1, -1),
        (None, None),
        (True, "true"),
        (False, "false"),
        (NOON, "2026-11-29T12:00:00.000000Z"),
        ({"a": [1, "=2"]}, '{"a":[1,"=2"]}'),
        (["=1"], '["=1"]'),
    ],
)
def test_a_cell_is_never_a_formula(value: Any, written: Any) -> None:
    assert cell(value) == written


def test_a_moment_is_in_utc_and_as_long_as_any_other() -> None:
    elsewhere = timezone(timedelta(hours=5, minutes=30))
    at = datetime(2026, 11, 29, 17, 30, 0, 120, tzinfo=elsewhere)
    assert moment(at) == "2026-11-29T12:00:00.000120Z"


def test_csv_is_read_back_as_it_was_and_excel_is_told_of_utf_8() -> None:
    rows = [["a,b", 'say "x"', "two\r\nlines", "Grüße 🙂", None], ["", "x", "y", "z", 5]]
    text = CSV.head(["one", "two", "three", "four", "five"]) + CSV.lines([], rows)
    assert text.startswith(MARK)
    assert text.encode().startswith(b"\xef\xbb\xbfone,")
    read = list(csv.reader(io.StringIO(text.removeprefix(MARK), newline="")))
    assert read == [
        ["one", "two", "three", "four", "five"], ["a,b", 'say "x"', "two\r\nlines", "Grüße 🙂", ""],
        ["", "x", "y", "z", "5"],
    ]  # fmt: skip


def test_json_lines_are_objects_with_nothing_changed_but_how_moments_are_written() -> None:
    names = ["at", "text", "props", "none", "yes", "number"]
    text = JSONL.head(names) + JSONL.lines(names, [[NOON, "=1\n2", {"a": {"b": "-"}}, None, True, 2**63 - 1]] * 2)
    first, second = text.splitlines()
    assert first == second
    assert json.loads(first) == {
        "at": "2026-11-29T12:00:00.000000Z", "text": "=1\n2", "props": {"a": {"b": "-"}}, "none": None, "yes": True,
        "number": 2**63 - 1,
    }  # fmt: skip
    assert list(json.loads(first)) == names


@pytest.mark.parametrize(("micro", "written"), [(0, "0.000000"), (1, "0.000001"), (12_345_678, "12.345678")])
def test_dollars_are_exact(micro: int, written: str) -> None:
    assert dollars(micro) == written
