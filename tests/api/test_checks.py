"""System checks of the OpenAI wire, by their ids."""

from pathlib import Path

import pytest
from pytest_django import Settings

from api.checks import NOT_NEGATIVE, POSITIVE, embedded_models, key_variables, positive_numbers, retries


def test_the_settings_of_the_tests_pass() -> None:
    assert key_variables(None) == []
    assert embedded_models(None) == []
    assert positive_numbers(None) == []
    assert retries(None) == []


def test_a_variable_of_the_servers_own_or_a_key_itself_in_the_list_of_keys_is_e004(settings: Settings) -> None:
    settings.LUKHAS_UPSTREAM_KEY_VARS = ["OPENAI_API_KEY", "SECRET_KEY", "lukhas_any", "sk-proj-secret"]
    errors = key_variables(None)
    assert [error.id for error in errors] == ["api.E004"] * 3
    assert [error.msg.partition(": ")[2] for error in errors] == [
        "SECRET_KEY is a setting of this server and is never sent to an upstream.",
        "lukhas_any is a setting of this server and is never sent to an upstream.",
        "The name of an environment variable, not its value.",
    ]
    assert all(error.hint and "sk-proj" not in error.hint for error in errors)


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


@pytest.mark.parametrize("name", NOT_NEGATIVE)
def test_there_can_be_no_retries_and_fewer_are_e003(settings: Settings, name: str) -> None:
    setattr(settings, name, 0)
    assert retries(None) == []
    setattr(settings, name, -1)
    (error,) = retries(None)
    assert error.id == "api.E003"
    assert error.msg == f"{name} must not be below zero, and is -1."
    assert name in (error.hint or "")
