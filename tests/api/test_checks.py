"""System checks of the OpenAI wire, by their ids."""

from pathlib import Path

import pytest
from pytest_django import Settings

from api.checks import POSITIVE, embedded_models, positive_numbers


def test_the_settings_of_the_tests_pass() -> None:
    assert embedded_models(None) == []
    assert positive_numbers(None) == []


def test_a_gguf_that_is_no_file_is_e001(settings: Settings, tmp_path: Path) -> None:
    settings.LUKHAS_CHAT_GGUF = str(tmp_path / "absent.gguf")
    (error,) = embedded_models(None)
    assert error.id == "api.E001"
    assert "absent.gguf" in error.msg
    assert error.hint
    (tmp_path / "absent.gguf").write_bytes(b"GGUF")
    assert embedded_models(None) == []


@pytest.mark.parametrize("name", POSITIVE)
@pytest.mark.parametrize("value", [0, -1])
def test_a_size_or_time_that_is_not_above_zero_is_e002(settings: Settings, name: str, value: int) -> None:
    setattr(settings, name, value)
    (error,) = positive_numbers(None)
    assert error.id == "api.E002"
    assert error.msg == f"{name} must be above zero, not {value}."
    assert name in (error.hint or "")
