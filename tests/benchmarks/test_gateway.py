"""How the comparison with the peer is judged."""

from typing import Any

import pytest

from benchmarks.gateway import LATER, goals, ratio

STREAMS = {
    "streams": 500, "embedded models": "none", "failed": 0, "first chunk p99 ms": 900.0,
    LATER: 105.0, "of before": 1.05,
}  # fmt: skip
OURS = {"of LiteLLM": 15.0, "p99 of LiteLLM's": 0.1, "of the bare view": 1.4}


def judged(ours: dict[str, Any], streams: dict[str, Any], added: float = 1.0) -> list[str]:
    memory = [{"requests": 5000, "of the first": 1.0}, {"requests": 100_000, "of the first": 1.02}]
    found = {"gateway": [ours], "gateway_added": [{"added p50 ms": added}], "gateway_streams": [streams]}
    return [str(row["held"]) for row in goals({**found, "gateway_memory": memory})]


def test_where_all_is_well_every_goal_is_held() -> None:
    assert judged(OURS, STREAMS) == ["yes"] * 8


@pytest.mark.parametrize(
    ("ours", "streams", "added", "place"),
    [
        ({"of LiteLLM": 7.9}, {}, 1.0, 0),
        ({"p99 of LiteLLM's": 0.21}, {}, 1.0, 1),
        ({"of the bare view": 0.89}, {}, 1.0, 2),
        ({}, {}, 3.1, 3),
        ({}, {"failed": 1}, 1.0, 4),
        ({}, {"first chunk p99 ms": 1001.0}, 1.0, 5),
        ({}, {"of before": 1.11}, 1.0, 6),
    ],
)
def test_each_goal_is_judged_by_itself(ours: dict[str, Any], streams: dict[str, Any], added: float, place: int) -> None:
    wanted = ["yes"] * 8
    wanted[place] = "no"
    assert judged({**OURS, **ours}, {**STREAMS, **streams}, added) == wanted


def test_each_kind_of_server_is_judged() -> None:
    memory = [{"requests": 5000, "of the first": 1.0}]
    bursts = [{**STREAMS, "embedded models": "in memory"}, {**STREAMS, "first chunk p99 ms": 2000.0, "of before": 1.2}]
    found = {"gateway": [OURS], "gateway_added": [{"added p50 ms": 1.0}], "gateway_streams": bursts}
    rows = {str(row["goal"]): row["held"] for row in goals({**found, "gateway_memory": memory})}
    assert rows["500 streams: first chunk, p99 ms"] == "no"
    said = "500 streams: memory afterwards, of that before; models "
    assert (rows[f"{said}in memory"], rows[f"{said}none"]) == ("yes", "no")


def test_memory_is_judged_a_minute_later_and_not_sooner() -> None:
    sooner = {name: value for name, value in STREAMS.items() if name != LATER}
    assert judged(OURS, {**sooner, "MiB 5 s later": 120.0, "of before": 1.2}) == ["yes"] * 7


def test_without_the_peer_its_two_goals_are_left_out() -> None:
    assert judged({**OURS, "of LiteLLM": "", "p99 of LiteLLM's": ""}, STREAMS) == ["yes"] * 6


def test_a_ratio_is_of_rounds_that_were_measured_together() -> None:
    ours = [{"per_second": 100.0}, {"per_second": 10.0}, {"per_second": 90.0}]
    theirs = [{"per_second": 50.0}, {"per_second": 5.0}, {"per_second": 30.0}]
    assert ratio(ours, theirs) == 2.0
