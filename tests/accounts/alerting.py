"""What the tests of spend alerts share: alerts, spending, and a watch whose rounds a test makes itself."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from accounts.alerts.watching import Watch, watch
from accounts.limits import spending
from accounts.limits.buckets import LocalStore
from accounts.limits.rules import Account
from accounts.models import Organization, Project, Spend, SpendAlert
from accounts.models.limits import MICRO
from tests.receivers import Hook, Mailbox, hook_server, mail_server

ANN, BOB = "ann@example.com", "bob@example.com"
__all__ = ["hook", "mailbox", "nobody_else_watches"]


@pytest.fixture
def nobody_else_watches(database: None) -> Iterator[None]:
    """The watch of this process rests: a server of another test may have started it."""
    started = watch.keeper.started
    watch.keeper.stop()
    yield
    if started:
        watch.keeper.start()


@pytest.fixture
def hook() -> Iterator[Hook]:
    with hook_server() as hook:
        yield hook


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    """A real mail server, to which this process sends."""
    with mail_server() as mailbox:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", mailbox.port
        yield mailbox


def alert_of(scope: Organization | Project, **fields: Any) -> SpendAlert:
    """An alert for ann at ten dollars a month, unless told otherwise."""
    named = {"organization": scope} if isinstance(scope, Organization) else {"project": scope}
    alert = SpendAlert(**{"threshold": Decimal(10), "recipients": [ANN], **named, **fields})
    alert.full_clean()
    alert.save()
    return alert


def today() -> date:
    return timezone.now().astimezone(UTC).date()


def spend(scope: Organization | Project, dollars: Any, *, day: date | None = None) -> None:
    """Writes more spending, in the day and the month, as the server does."""
    kind = "organization" if isinstance(scope, Organization) else "project"
    day = day or today()
    micro = int(Decimal(str(dollars)) * MICRO)
    name = f"{kind}:{scope.public_id}"
    month = day.replace(day=1)
    costs: dict[Account, int] = {(name, "day", day.isoformat()): micro, (name, "month", month.isoformat()): micro}
    spending.add(costs)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def fresh() -> Watch:
    """A watch as a process has it that has just begun."""
    return Watch(Clock())


def later(monkeypatch: pytest.MonkeyPatch, **by: float) -> datetime:
    """Moves the calendar forwards, from now on."""
    from datetime import timedelta

    moment = timezone.now() + timedelta(**by)
    monkeypatch.setattr("django.utils.timezone.now", lambda: moment)
    return moment


def flushed(watch: Watch, monkeypatch: pytest.MonkeyPatch, project: Project, dollars: Any) -> None:
    """Spends through a store whose keeper writes, and tells this watch of it."""
    store = LocalStore()
    day, month = store.calendar.today()
    micro = int(Decimal(str(dollars)) * MICRO)
    name = f"project:{project.public_id}"
    store.return_pending({(name, "day", day): micro, (name, "month", month): micro})
    monkeypatch.setattr(spending, "watch", watch)
    assert spending.flush(store)


def spent_in_all(scope: str) -> int:
    return sum(Spend.objects.filter(scope=scope, period="month").values_list("micro", flat=True))
