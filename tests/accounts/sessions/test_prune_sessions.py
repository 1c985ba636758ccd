"""manage.py prune_sessions."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.audit.verifying import verify
from accounts.management.commands import prune_sessions
from accounts.models import AuditEvent, Session, User

DAY = timedelta(days=1)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def run(*arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command("prune_sessions", *arguments, stdout=out, **options)
    return out.getvalue()


def opened(user: User, **fields: Any) -> Session:
    begun = Session.begin(User.objects.get(pk=user.pk), device="", address="")
    assert begun is not None
    Session.objects.filter(pk=begun[0].pk).update(**fields)
    return begun[0]


@pytest.fixture
def sessions(ann: User) -> dict[str, Session]:
    """One that works, and over for 5 or 40 days, in each way."""
    now = timezone.now()
    found = {"open": opened(ann)}
    for days in (5, 40):
        then = now - days * DAY
        found[f"ended {days}"] = opened(ann, ended_at=then, end_reason="staff")
        found[f"expired {days}"] = opened(ann, expires_at=then)
        found[f"idle {days}"] = opened(ann, last_seen_at=then - timedelta(hours=8))
    return found


def test_those_that_were_over_before_are_deleted(sessions: dict[str, Session]) -> None:
    assert run("--before", "30d") == "3 sessions deleted.\n"
    left = {name for name, session in sessions.items() if Session.objects.filter(pk=session.pk).exists()}
    assert left == {"open", "ended 5", "expired 5", "idle 5"}
    assert run("--before", "30d") == "0 sessions deleted.\n"


def test_a_dry_run_deletes_nothing(sessions: dict[str, Session]) -> None:
    assert run("--before", "30d", "--dry-run") == "3 sessions would be deleted.\n"
    assert Session.objects.count() == 7


def test_it_goes_in_chunks_each_with_one_event(sessions: dict[str, Session], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune_sessions, "CHUNK", 2)
    assert run("--before", "1d") == "6 sessions deleted.\n"
    events = AuditEvent.objects.filter(type="session.pruned")
    assert [event.after for event in events] == [{"sessions": 2}] * 3
    assert {(event.actor_name, event.source) for event in events} == {("manage.py prune_sessions", "command")}
    assert not AuditEvent.objects.filter(type="session.deleted").exists()
    assert verify("").problems == []


def test_quiet_it_says_nothing(sessions: dict[str, Session]) -> None:
    assert run("--before", "30d", "--dry-run", verbosity=0) == ""
    assert run("--before", "30d", verbosity=0, stderr=Terminal()) == ""
    assert Session.objects.count() == 4


def test_on_a_terminal_it_shows_how_far_it_is(sessions: dict[str, Session], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune_sessions, "CHUNK", 1)
    terminal, file = Terminal(), StringIO()
    run("--before", "30d", stderr=terminal)
    assert "] 1/3" in terminal.getvalue()
    assert terminal.getvalue().endswith(f"[{'#' * 30}] 3/3\n")
    run("--before", "1d", stderr=file)
    assert file.getvalue() == ""


@pytest.mark.parametrize("arguments", [(), ("--before", "soon"), ("--before", "0d")])
def test_it_must_be_told_since_when(arguments: tuple[str, ...], database: None) -> None:
    with pytest.raises(CommandError):
        run(*arguments)
