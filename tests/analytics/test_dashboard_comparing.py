"""Differences between variants, and the intervals around them."""

import math
import random

import pytest

from analytics.dashboard.comparing import FEWEST, Times, difference, ratio
from analytics.rollups.gathering import ticks_of


def times(seed: int, count: int, *, factor: float = 1.0) -> Times:
    """Latencies as they are: many short ones and a few long ones."""
    chance = random.Random(seed)
    ticks = [ticks_of(int(chance.lognormvariate(13, 0.6) * factor)) for _ in range(count)]
    return Times(count, sum(ticks), sum(tick * tick for tick in ticks))


def test_an_interval_holds_the_true_ratio_of_means_about_95_times_of_100() -> None:
    held = 0
    for seed in range(400):
        found = ratio(times(seed, 150, factor=1.2), times(seed + 10_000, 100))
        assert found is not None
        held += found.low <= 0.2 <= found.high
    # 95 % of 400, give or take three standard deviations and what the normal approximation costs.
    assert 360 <= held <= 396


def test_a_planted_fifth_is_beyond_chance_and_the_interval_holds_it() -> None:
    found = ratio(times(1, 3000, factor=1.2), times(2, 3000))
    assert found is not None
    assert found.low < 0.2 < found.high
    assert found.sure
    same = ratio(times(3, 3000), times(4, 3000))
    assert same is not None
    assert not same.sure


def test_means_are_in_microseconds_and_there_is_none_of_nothing() -> None:
    assert Times(2, 30, 500).mean == 1500
    assert Times(0, 0, 0).mean is None


@pytest.mark.parametrize(
    ("one", "control"),
    [
        (times(1, FEWEST - 1), times(2, 100)),
        (times(1, 100), times(2, FEWEST - 1)),
        (Times(100, 0, 0), times(2, 100)),
        (times(1, 100), Times(100, 0, 0)),
    ],
)
def test_of_too_few_or_of_no_time_nothing_is_said(one: Times, control: Times) -> None:
    assert ratio(one, control) is None


def test_times_that_are_all_the_same_have_an_interval_of_one_point() -> None:
    found = ratio(Times(100, 1200, 14_400), Times(100, 1000, 10_000))
    assert found is not None
    assert found.low == pytest.approx(0.2) == found.high == found.value


def test_shares_are_compared_as_newcombe_does() -> None:
    """His example (1998, table II): 56 of 70 and 48 of 80."""
    found = difference(56, 70, 48, 80)
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert found.sure


@pytest.mark.parametrize(("hits", "control"), [(0, 0), (100, 100), (0, 100), (100, 0)])
def test_none_and_all_have_intervals_within_what_can_be(hits: int, control: int) -> None:
    found = difference(hits, 100, control, 100)
    assert found is not None
    assert -1 - 1e-9 <= found.low <= found.value <= found.high <= 1 + 1e-9
    assert math.isclose(found.value, (hits - control) / 100)
    assert found.sure is (hits != control)


def test_shares_of_too_few_are_not_compared() -> None:
    assert difference(1, FEWEST - 1, 1, 100) is None
