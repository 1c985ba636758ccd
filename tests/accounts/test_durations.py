"""Lengths of time as people type them."""

from datetime import timedelta

import pytest

from accounts.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        ("90d", timedelta(days=90)),
        ("2w", timedelta(weeks=2)),
        ("36500d", timedelta(days=36_500)),
    ],
)
def test_a_number_and_a_unit_are_a_length_of_time(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "1.5h", "1y", "1 d", "1d ", "1D", "٣d", "9999999d"])
def test_anything_else_is_refused_and_told_how_to_write_it(text: str) -> None:
    with pytest.raises(ValueError, match="for example 90d"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0d", "0m", "36501d", "999999w"])
def test_nothing_and_more_than_a_hundred_years_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="out of range"):
        parse_duration(text)
