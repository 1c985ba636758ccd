"""Which of several deployments a request goes to."""

from collections import Counter

import pytest

from api.balancing import Traffic
from api.catalog import Target


def at(upstream: str, weight: int = 1) -> Target:
    return Target("m", upstream, "openai", weight=weight)


def test_the_one_with_the_fewest_requests_in_flight_for_its_weight_is_next() -> None:
    traffic, small, large = Traffic(), at("small"), at("large", 3)
    for upstream, busy in (("small", 1), ("large", 2)):
        for _ in range(busy):
            traffic.enter(at(upstream).place)
    assert {traffic.pick([small, large]).upstream for _ in range(20)} == {"large"}
    for _ in range(2):
        traffic.enter(large.place)
    assert {traffic.pick([small, large]).upstream for _ in range(20)} == {"small"}
    traffic.leave(small.place)
    assert traffic.in_flight(small.place) == 0


def test_of_those_that_are_as_busy_each_gets_its_share() -> None:
    counts = Counter(Traffic().pick([at("small"), at("large", 3)]).upstream for _ in range(4000))
    assert counts["large"] == pytest.approx(3000, abs=200)


def test_many_at_once_are_spread_by_weight() -> None:
    traffic, targets = Traffic(), [at("small"), at("large", 3)]
    for _ in range(40):
        traffic.enter(traffic.pick(targets).place)
    assert [traffic.in_flight(target.place) for target in targets] == [10, 30]


def test_one_without_weight_gets_something_only_where_there_is_no_other() -> None:
    traffic, spare = Traffic(), at("spare", 0)
    traffic.enter(at("main").place)
    assert {traffic.pick([spare, at("main")]).upstream for _ in range(50)} == {"main"}
    assert {traffic.pick([spare, at("other", 0)]).upstream for _ in range(50)} == {"spare", "other"}
