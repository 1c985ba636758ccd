"""What the headers say of the limits."""

import pytest

from accounts.limits.headers import duration, headers
from accounts.limits.rules import Plan, Rule


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.0001, "1ms"),
        (0.002, "2ms"),
        (0.9991, "1s"),
        (1, "1s"),
        (8.64, "8.64s"),
        (59.9999, "1m0s"),
        (60.245, "1m0.245s"),
        (360, "6m0s"),
        (3600, "1h0m0s"),
        (86_460.5, "24h1m0.5s"),
    ],
)
def test_a_duration_is_written_as_go_does(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_headers_speak_of_the_scope_of_which_the_smallest_share_is_left() -> None:
    plan = Plan(
        (
            Rule("key:k", "", "requests", "minute", 100),
            Rule("project:p", "", "requests", "day", 10),
            Rule("project:p", "", "tokens", "minute", 1000),
            Rule("project:p", "", "in_flight", "", 3),
        ),
        (),
        (),
    )
    assert headers(plan, [80, 9, 400, 1], [30, 7200, 8.64, 0]) == {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "1",
        "x-ratelimit-reset-requests": "2h0m0s",
        "x-ratelimit-limit-tokens": "1000",
        "x-ratelimit-remaining-tokens": "600",
        "x-ratelimit-reset-tokens": "8.64s",
    }


def test_less_than_nothing_is_never_left_and_a_limit_of_nothing_is_the_smallest_share() -> None:
    plan = Plan((Rule("key:k", "", "tokens", "minute", 0), Rule("project:p", "", "tokens", "minute", 5)), (), ())
    assert headers(plan, [3, 1], [2, 1]) == {
        "x-ratelimit-limit-tokens": "0",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "2s",
    }
