"""The settings of the journal, as `manage.py check` judges them."""

from typing import Any

import pytest

from analytics.checks import KEPT_AT_LEAST, check_events, check_journal, check_retention, check_rollout_guard
from analytics.retention import BY_NAME


def test_the_defaults_are_sound() -> None:
    assert check_journal() == []


def test_a_backlog_of_nothing_fails(settings: Any) -> None:
    settings.LUKHAS_JOURNAL_MAX_BYTES = 0
    assert [message.id for message in check_journal()] == ["analytics.E001"]


def test_never_is_warned_of(settings: Any) -> None:
    settings.LUKHAS_JOURNAL_FSYNC = "never"
    assert [message.id for message in check_journal()] == ["analytics.W001"]


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("LUKHAS_EVENT_WINDOW_DAYS", 0, ["analytics.E002"]),
        ("LUKHAS_REJECTED_EVENTS_PER_HOUR", -1, ["analytics.E003"]),
        ("LUKHAS_REJECTED_EVENTS_PER_HOUR", 0, []),
        ("LUKHAS_EVENT_WINDOW_DAYS", 1, []),
    ],
)
def test_settings_of_events_that_cannot_be_are_told(settings: Any, name: str, value: int, found: list[str]) -> None:
    setattr(settings, name, value)
    assert [each.id for each in check_events()] == found


@pytest.mark.parametrize(("name", "least"), KEPT_AT_LEAST.items())
def test_rows_are_kept_for_a_time(settings: Any, name: str, least: int) -> None:
    assert check_retention() == []
    setattr(settings, name, least)
    assert check_retention() == []
    setattr(settings, name, least - 1)
    found = check_retention()
    assert [(each.id, each.msg) for each in found] == [("analytics.E004", f"{name} is below {least}.")]


def test_every_table_has_its_setting() -> None:
    assert {table.setting for table in BY_NAME.values()} == set(KEPT_AT_LEAST)


@pytest.mark.parametrize(("seconds", "ids"), [(-1, ["analytics.E005"]), (0, []), (600, []), (601, ["analytics.E005"])])
def test_a_minute_is_waited_for_within_reason(settings: Any, seconds: int, ids: list[str]) -> None:
    settings.LUKHAS_GUARD_LATE_SECONDS = seconds
    assert [message.id for message in check_rollout_guard()] == ids
