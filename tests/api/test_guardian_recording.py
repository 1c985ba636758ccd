"""The veto log on its way to the database."""

from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from django.db import OperationalError

from accounts.bootstrap import ensure_defaults
from accounts.models import Project
from api.guardian import recording
from api.guardian.recording import Vetoes
from api.models import Veto
from tests.processes import eventually

pytestmark = pytest.mark.usefixtures("database")


def veto(reason: str = "r", **fields: Any) -> Veto:
    at = datetime.now(UTC)
    return Veto(at=at, policy_id=1, kind="pattern", mode="enforce", endpoint="/v1/x", reason_code=reason, **fields)


def reasons() -> list[str]:
    return list(Veto.objects.order_by("pk").values_list("reason_code", flat=True))


@pytest.fixture
def vetoes(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Those of a process whose thread writes nothing by itself."""
    made = Vetoes()
    monkeypatch.setattr(made.keeper, "every", 60.0)
    yield made
    made.forget()
    made.keeper.stop()


def test_what_waits_is_written_once_and_in_its_order(vetoes: Vetoes) -> None:
    for reason in ("a", "b"):
        vetoes.note(veto(reason))
    assert reasons() == []
    for _ in range(2):
        vetoes.flush()
        assert reasons() == ["a", "b"]


def test_the_thread_writes_and_does_so_once_more_at_the_end() -> None:
    vetoes = Vetoes()
    vetoes.keeper.every = 0.01
    vetoes.note(veto("a"))
    eventually(lambda: reasons() == ["a"], 10, "it is written")
    vetoes.keeper.every = 60.0
    vetoes.note(veto("b"))
    vetoes.keeper.stop()
    assert reasons() == ["a", "b"]


def test_while_the_database_is_away_they_wait(vetoes: Vetoes, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> Any:
        raise OperationalError("no connection")

    monkeypatch.setattr(recording, "keeping_nothing", away)
    vetoes.note(veto("a"))
    vetoes.note(veto("b"))
    with structlog.testing.capture_logs() as lines:
        vetoes.flush()
    assert [line["event"] for line in lines] == ["vetoes_not_written"]
    vetoes.note(veto("c"))
    monkeypatch.undo()
    vetoes.flush()
    assert reasons() == ["a", "b", "c"]


def test_more_than_can_wait_are_told_and_not_written(vetoes: Vetoes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MOST", 2)
    for reason in "abcd":
        vetoes.note(veto(reason))
    with structlog.testing.capture_logs() as lines:
        vetoes.flush()
        vetoes.flush()
    assert [(line["event"], line["vetoes"]) for line in lines] == [("vetoes_dropped", 2)]
    assert reasons() == ["a", "b"]


def test_of_a_project_that_keeps_nothing_nothing_is_kept(vetoes: Vetoes) -> None:
    project = ensure_defaults()[1]
    Project.objects.filter(pk=project.pk).update(data_retention="zero_data_retention")
    vetoes.note(veto("gone", project_id=project.public_id))
    vetoes.note(veto("kept", project_id="proj_other"))
    vetoes.flush()
    assert reasons() == ["kept"]
