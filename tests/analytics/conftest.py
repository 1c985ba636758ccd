"""What tests of analytics share: a journal of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from accounts.bootstrap import ensure_defaults
from accounts.models import Organization, Project
from analytics import draining, intake, remembering, vocabularies
from analytics import journal as journals
from analytics.journal import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal in a directory of its own, whose thread ends with the test."""
    journal = Journal(tmp_path / "usage")
    yield journal
    journal.close()


@pytest.fixture(autouse=True)
def fresh_loggers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A logger remembers how logs were set when it was first used, perhaps by a server of another test: then nothing of
    it could be caught."""
    for module in (draining, intake, journals, remembering, vocabularies):
        monkeypatch.setattr(module, "log", structlog.get_logger(module.__name__))


@pytest.fixture
def organization(database: None) -> Organization:
    return ensure_defaults()[0]


@pytest.fixture
def project(database: None) -> Project:
    return ensure_defaults()[1]


@pytest.fixture
def stranger(database: None) -> Organization:
    """Another organisation."""
    return Organization.objects.create(slug="elsewhere", name="Elsewhere")
