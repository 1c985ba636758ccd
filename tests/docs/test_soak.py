"""docs/soak.md shows a whole soak that held every goal."""

import csv

from tests.docs.pages import ROOT, page

TEN_MINUTES = "600 seconds"


def test_the_soak_that_was_written_down_was_a_whole_one_and_held_every_goal() -> None:
    soak = page("soak")
    with (ROOT / "benchmarks/results/soak.csv").open() as file:
        goals = list(csv.DictReader(file))
    assert TEN_MINUTES in soak.path.read_text()
    assert len(goals) == 4
    assert [goal["goal"] for goal in goals if goal["held"] != "yes"] == []
    told = [tuple(row) for row in soak.rows()]
    rows = [tuple(goal[name] for name in ("goal", "bound", "measured", "held")) for goal in goals]
    assert [row for row in rows if row not in told] == []
