"""docs/performance.md and the README show one measurement of the gateway, whole, that held every goal."""

import csv
import re

from tests.docs.pages import ROOT, page


def written(name: str) -> list[dict[str, str]]:
    with (ROOT / "benchmarks/results" / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_measurement_that_was_written_down_was_a_whole_one_and_held_every_goal() -> None:
    goals = written("gateway_goals")
    assert [goal["goal"] for goal in goals if goal["held"] != "yes"] == []
    assert len(goals) == 9  # of the peer, the bare view, one caller, and both kinds of servers
    told = [tuple(row) for row in page("performance").rows()]
    rows = [tuple(goal[name] for name in ("goal", "bound", "measured", "held")) for goal in goals]
    assert [row for row in rows if row not in told] == []


def test_the_readme_shows_the_same() -> None:
    shown = re.findall(r"^\| (.+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    for row in written("gateway"):
        ours = " | ".join(value for name, value in row.items() if name not in ("date", "python"))
        assert (ours in shown) is (row["16 callers"] != "the mock itself")
