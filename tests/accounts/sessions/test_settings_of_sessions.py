"""Wrong settings of sessions fail `manage.py check`, each under its id."""

from typing import Any

import pytest

from accounts.sessions import checks


def found() -> list[str]:
    return [str(message.id) for check in (checks.check_lifetimes, checks.check_maximum) for message in check()]


@pytest.mark.parametrize(
    ("name", "good", "bad", "id"),
    [
        ("LUKHAS_SESSION_IDLE", ["30m", "8h"], ["", "8", "0h", "forever"], "sessions.E001"),
        ("LUKHAS_SESSION_ABSOLUTE", ["12h", "4w"], ["7 days"], "sessions.E001"),
        ("LUKHAS_SESSIONS_PER_USER", [1, 100], [0, -1], "sessions.E002"),
        ("LUKHAS_SESSION_IDLE", ["6d"], ["7d", "8w"], "sessions.W001"),
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

    assert {checks.check_lifetimes, checks.check_maximum} <= set(registry.registered_checks)
