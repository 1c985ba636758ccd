"""Spend alerts on PostgreSQL: many processes on one database tell once, and go on where one of them died."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings as configured
from django.db import connection

from accounts.alerts.telling import CLAIM, Teller
from accounts.alerts.watching import Watch
from accounts.bootstrap import ensure_defaults
from accounts.models import Project, Spend, SpendNotice
from tests.accounts.alerting import ANN, BOB, alert_of, hook, later, mailbox, spend, today
from tests.processes import ROOT
from tests.receivers import Hook, Mailbox

__all__ = ["hook", "mailbox"]
PROCESSES = 4
SCRIPT = """
import sys
import django
django.setup()
from accounts.alerts.watching import watch
from accounts.limits import spending
from accounts.limits.buckets import LocalStore
watch.round()
print("ready", flush=True)
micro = int(sys.stdin.readline())
store = LocalStore()
day, month = store.calendar.today()
store.return_pending({(sys.argv[1], "day", day): micro, (sys.argv[1], "month", month): micro})
assert spending.flush(store)
watch.round()
"""


@contextmanager
def processes(home: str, project: Project, mail_port: int, number: int) -> Iterator[list["subprocess.Popen[str]"]]:
    """Processes of their own that know the alerts, and wait to be told how many micro-dollars to spend."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "lukhas_site.settings",
        "DATABASE_URL": f"postgres://lukhas@/postgres?host={home}",
        "SECRET_KEY": configured.SECRET_KEY,
        "EMAIL_URL": f"smtp://127.0.0.1:{mail_port}",
        "PYTHONWARNINGS": "error",
    }
    command = [sys.executable, "-c", SCRIPT, f"project:{project.public_id}"]
    started = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(number)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate(timeout=30)


def begin(process: "subprocess.Popen[str]", micro: int) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{micro}\n")
    process.stdin.flush()


@pytest.fixture
def project(postgres: None) -> Project:
    return ensure_defaults()[1]


def test_four_processes_whose_spending_reaches_a_threshold_together_send_one_mail_and_one_webhook(
    server_of_postgres: str, project: Project, mailbox: Mailbox, hook: Hook
) -> None:
    alert_of(project, recipients=[ANN, BOB], webhook_url=hook.url)
    with processes(server_of_postgres, project, mailbox.port, PROCESSES) as started:
        for process in started:
            begin(process, 2_500_000)
        for process in started:
            assert process.wait(60) == 0
    assert set(Spend.objects.values_list("micro", flat=True)) == {10_000_000}
    assert sorted(mailbox.recipients()) == [ANN, BOB]
    assert len(hook.posts) == 1
    notice = SpendNotice.objects.get()
    assert (notice.state, notice.attempts, sorted(notice.told)) == ("told", 1, sorted([ANN, BOB, hook.url]))


def test_a_process_that_is_killed_between_claim_and_send_leaves_the_rest_to_others(
    server_of_postgres: str, project: Project, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    alert_of(project, recipients=[ANN])
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with processes(server_of_postgres, project, silent.getsockname()[1], 1) as (process,):
            begin(process, 10_000_000)
            waiting, _ = silent.accept()  # it has claimed, and waits for the mail server
            process.send_signal(signal.SIGKILL)
            process.wait(60)
        waiting.close()
    notice = SpendNotice.objects.get()
    assert (notice.state, notice.attempts, notice.told) == ("being told", 1, [])
    Teller().tell_due()
    assert mailbox.messages == []
    later(monkeypatch, seconds=CLAIM.total_seconds() + 1)
    Teller().tell_due()
    assert mailbox.recipients() == [ANN]
    notice.refresh_from_db()
    assert (notice.state, notice.attempts) == ("told", 2)


def in_threads(number: int, work: Any) -> list[Any]:
    """What `work` returns in each of so many threads that begin together."""
    together = threading.Barrier(number)
    results: list[Any] = []

    def run() -> None:
        try:
            together.wait()
            results.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_of_many_that_see_a_threshold_reached_one_writes_it_down(project: Project) -> None:
    alert = alert_of(project)
    for threshold in (10, 20, 30):
        alert.threshold = threshold
        alert.save()
        opened = in_threads(8, lambda: SpendNotice.objects.open(alert, "month", today(), 99_000_000))
        assert sorted(opened) == [False] * 7 + [True]


def test_of_many_that_tell_what_is_due_one_does(project: Project, mailbox: Mailbox) -> None:
    alert_of(project)
    alert_of(project, period="day")
    spend(project, 10)
    rounds = in_threads(8, lambda: Watch().round())
    assert len(rounds) == 8
    assert mailbox.recipients() == [ANN, ANN]
    assert {notice.state for notice in SpendNotice.objects.all()} == {"told"}
