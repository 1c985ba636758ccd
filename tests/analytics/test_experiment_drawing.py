"""How the numbers of a result are written."""

import pytest

from analytics.experiments import drawing


@pytest.mark.parametrize(
    ("unit", "number", "value", "difference"),
    [
        ("share", 0.125, "12.5 %", "+12.50 points"),
        ("share", -0.001, None, "−0.10 points"),
        ("seconds", 0.25, "250 ms", "+250 ms"),
        ("seconds", -1.5, None, "−1.5 s"),
        ("dollars", 0.0025, "$0.002500", "+$0.002500"),
    ],
)
def test_values_are_written_in_their_unit(unit: str, number: float, value: str | None, difference: str) -> None:
    assert drawing.difference(unit, number) == difference
    if value:
        assert drawing.value(unit, number) == value
    assert drawing.value(unit, None) == "–"


def test_a_p_value_that_is_as_good_as_nothing_is_not_written_as_nothing() -> None:
    assert drawing.p_value(1e-9) == "< 0.0001"
    assert drawing.p_value(0.0421) == "0.0421"
