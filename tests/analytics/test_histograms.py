"""Histograms of latencies: whatever is asked of them is at most 5 % off."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.histograms import BOUNDS, TOP, added, bin_of, packed, quantile, unpacked, value_of

MOST_WRONG = 0.05


@given(st.one_of(st.integers(0, 10**7), st.integers(0, TOP)))
def test_what_stands_for_a_value_is_within_five_percent_of_it(value: int) -> None:
    assert abs(value_of(bin_of(value)) - value) <= MOST_WRONG * value


def test_every_bound_begins_a_bin_of_its_own_and_both_ends_of_it_are_within_five_percent() -> None:
    assert list(BOUNDS) == sorted(set(BOUNDS))
    for bin, bound in enumerate(BOUNDS, 1):
        assert (bin_of(bound - 1), bin_of(bound)) == (bin - 1, bin)
        last = BOUNDS[bin] - 1 if bin < len(BOUNDS) else TOP
        for end in (bound, last):
            assert abs(value_of(bin) - end) <= MOST_WRONG * end


def test_zero_is_exact_and_nothing_is_below_it() -> None:
    assert value_of(bin_of(0)) == 0
    assert bin_of(-5) == bin_of(0) == 0


@pytest.mark.parametrize("share", [0.01, 0.5, 0.95, 0.99, 1.0])
def test_a_quantile_is_within_five_percent_of_the_true_one(share: float) -> None:
    chance = random.Random(3)
    values = sorted(int(chance.lognormvariate(13, 1.5)) for _ in range(1000))
    bins: dict[int, int] = {}
    for value in values:
        bins[bin_of(value)] = bins.get(bin_of(value), 0) + 1
    true = values[max(0, round(share * len(values)) - 1)]
    found = quantile(bins, share)
    assert found is not None
    assert abs(found - true) <= MOST_WRONG * true


def test_of_nothing_there_is_no_quantile() -> None:
    assert quantile({}, 0.5) is None


def test_a_kept_histogram_is_what_was_kept_whatever_spells_it() -> None:
    assert packed({120: 2, 98: 1}) == '{"98":1,"120":2}'
    assert unpacked(packed({120: 2, 98: 1})) == {98: 1, 120: 2}
    assert unpacked('{"98": 1}') == {98: 1}


def test_kept_histograms_are_added_bin_by_bin() -> None:
    assert added(['{"98":1,"120":2}', "{}", '{"120": 5}']) == {98: 1, 120: 7}
    assert added(['{"98":1},{"98":2,"1":1}']) == {98: 3, 1: 1}
    assert added([]) == {}
