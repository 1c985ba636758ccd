"""manage.py prune_exposures."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from features.management.commands import prune_exposures
from features.models import ExposureCount
from tests.features.exposing import exposure


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def run(*arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command("prune_exposures", *arguments, stdout=out, **options)
    return out.getvalue()


@pytest.fixture(autouse=True)
def counts(database: None) -> None:
    """Counts of yesterday, and of 100 days ago."""
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    hours = [now - timedelta(days=days, hours=hour) for days in (1, 100) for hour in range(3)]
    ExposureCount.add({exposure(hour=hour): 1 for hour in hours})


def test_those_of_older_hours_are_deleted() -> None:
    assert run("--before", "90d") == "3 counts deleted.\n"
    assert ExposureCount.objects.filter(hour__gte=timezone.now() - timedelta(days=2)).count() == 3
    assert ExposureCount.objects.count() == 3
    assert run("--before", "90d") == "0 counts deleted.\n"


def test_a_dry_run_deletes_nothing() -> None:
    assert run("--before", "90d", "--dry-run") == "3 counts would be deleted.\n"
    assert ExposureCount.objects.count() == 6


def test_it_goes_in_steps_and_shows_them_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune_exposures, "CHUNK", 2)
    err = Terminal()
    assert run("--before", "90d", stderr=err) == "3 counts deleted.\n"
    assert err.getvalue().endswith("2/2\n")


def test_it_can_be_quiet() -> None:
    assert run("--before", "90d", verbosity=0) == ""
    assert ExposureCount.objects.count() == 3


def test_how_old_must_be_said() -> None:
    for arguments in ([], ["--before", "soon"]):
        with pytest.raises(CommandError):
            run(*arguments)
