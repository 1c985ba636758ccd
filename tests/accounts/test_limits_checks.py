"""Wrong settings of limits fail `manage.py check`, each under its id."""

from typing import Any

import pytest

from accounts.limits import checks


def found() -> list[str]:
    every = (checks.check_rates, checks.check_defaults, checks.check_proxies)
    return [str(message.id) for check in every for message in check()]


@pytest.mark.parametrize(
    ("name", "good", "bad", "id"),
    [
        ("LUKHAS_ANONYMOUS_RATE", ["60/m", "5/10s", "1/h"], ["", "60", "0/m", "60/w", "60/0m", "x/m"], "limits.E002"),
        ("LUKHAS_LOGIN_RATE", ["10/m"], ["ten"], "limits.E002"),
        ("LUKHAS_DEFAULT_RPM", [1], [0], "limits.E003"),
        ("LUKHAS_DEFAULT_TPM", [1], [-5], "limits.E003"),
        ("LUKHAS_ESTIMATED_OUTPUT_TOKENS", [1], [0], "limits.E003"),
        (
            "LUKHAS_TRUSTED_PROXIES",
            [[], ["10.0.0.1", "10.0.0.0/8", "fd00::/8", "unix"]],
            [["proxy.example"], ["10.0.0.0/99"]],
            "limits.E004",
        ),
    ],
)
def test_a_wrong_setting_is_told_under_its_id(
    settings: Any, name: str, good: list[Any], bad: list[Any], id: str
) -> None:
    for value in good:
        setattr(settings, name, value)
        assert found() == []
    for value in bad:
        setattr(settings, name, value)
        assert found() == [id]


def test_the_checks_are_those_that_manage_py_runs() -> None:
    from django.core.checks.registry import registry

    assert {checks.check_rates, checks.check_defaults, checks.check_proxies} <= set(registry.registered_checks)
