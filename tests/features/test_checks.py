"""System checks of feature flags, by their ids."""

import pytest
from pytest_django import Settings

from features.checks import LEAST, check_event_streams


def test_the_settings_of_the_tests_pass() -> None:
    assert check_event_streams() == []


@pytest.mark.parametrize("name", LEAST)
def test_a_number_of_event_streams_that_is_too_low_is_e001(settings: Settings, name: str) -> None:
    setattr(settings, name, LEAST[name] - 1)
    (error,) = check_event_streams()
    assert (error.id, error.msg) == ("features.E001", f"{name} must be at least {LEAST[name]}, not {LEAST[name] - 1}.")
    assert error.hint
