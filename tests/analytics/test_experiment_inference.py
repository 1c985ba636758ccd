"""Differences, their intervals and p-values: against published examples, and against what is planted."""

import math
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from analytics.experiments.inference import (
    FEWEST,
    FEWEST_STRETCHES,
    Mean,
    fisher,
    mean_of,
    means,
    ratio_of,
    shares,
    split,
)

SEEDS = 100


@pytest.mark.parametrize(
    ("one", "control", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_intervals_of_shares_are_those_of_newcombes_table(
    one: tuple[int, int], control: tuple[int, int], low: float, high: float
) -> None:
    found = shares(*one, *control)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert found.difference == pytest.approx(one[0] / one[1] - control[0] / control[1])


def test_the_z_test_agrees_with_the_trial_of_aspirin() -> None:
    """Of 11,034 physicians with a placebo 189 had a heart attack, of 11,037 with aspirin 104: chi-square is 25.01."""
    found = shares(189, 11_034, 104, 11_037)
    assert found is not None
    assert found.method == "two-proportion z-test"
    assert found.p_value == pytest.approx(math.erfc(math.sqrt(25.014 / 2)), rel=1e-3)
    assert found.low < 0.0077 < found.high


@pytest.mark.parametrize(
    ("table", "p_value"),
    [
        ((3, 4, 1, 4), 0.4857),  # Fisher's own: the lady who tastes tea
        ((8, 10, 1, 6), 0.03497),
        ((3, 50, 9, 50), 0.12125),
        ((0, 10, 0, 20), 1.0),
        ((10, 10, 20, 20), 1.0),
    ],
)
def test_small_counts_are_tested_exactly(table: tuple[int, int, int, int], p_value: float) -> None:
    assert fisher(*table) == pytest.approx(p_value, abs=5e-5)


def test_where_a_count_is_expected_to_be_small_the_exact_test_is_used() -> None:
    small, large = shares(1, 1000, 8, 1000), shares(2, 1000, 8, 1000)
    assert small is not None
    assert large is not None
    assert (small.method, large.method) == ("Fisher's exact test", "two-proportion z-test")
    assert small.p_value == pytest.approx(fisher(1, 1000, 8, 1000))


def test_where_nobody_was_asked_there_is_no_share() -> None:
    assert shares(0, 0, 1, 10) is None
    assert shares(1, 10, 0, 0) is None


def test_welchs_test_agrees_with_students_data_on_sleep() -> None:
    """Ten patients with each of two drugs: t is -1.8608 on 17.776 degrees of freedom."""
    found = means(Mean(0.75, 3.200556 / 10, 9), Mean(2.33, 4.009 / 10, 9))
    assert found is not None
    assert (found.difference, found.low, found.high) == pytest.approx((-1.58, -3.3654832, 0.2054832), abs=1e-5)
    assert found.p_value == pytest.approx(0.07939, abs=5e-6)
    assert found.method == "Welch's t-test"


def test_a_mean_comes_from_the_sum_and_the_sum_of_squares() -> None:
    values = [3, 5, 8, 12] * 10
    found = mean_of(40, sum(values), sum(each * each for each in values), 0.5)
    assert found is not None
    assert found.value == pytest.approx(np.mean(values) / 2)
    assert found.error == pytest.approx(np.var(values, ddof=1) / 4 / 40)
    assert found.freedom == 39


def test_of_too_few_nothing_is_said() -> None:
    assert mean_of(FEWEST - 1, 100, 1000) is None
    assert ratio_of([(1, 5)] * (FEWEST_STRETCHES - 1) + [(0, 0)] * 50) is None
    good = mean_of(FEWEST, 300, 4000)
    assert means(good, None) is None
    assert means(None, good) is None


@pytest.mark.parametrize(("value", "p_value"), [(3.0, 0.0), (2.0, 1.0)])
def test_what_never_varies_has_an_interval_of_one_point(value: float, p_value: float) -> None:
    found = means(Mean(value, 0.0, 50), Mean(2.0, 0.0, 50))
    assert found is not None
    assert (found.low, found.high, found.p_value) == (value - 2, value - 2, p_value)


def test_a_ratio_is_of_all_stretches_together() -> None:
    found = ratio_of([(10, 20), (30, 90)] * 10, 2.0)
    assert found is not None
    assert found.value == pytest.approx(2 * 1100 / 400)
    # By hand: residuals of ±7.5 in each of 20 stretches.
    assert found.error == pytest.approx(4 * 20 / 19 * (20 * 7.5**2) / 400**2)
    assert found.freedom == 19


def test_mendels_peas_are_split_as_he_said() -> None:
    found = split(
        {"round yellow": 315, "wrinkled yellow": 101, "round green": 108, "wrinkled green": 32},
        {"round yellow": 9, "wrinkled yellow": 3, "round green": 3, "wrinkled green": 1, "blue": 0},
    )
    assert found is not None
    assert (found.chi_square, found.p_value) == pytest.approx((0.470, 0.925), abs=5e-4)
    assert found.expected["round yellow"] == pytest.approx(312.75)
    assert not found.mismatch


@pytest.mark.parametrize(
    ("units", "weights", "mismatch"),
    [
        ({"on": 5000, "off": 5000}, {"on": 1, "off": 1}, False),
        ({"on": 4900, "off": 5100}, {"on": 1, "off": 1}, False),  # p is 0.046: nothing out of the ordinary
        ({"on": 4800, "off": 5200}, {"on": 1, "off": 1}, True),
        ({"on": 1000, "off": 9000}, {"on": 1, "off": 9}, False),
        ({"on": 5000, "off": 5000, "blue": 1}, {"on": 1, "off": 1, "blue": 0}, True),
        ({"on": 100}, {"on": 1}, False),
        ({"on": 10_000}, {"on": 1, "off": 1}, True),
    ],
)
def test_units_that_are_not_split_as_they_should_be_are_told(
    units: dict[str, int], weights: dict[str, int], mismatch: bool
) -> None:
    found = split(units, weights)
    assert found is not None
    assert found.mismatch is mismatch


@pytest.mark.parametrize(("units", "weights"), [({"on": 4, "off": 4}, {"on": 1, "off": 1}), ({"on": 9}, {"on": 0})])
def test_of_too_few_units_no_split_is_judged(units: dict[str, int], weights: dict[str, int]) -> None:
    assert split(units, weights) is None


# --- What is planted is found, and what is not there is not ------------------------------------------------------


def simulated_shares(chance: np.random.Generator, effect: float) -> tuple[float, float, float]:
    found = shares(int(chance.binomial(800, 0.1 + effect)), 800, int(chance.binomial(1200, 0.1)), 1200)
    assert found is not None
    return found.low, found.high, found.p_value


def simulated_means(chance: np.random.Generator, effect: float) -> tuple[float, float, float]:
    def sample(shift: float, count: int) -> Mean | None:
        ticks = (chance.lognormal(5, 0.6, count) + shift * 10_000).astype(int).tolist()
        return mean_of(count, sum(ticks), sum(tick * tick for tick in ticks), 1e-4)

    found = means(sample(effect, 300), sample(0, 500))
    assert found is not None
    return found.low, found.high, found.p_value


def simulated_ratios(chance: np.random.Generator, effect: float) -> tuple[float, float, float]:
    """Cost a request: stretches with few and with many requests, whose costs have something in common."""

    def sample(shift: float) -> Mean | None:
        sizes = chance.poisson(8, 60) + 1
        costs = chance.lognormal(3, 0.4, 60) * sizes + shift * 1e3 * sizes
        return ratio_of(list(zip(sizes.tolist(), costs.astype(int).tolist(), strict=True)), 1e-3)

    found = means(sample(effect), sample(0))
    assert found is not None
    return found.low, found.high, found.p_value


KINDS = [(simulated_shares, 0.04), (simulated_means, 0.002), (simulated_ratios, 0.004)]


@pytest.mark.parametrize(("simulated", "effect"), KINDS)
def test_the_interval_holds_a_true_effect_about_95_times_of_100(
    simulated: Callable[[np.random.Generator, float], tuple[float, float, float]], effect: float
) -> None:
    found = [simulated(np.random.default_rng(seed), effect) for seed in range(4 * SEEDS)]
    held = sum(low <= effect <= high for low, high, _ in found)
    # 95 % of 400, give or take three standard deviations and what the approximation costs.
    assert 362 <= held <= 396


@pytest.mark.parametrize(("simulated", "effect"), KINDS)
def test_where_there_is_no_effect_p_is_above_five_percent_about_95_times_of_100(
    simulated: Callable[[np.random.Generator, float], tuple[float, float, float]], effect: float
) -> None:
    found = [simulated(np.random.default_rng(seed), 0.0) for seed in range(SEEDS)]
    assert 88 <= sum(p_value > 0.05 for _, _, p_value in found) <= 100
    planted = [simulated(np.random.default_rng(seed), 4 * effect) for seed in range(SEEDS)]
    assert all(p_value < 0.05 for _, _, p_value in planted)


def test_a_fair_split_is_hardly_ever_called_a_mismatch_and_a_lossy_one_is() -> None:
    chance = np.random.default_rng(7)
    fair = [int(chance.binomial(10_000, 0.3)) for _ in range(SEEDS)]
    lossy = [int(chance.binomial(number, 0.8)) for number in fair]

    def told(on: int, off: int) -> bool:
        found = split({"on": on, "off": off}, {"on": 3, "off": 7})
        assert found is not None
        return found.mismatch

    assert sum(told(on, 10_000 - on) for on in fair) <= 1
    assert sum(told(on, 10_000 - whole) for on, whole in zip(lossy, fair, strict=True)) >= 98


def test_the_server_does_not_import_scipy_before_somebody_asks() -> None:
    program = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "lukhas_site.settings"
import django
django.setup()
from django.urls import get_resolver
assert get_resolver().url_patterns
from analytics.experiments import inference, results
assert "scipy" not in sys.modules
assert inference.special().stdtr(9, 0) == 0.5
assert "scipy.special" in sys.modules
assert "scipy.stats" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
