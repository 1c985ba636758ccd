"""Requests that reached no model, counted by reason."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import OperationalError
from structlog.testing import capture_logs

from analytics import refusals as module
from analytics.models import Refused
from analytics.refusals import STATEMENT, Refusals

pytestmark = pytest.mark.usefixtures("database")
CHAT = "/v1/chat/completions"


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch) -> Refusals:
    monkeypatch.setattr(module, "time", lambda: 1_764_392_705.5)
    return Refusals()


def counted() -> list[Any]:
    return list(Refused.objects.order_by("project_id", "reason").values_list("project_id", "reason", "count"))


def test_they_are_counted_by_hour_project_endpoint_and_reason(refusals: Refusals) -> None:
    for _ in range(3):
        refusals.note("proj_1", CHAT, "rate_limit_exceeded")
    refusals.note("proj_1", CHAT, "model_not_found")
    refusals.note("", CHAT, "invalid_api_key")
    refusals.flush()
    assert counted() == [
        ("", "invalid_api_key", 1),
        ("proj_1", "model_not_found", 1),
        ("proj_1", "rate_limit_exceeded", 3),
    ]
    assert {row.hour for row in Refused.objects.all()} == {datetime(2025, 11, 29, 5, tzinfo=UTC)}


def test_processes_add_to_what_others_counted(refusals: Refusals) -> None:
    for process in (refusals, Refusals(), Refusals()):
        process.note("proj_1", CHAT, "model_not_found")
        process.flush()
        process.flush()
    assert counted() == [("proj_1", "model_not_found", 3)]
    assert str(Refused.objects.get()) == "model_not_found: 3"


def test_what_cannot_be_written_is_kept(refusals: Refusals, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(counts: object) -> None:
        refusals.note("proj_1", CHAT, "model_not_found")
        raise OperationalError("gone")

    refusals.note("proj_1", CHAT, "model_not_found")
    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(module, "add", away)
        refusals.flush()
    assert [line["event"] for line in logs] == ["refusals_not_written"]
    refusals.flush()
    assert counted() == [("proj_1", "model_not_found", 2)]


def test_what_is_forgotten_is_not_written(refusals: Refusals) -> None:
    refusals.note("proj_1", CHAT, "model_not_found")
    refusals.forget()
    refusals.flush()
    assert counted() == []


def test_the_statement_names_the_table() -> None:
    assert f"INTO {Refused._meta.db_table} " in STATEMENT
