"""What a soak makes of what it has seen."""

from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import soak_report

MEMORY = [
    {"second": 1.0, "process": "A1", "MiB": 140.0},
    {"second": 2.0, "process": "A1", "MiB": 150.0},
    {"second": 3.0, "process": "A1", "MiB": 145.0},
    {"second": 4.0, "process": "A2", "MiB": 141.0},
]
RESTARTS = [{"restart of": "A", "at s": 3.0, "ended after s": 0.5, "in rotation again at s": 4.0}]


def call(number: int, kind: str = "chat", **more: Any) -> dict[str, Any]:
    entry = {"at": number, "kind": kind, "failed": "", "id": f"req_{number}", "added_ms": 5, "ms": 60, "attempts": 1}
    return {**entry, **more}


def found(calls: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    records = [one["id"] for one in calls if one["kind"] in soak_report.RECORDED and not one["failed"]]
    events = [str(number) for number in range(10 * sum(one["kind"] == "events" for one in calls))]
    seen = {"calls": calls, "memory": MEMORY, "restarts": RESTARTS, "state": "SQLite"}
    return {**seen, "records": records, "events": events, **more}


GOOD = [call(number, kind) for number, kind in enumerate(["chat", "stream", "embeddings", "flag", "events"] * 4)]


def held(seen: dict[str, Any]) -> list[str]:
    return [row["held"] for row in soak_report.tables(seen)["soak"]]


def test_where_all_is_well_every_goal_is_held() -> None:
    assert held(found(GOOD)) == ["yes"] * 4


@pytest.mark.parametrize(
    ("calls", "more", "wanted"),
    [
        ([*GOOD, call(20, failed="APIConnectionError()")], {}, ["no", "yes", "yes", "yes"]),
        ([*GOOD, call(20, added_ms=100), call(21, added_ms=100)], {}, ["yes", "no", "yes", "yes"]),
        (GOOD, {"records": []}, ["yes", "yes", "no", "yes"]),
        (GOOD, {"records": [one["id"] for one in GOOD] * 2}, ["yes", "yes", "no", "yes"]),
        (GOOD, {"events": []}, ["yes", "yes", "yes", "no"]),
    ],
    ids=["a call failed", "slow", "not recorded", "recorded twice", "events lost"],
)
def test_each_goal_is_judged_by_itself(calls: list[dict[str, Any]], more: dict[str, Any], wanted: list[str]) -> None:
    assert held(found(calls, **more)) == wanted


def test_a_kind_of_call_tells_what_failed_and_what_its_client_sent_again() -> None:
    calls = [*GOOD, call(20, attempts=3), call(21, failed="Broken('x')", attempts=2)]
    row = soak_report.tables(found(calls))["soak_kinds"][0]

    assert (row["call"], row["calls"], row["failed"], row["sent again by the client"]) == ("chat", 6, 1, 3)


def test_memory_is_told_by_process() -> None:
    assert soak_report.memory(MEMORY) == [
        {"process": "A1", "seconds": 3, "MiB first": 140.0, "at most": 150.0, "last": 145.0},
        {"process": "A2", "seconds": 1, "MiB first": 141.0, "at most": 141.0, "last": 141.0},
    ]


def test_the_text_names_failures_and_the_plot_is_a_picture() -> None:
    seen = found([*GOOD, call(20, failed="Broken('x')")])

    text = soak_report.text(seen, soak_report.tables(seen), 600)
    assert "two servers on SQLite" in text
    assert "Failed, 1 times: `Broken('x')`" in text
    assert ElementTree.fromstring(soak_report.plot(seen)).tag.endswith("svg")
