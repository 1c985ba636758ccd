"""When keys were last used: noted, and written for many keys at once."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, models
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import uses as module
from accounts.memo import callers
from accounts.models import ApiKey
from accounts.uses import Uses
from tests.accounts.conftest import Issue


@pytest.fixture
def uses() -> Uses:
    """Uses that nobody writes unless the test does."""
    uses = Uses()
    uses.keeper.started = True
    return uses


def test_the_uses_of_many_keys_are_one_statement_each_with_its_moment(
    uses: Uses, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 3)
    now = timezone.now()
    keys = [issue()[0] for _ in range(5)]
    for at, key in enumerate(keys):
        uses.note(key, now + timedelta(seconds=at))
    with CaptureQueriesContext(connection) as queries:
        uses.flush()
    assert sum(query["sql"].startswith("UPDATE") for query in queries) == 2
    assert [key.last_used_at for key in ApiKey.objects.order_by("pk")] == [
        now + timedelta(seconds=at) for at in range(5)
    ]
    with CaptureQueriesContext(connection) as queries:
        uses.flush()
    assert len(queries) == 0


def test_a_use_within_a_minute_of_the_one_that_is_written_is_not_written(uses: Uses, issue: Issue) -> None:
    key, _ = issue()
    now = timezone.now()
    for seconds, written in ((0, 0), (59, 0), (60, 60)):
        uses.note(key, now + timedelta(seconds=seconds))
        uses.flush()
        key.refresh_from_db()
        assert key.last_used_at == now + timedelta(seconds=written)


def test_writing_uses_makes_no_caller_forgotten(uses: Uses, issue: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    key, _ = issue()
    forgotten: list[bool] = []
    monkeypatch.setattr(callers, "forget", lambda: forgotten.append(True))
    uses.note(key, timezone.now())
    uses.flush()
    assert forgotten == []


def test_what_the_database_does_not_take_is_logged_and_written_later(
    uses: Uses, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> int:
        raise DatabaseError("database is locked")

    told: list[dict[str, Any]] = []
    monkeypatch.setattr(module.log, "warning", lambda event, **facts: told.append({"event": event, **facts}))
    key, _ = issue()
    now = timezone.now()
    uses.note(key, now)
    with monkeypatch.context() as patched:
        patched.setattr(models.QuerySet, "update", fail)
        uses.flush()
    assert told == [{"event": "key_uses_not_written", "error": "DatabaseError", "keys": 1}]
    uses.flush()
    key.refresh_from_db()
    assert key.last_used_at == now


def test_what_is_forgotten_is_never_written(uses: Uses, issue: Issue) -> None:
    key, _ = issue()
    uses.note(key, timezone.now())
    uses.forget()
    uses.flush()
    key.refresh_from_db()
    assert key.last_used_at is None


def test_a_first_use_starts_the_thread_that_writes_and_its_end_is_a_last_round(issue: Issue) -> None:
    uses = Uses()
    key, _ = issue()
    uses.note(key, timezone.now())
    assert uses.keeper.started
    uses.keeper.stop()
    key.refresh_from_db()
    assert key.last_used_at is not None
