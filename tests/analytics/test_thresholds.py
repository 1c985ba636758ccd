"""When a variant is worse than it may be. Pure."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analytics.histograms import bin_of
from analytics.thresholds import THRESHOLDS, Judgement, Limits, Side, judge, windows

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = 1_000_000


def side(requests: int, failed: int = 0, seconds: float = 1, micro: int = 100, streams: int | None = None) -> Side:
    """So many requests that took so many seconds and cost so many micro-dollars, and as many streams that began after
    that time."""
    begun = requests if streams is None else streams
    sums = Counter(requests=requests, failed=failed, cost_micro=requests * micro, first_tokens=begun)
    bins = {bin_of(int(seconds * SECOND)): requests} if requests else {}
    return Side(sums, Counter(bins), Counter({bin_of(int(seconds * SECOND)): begun} if begun else {}))


def over(*sides: Side) -> dict[datetime, Side]:
    """One a minute."""
    return {NOON + number * MINUTE: each for number, each in enumerate(sides)}


def judged(variant: dict[datetime, Side], control: dict[datetime, Side], **thresholds: float) -> Judgement:
    assert set(thresholds) <= set(THRESHOLDS)
    return judge(Limits(5, 100, thresholds), "next", "current", variant, control)


GOOD = over(*[side(100, 1)] * 5)
"""Of the control: one per cent fails, in a second each."""
CASES: dict[str, tuple[dict[str, float], dict[str, Any]]] = {
    "more fail than may at most": ({"error_rate_most": 5}, {"failed": 10}),
    "more fail than may above the control": ({"error_rate_above": 2}, {"failed": 10}),
    "slower than may be at most": ({"latency_p95_most": 2}, {"seconds": 3}),
    "slower than may be beside the control": ({"latency_p95_times": 1.5}, {"seconds": 2}),
    "streams that begin later than may be": ({"first_token_p95_most": 2}, {"seconds": 3}),
    "streams that begin later than may be beside the control": ({"first_token_p95_times": 1.5}, {"seconds": 2}),
    "dearer than may be at most": ({"cost_most": 0.00015}, {"micro": 200}),
    "dearer than may be beside the control": ({"cost_times": 1.5}, {"micro": 200}),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_worse_for_as_long_is_found_and_what_is_as_the_control_is_not(case: str) -> None:
    thresholds, worse = CASES[case]
    (name,) = thresholds
    found = judged(over(*[side(100, **worse)] * 5), GOOD, **thresholds).finding
    assert found is not None
    assert f"{found.metric.name}_{found.kind}" == name
    assert (found.threshold, found.requests, found.control_requests) == (thresholds[name], 500, 500)
    assert found.value > found.limit
    assert judged(over(*[side(100, 1)] * 5), GOOD, **thresholds).finding is None
    # At the limit itself nothing is over it.
    assert judged(over(*[side(100, 1)] * 5), GOOD, error_rate_most=1).finding is None


@pytest.mark.parametrize("case", CASES)
def test_a_spike_of_two_minutes_is_not_for_as_long(case: str) -> None:
    thresholds, worse = CASES[case]
    bad, good = side(400, **{**worse, "failed": worse.get("failed", 0) * 8}), side(100)
    assert judged(over(bad, bad, good, good, good), GOOD, **thresholds).finding is None
    assert judged(over(bad, bad, good, good, bad), GOOD, **thresholds).finding is not None


@pytest.mark.parametrize("case", CASES)
def test_too_few_requests_are_not_judged_however_bad(case: str) -> None:
    thresholds, worse = CASES[case]
    found = judged(over(*[side(19, **{**worse, "failed": 19})] * 5), GOOD, **thresholds)
    assert (found.enough, found.finding, found.requests) == (False, None, 95)
    assert found.told() == "next had 95 requests, too few to be judged."


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("control", [{}, over(side(29, 29, 99, 9999))], ids=["none", "few"])
def test_without_a_control_only_absolute_thresholds_count_and_it_is_said(case: str, control: Any) -> None:
    thresholds, worse = CASES[case]
    found = judged(over(*[side(100, **worse)] * 5), control, **thresholds)
    assert not found.compared
    if "most" in next(iter(thresholds)):
        assert found.finding is not None
        assert found.told().endswith("current had too few requests to be compared with.")
    else:
        assert found.finding is None
        assert found.told() == (
            "next is within its thresholds in 500 requests, absolute thresholds only: the control had too few requests."
        )


def test_errors_that_may_be_chance_are_none() -> None:
    variant = over(*[side(20, failed) for failed in (2, 2, 2, 1, 1)])
    assert judged(variant, over(*[side(20, 1)] * 5), error_rate_above=2, error_rate_most=5).finding is None
    assert judged(over(*[side(20, 4)] * 5), over(*[side(20, 1)] * 5), error_rate_above=2).finding is not None


def test_the_control_counts_in_those_minutes_only_in_which_the_variant_answered() -> None:
    slow, quick = side(100, seconds=3), side(100, seconds=1)
    control = over(quick, quick, slow, slow, slow)
    variant = {at: slow for at, each in control.items() if each is slow}
    assert judged(variant, control, latency_p95_times=1.5).finding is None
    assert judged(variant, over(*[quick] * 5), latency_p95_times=1.5).finding is not None


def test_streams_are_counted_by_themselves() -> None:
    few = over(*[side(100, seconds=9, streams=10)] * 5)
    assert judged(few, GOOD, first_token_p95_most=2).finding is None
    many = over(*[side(100, seconds=9, streams=20)] * 5)
    assert judged(many, GOOD, first_token_p95_most=2).finding is not None
    silent = over(*[side(100, streams=0)] * 5)
    assert judged(many, silent, first_token_p95_times=2).finding is None


def test_nothing_is_so_many_times_nothing() -> None:
    free = over(*[side(100, micro=0)] * 5)
    assert judged(GOOD, free, cost_times=1.5).finding is None


def test_what_was_found_is_told_with_its_numbers() -> None:
    above = judged(over(*[side(100, 12)] * 5), GOOD, error_rate_above=2)
    assert above.told() == (
        "the error rate of next was 12.0 % in 500 requests; the limit was 3.0 %, 2 points above that of current. "
        "current had 1.0 % in 500 requests."
    )
    most = judged(over(*[side(100, 12)] * 5), GOOD, error_rate_most=5)
    assert most.told() == (
        "the error rate of next was 12.0 % in 500 requests; the limit is 5.0 %. current had 1.0 % in 500 requests."
    )
    times = judged(over(*[side(100, seconds=2)] * 5), GOOD, latency_p95_times=1.5)
    assert ", 1.5 times that of current. " in times.told()
    assert judged(GOOD, GOOD, error_rate_most=5).told() == "next is within its thresholds in 500 requests."


def test_windows_are_whole_minutes_the_last_first_and_none_from_before() -> None:
    late = timedelta(seconds=10)
    found = windows(NOON + timedelta(seconds=9), late, 5, NOON - timedelta(hours=1))
    assert found[0] == (NOON - 6 * MINUTE, NOON - MINUTE)
    assert found[-1] == (NOON - 20 * MINUTE, NOON - 15 * MINUTE)
    assert len(found) == 15
    assert windows(NOON + late, late, 5, NOON - timedelta(hours=1))[0] == (NOON - 5 * MINUTE, NOON)
    since = NOON - timedelta(seconds=90)
    assert windows(NOON + late, late, 5, since) == [(NOON - MINUTE, NOON)]
    assert windows(NOON + late, late, 5, NOON - 2 * MINUTE) == [
        (NOON - 2 * MINUTE, NOON), (NOON - 2 * MINUTE, NOON - MINUTE),
    ]  # fmt: skip
    assert windows(NOON + late, late, 5, NOON) == []
    assert windows(NOON + late, late, 5, NOON + timedelta(days=1)) == []
